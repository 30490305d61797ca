package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/resolver"
)

type dnsCommand struct {
	std     stdio
	dns     dnsFlags
	on      failOn
	asJSON  bool
	batch   bool
	trace   bool
	example bool
	serve   serveFlags

	*lookups
	log traceLog
}

func newDNS(std stdio) *cobra.Command {
	d := &dnsCommand{std: std}
	cmd := &cobra.Command{
		Use:   "dns NAME [TYPE]",
		Short: "Look a name up and prove the answer (DNSSEC)",
		Long: `Look up the records of TYPE (default A) at NAME and tell how far the answer is
proven: secure, insecure (the zone is not signed, and that is proven), bogus (it
should be signed and the proof fails), or indeterminate (nobody can tell). The
chain of trust is shown zone by zone.

NAME is with or without the final dot, in any script; for an IP address the
names in the reverse tree are looked up (PTR).

--batch reads lines of NAME [TYPE] from FILE or standard input and prints one
JSON object for each, in their order. --serve answers DNS queries of other
programs on this host over UDP and TCP, with the AD bit set only where the answer
is proven and the bit was asked for. --example takes its answers from a small
tree of zones that comes with the program; without a NAME it shows what becomes
of each kind of zone.

With --json an answer is one object: name, type, status, rcode, records, reason,
ede (the code of RFC 8914) where there is one, and chain, zone by zone; --trace
adds queries. A failed lookup has that form too. The exit code is 0 if there is a
verdict, bogus and SERVFAIL included, and 1 if nobody could be asked.`,
		Example: `  waxseal dns --example
  waxseal dns mx.example.org
  waxseal dns _25._tcp.mx.example.org TLSA --recursive --trace
  waxseal dns 192.0.2.1
  waxseal dns --batch --dns 192.0.2.53 < names.txt
  waxseal dns --serve 127.0.0.1:5353 --recursive`,
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd.Context(), args) },
	}
	d.dns.register(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&d.batch, "batch", false, "look up each line NAME [TYPE] of the FILE given, or of standard input")
	fs.BoolVar(&d.trace, "trace", false, "show each query: below the answer, with --batch and --serve on standard error")
	fs.BoolVar(&d.example, "example", false, "answer from the shipped tree of signed and broken zones; no network")
	d.serve.register(cmd)
	d.on.register(cmd, "bogus or status=insecure")
	fs.BoolVar(&d.asJSON, "json", false, "print one JSON object per answer")
	return cmd
}

// dnsResults are the words that --fail-on can match.
func dnsResults() map[string][]string {
	words := []string{}
	for s := resolver.Indeterminate; s <= resolver.Bogus; s++ {
		words = append(words, s.String())
	}
	return map[string][]string{
		"status": words,
		"rcode":  {"NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"},
	}
}

func (d *dnsCommand) run(ctx context.Context, args []string) error {
	if err := d.check(args); err != nil {
		return err
	}
	questions, err := d.questions(args)
	if err != nil {
		return err
	}
	if err := d.open(); err != nil {
		return err
	}
	switch {
	case d.serve.addr != "":
		return d.runServe(ctx)
	case d.batch:
		return d.runBatch(ctx, args)
	}
	return d.runQuestions(ctx, questions)
}

// check refuses command lines that make no sense.
func (d *dnsCommand) check(args []string) error {
	modes := 0
	for _, on := range []bool{d.batch, d.serve.addr != ""} {
		if on {
			modes++
		}
	}
	switch {
	case modes > 1:
		return usage(errors.New("--batch and --serve together"), "one command does one of them")
	case d.serve.addr != "" && len(args) > 0:
		return usage(errors.New("--serve takes no names"), "other programs ask it; leave out the arguments")
	case d.serve.addr != "" && (d.asJSON || len(d.on.words) > 0):
		return usage(errors.New("--serve prints no answers"), "leave out --json and --fail-on")
	case d.batch && len(args) > 1:
		return usage(errors.New("--batch takes one file"), "waxseal dns --batch FILE, or lines on standard input")
	case modes == 0 && len(args) == 0 && !d.example:
		return usage(errors.New("no name given"), "waxseal dns NAME [TYPE]", "waxseal dns --example shows it without any set-up")
	case modes == 0 && len(args) > 2:
		return usage(fmt.Errorf("%d arguments given, but a question is NAME [TYPE]", len(args)), "for several names use --batch")
	case d.example && (len(d.dns.zones) > 0 || len(d.dns.servers) > 0 || d.dns.recursive):
		return usage(errors.New("--example together with --zone, --dns or --recursive"), "--example answers from its own tree; leave one of them out")
	}
	if err := d.serve.check(); err != nil {
		return err
	}
	return d.on.validate(dnsResults())
}

// questions is what the command line asks itself.
func (d *dnsCommand) questions(args []string) ([]resolver.Question, error) {
	if d.batch || d.serve.addr != "" {
		return nil, nil
	}
	if len(args) == 0 {
		return exampleQuestions(), nil
	}
	q, err := parseQuestion(args)
	return []resolver.Question{q}, err
}

// open builds the resolver that the flags ask for.
func (d *dnsCommand) open() error {
	if d.trace {
		d.dns.trace = d.log.tell
		if d.batch || d.serve.addr != "" {
			d.log.w = d.std.err
		}
	}
	d.dns.keepProof = d.serve.addr != ""
	d.dns.moving = d.serve.addr != ""
	var err error
	if d.example {
		d.lookups, err = d.openExample()
	} else {
		d.lookups, err = d.dns.open()
	}
	return err
}

// found is what came of one question.
type found struct {
	answer  *resolver.Answer
	err     error // why there was nothing to evaluate; nil if there was
	queries []exchange
}

// MarshalJSON writes the answer, with the queries as one field more.
func (f *found) MarshalJSON() ([]byte, error) {
	text, err := f.answer.MarshalJSON()
	if err != nil || f.queries == nil {
		return text, err
	}
	queries, err := json.Marshal(f.queries)
	if err != nil {
		return nil, err
	}
	return append(append(append(text[:len(text)-1], `,"queries":`...), queries...), '}'), nil
}

// lookup asks one question. A failure has the form of an answer too. The error
// is set where nobody could be asked: that is no verdict about the name.
func (d *dnsCommand) lookup(ctx context.Context, q resolver.Question) (*found, error) {
	a, err := d.cache.Lookup(ctx, q.Name, q.Type)
	if err == nil {
		return &found{answer: a}, nil
	}
	var e *resolver.Error
	if !errors.As(err, &e) {
		return nil, fail(errors.New("interrupted"))
	}
	out := &found{answer: e.AsAnswer()}
	switch e.Reason {
	case resolver.BogusAnswer, resolver.ServerFailed, resolver.Limit, resolver.BadReply:
	default:
		out.err = fail(fmt.Errorf("%s %s: %s", q.Name, q.Type, resolver.ReasonOf(e)), d.failureHints(e)...)
	}
	return out, nil
}

// failureHints say what to do where nobody could be asked.
func (d *dnsCommand) failureHints(e *resolver.Error) []string {
	switch e.Reason {
	case resolver.NoDNSSEC:
		return []string{strippedHint, "--dnssec auto goes on without proof"}
	case resolver.Timeout, resolver.Unreachable:
		if d.dns.recursive {
			return []string{"does this host reach port 53 of other networks? Behind a firewall name a resolver with --dns ADDR"}
		}
		return []string{"is the server running and reachable? Name another with --dns ADDR, or use --recursive"}
	case resolver.InvalidName:
		return []string{"write it like mail.example.org; records of type RRSIG are shown with what they sign"}
	}
	return nil
}

const strippedHint = "this server passes no signatures on: name another with --dns ADDR, or use --recursive"

// runQuestions looks the names of the command line up, one after the other.
func (d *dnsCommand) runQuestions(ctx context.Context, questions []resolver.Question) error {
	w := bufio.NewWriter(d.std.out)
	p := newPrinter(d.std.out)
	p.w = w
	var failed, matched error
	for i, q := range questions {
		out, err := d.lookup(ctx, q)
		if err != nil {
			return err
		}
		if d.trace {
			out.queries = d.log.take()
		}
		if d.asJSON {
			err = json.NewEncoder(w).Encode(out)
		} else {
			if i > 0 {
				p.line("")
			}
			d.print(p, out)
		}
		if err = errors.Join(err, w.Flush()); err != nil {
			return err
		}
		if out.err != nil {
			failed = out.err
		}
		if err := d.match(out.answer); err != nil {
			matched = err
		}
	}
	if failed != nil {
		return failed
	}
	return matched
}

// match is --fail-on.
func (d *dnsCommand) match(a *resolver.Answer) error {
	return d.on.check(map[string][]string{
		"status": {a.Status.String()}, "rcode": {strings.ToUpper(a.RCode.String())},
	})
}
