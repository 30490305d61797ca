package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/resolver"
)

type daneCommand struct {
	std    stdio
	dns    dnsFlags
	on     failOn
	host   string
	port   uint16
	tlsa   []string
	names  []string
	chain  string
	makeOf string
	asJSON bool
}

func newDANE(std stdio) *cobra.Command {
	c := &daneCommand{std: std}
	cmd := &cobra.Command{
		Use:   "dane --host NAME [--tlsa RECORD]... [--chain PEM] | --make CERT",
		Short: "Hold a server's certificates against TLSA records, or make the record",
		Long: `Tell whether the certificates in a PEM file, the server's own first, are those
that TLSA records of the host mean (RFC 6698, 7671, 7672). The records are given
with --tlsa, or looked up and proven by DNSSEC at _PORT._tcp.HOST; then, without
--chain, what is proven about them is all that is said.

Results: match; no-match, senders that use DANE defer mail to this host; unusable,
there are records and none can be used: TLS is demanded and nobody authenticated;
none, no DANE for this host; failed, a lookup did, and mail waits.

--make prints the record to publish for the certificate in CERT: 3 1 1, the one
that survives a renewal with the same key.`,
		Example: `  waxseal dane --host mx.example.org
  waxseal dane --host mx.example.org --chain fullchain.pem
  waxseal dane --host mx.example.org --tlsa "3 1 1 8d02536c..." --chain fullchain.pem
  waxseal dane --make fullchain.pem --host mx.example.org`,
		Args: exactArgs(0, "only flags"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	fs := cmd.Flags()
	fs.StringVar(&c.host, "host", "", "`NAME` of the MX host")
	fs.Uint16Var(&c.port, "port", 25, "`PORT` of the server")
	fs.StringArrayVar(&c.tlsa, "tlsa", nil, "a TLSA `RECORD` as in a zone file, \"3 1 1 HEX\" (repeatable; default: look them up)")
	fs.StringVar(&c.chain, "chain", "", "the certificates that the server shows, a PEM `FILE`, its own first")
	fs.StringArrayVar(&c.names, "name", nil, "a further `NAME` that a certificate under a DANE-TA record may be for, such as the recipient's domain (repeatable)")
	fs.StringVar(&c.makeOf, "make", "", "print the record for the first certificate of this `FILE`")
	c.dns.register(cmd)
	c.on.register(cmd, "no-match or unusable")
	fs.BoolVar(&c.asJSON, "json", false, "print one JSON object")
	return cmd
}

const chainHint = "--chain takes a PEM file with the certificates that the server shows, its own first"

func (c *daneCommand) run(ctx context.Context) error {
	switch {
	case c.makeOf != "" && (len(c.tlsa) > 0 || c.chain != ""):
		return usage(errors.New("--make together with --tlsa or --chain"), "--make prints a record; leave the others out to check one")
	case c.makeOf != "":
		return c.runMake()
	case c.host == "":
		return usage(errors.New("--host is missing"), "name the MX host, like --host mx.example.org")
	case len(c.tlsa) > 0 && c.chain == "":
		return usage(errors.New("--tlsa without --chain"), chainHint)
	case c.port == 0:
		return usage(errors.New("--port 0 is no port"), "mail servers listen at 25")
	}
	if err := c.on.validate(map[string][]string{"dane": daneResults()}); err != nil {
		return err
	}
	host, err := policyDomain(c.host)
	if err != nil {
		return err
	}
	c.host = host
	r, err := c.evaluate(ctx)
	if err != nil {
		return err
	}
	if c.asJSON {
		if err := json.NewEncoder(c.std.out).Encode(r); err != nil {
			return err
		}
	} else {
		c.print(newPrinter(c.std.out), r)
	}
	return c.on.check(map[string][]string{"dane": {string(r.Result)}})
}

// Results of the command beside those of dane.Verify.
const (
	daneFound  dane.Result = "usable" // records, and no certificates to hold against them
	daneFailed dane.Result = "failed"
)

func daneResults() []string {
	return []string{string(dane.Matched), string(dane.NoMatch), string(dane.Unusable), string(dane.None), string(daneFound), string(daneFailed)}
}

// daneReport is a match and the lookups that its records are from.
type daneReport struct {
	dane.Match
	Discovery *dane.Discovery `json:"discovery,omitempty"`
}

func (c *daneCommand) evaluate(ctx context.Context) (*daneReport, error) {
	now := time.Now()
	clock, err := c.dns.clock()
	if err != nil {
		return nil, err
	}
	if clock != nil {
		now = clock()
	}
	names := append([]string{c.host}, c.names...)
	r := &daneReport{}
	var records []dane.Record
	for _, text := range c.tlsa {
		rec, err := dane.Parse(text)
		if err != nil {
			return nil, usage(fmt.Errorf("--tlsa %q is no TLSA record: %s", text, strings.TrimPrefix(err.Error(), "dane: ")), `write it as in a zone file: --tlsa "3 1 1 HEX"`)
		}
		records = append(records, rec)
	}
	if len(c.tlsa) == 0 {
		if err := c.discover(ctx, r); err != nil || r.Result != daneFound {
			return r, err
		}
		records, names = r.Discovery.Records, r.Discovery.Names(c.names...)
	}
	if c.chain == "" {
		return r, nil
	}
	chain, err := loadCertificates(c.chain, chainHint)
	if err != nil {
		return nil, err
	}
	r.Match = dane.Verify(records, chain, names, now)
	return r, nil
}

// discover looks the records up and says what that proves.
func (c *daneCommand) discover(ctx context.Context, r *daneReport) error {
	res, err := c.dns.resolver()
	if err != nil {
		return err
	}
	d := dane.Discover(ctx, res, c.host, c.port)
	if err := interrupted(ctx); err != nil {
		return err
	}
	r.Discovery = d
	r.Match = dane.Match{Result: dane.None, Depth: -1, Reason: d.Reason, Records: dane.Select(d.Records)}
	switch d.Outcome {
	case dane.UsableRecords:
		r.Result = daneFound
	case dane.UnusableRecords:
		r.Result = dane.Unusable
	case dane.LookupFailed:
		r.Result = daneFailed
	}
	return nil
}

// runMake prints the record for a certificate.
func (c *daneCommand) runMake() error {
	certs, err := loadCertificates(c.makeOf, "--make takes a PEM file with the server's certificate first")
	if err != nil {
		return err
	}
	rec := dane.MakeRecord(certs[0])
	owner := ""
	if c.host != "" {
		host, err := policyDomain(c.host)
		if err != nil {
			return err
		}
		owner = fmt.Sprintf("_%d._tcp.%s.", c.port, host)
	}
	if c.asJSON {
		return json.NewEncoder(c.std.out).Encode(struct {
			Owner  string `json:"owner,omitempty"`
			Record string `json:"record"`
		}{owner, rec.String()})
	}
	if owner != "" {
		fmt.Fprintf(c.std.out, "%s IN TLSA ", owner)
	}
	_, err = fmt.Fprintln(c.std.out, rec)
	return err
}

// print writes the result for a person.
func (c *daneCommand) print(p *printer, r *daneReport) {
	word, m, why := daneConclusion(r)
	p.line("%s%s. %s", clean("DANE of "+displayName(c.host)+": "), p.paint(m, word), clean(sentence(r.Reason)))
	if why != "" {
		p.line("%s", p.paint(dim, clean(why)))
	}
	top := note("port %d", c.port)
	if r.Discovery != nil {
		p.unproven(r.Discovery.Status)
		for _, n := range discoveryNotes(r.Discovery, nil)[:len(r.Discovery.Lookups)] {
			top.add(n)
		}
	}
	for i := range r.Records {
		top.add(consideredNode(&r.Records[i]))
	}
	p.tree(top)
}

// consideredNode is one record and what became of it.
func consideredNode(x *dane.Considered) *node {
	n := &node{word: string(x.State), mark: dim, text: "TLSA " + shortRecord(x.Record)}
	switch x.State {
	case dane.StateMatched:
		n.mark = good
	case dane.StateNoMatch, dane.StateUnusable:
		n.mark = doubt
	case dane.StateUnasked:
		n.word = ""
	}
	if x.Reason != "" {
		n.add(note("%s", x.Reason))
	}
	return n
}

// daneConclusion says what the result means and who can do what about it.
func daneConclusion(r *daneReport) (word string, m mark, why string) {
	switch r.Result {
	case dane.Matched:
		return "match", good, ""
	case dane.NoMatch:
		return "no match", bad, "Senders that use DANE defer mail to this host. Whoever runs it must publish the record of the certificate in use, or go back to the certificate that is published."
	case dane.Unusable:
		return "unusable", doubt, "Senders still demand TLS, but authenticate nobody. Whoever runs the host should publish a 3 1 1 record (waxseal dane --make)."
	case daneFound:
		return "demanded", good, "A server that does not match gets no mail. --chain FILE tells whether its certificates do."
	case daneFailed:
		return "cannot be told now", bad, "Senders that use DANE defer mail to this host until the lookup works: that is what keeps an attacker from switching DANE off. " + failedBlame(r.Discovery)
	}
	if r.Discovery != nil && r.Discovery.Outcome == dane.NoRecords {
		return "none", doubt, "The zone is signed: whoever runs the host can publish a record (waxseal dane --make)."
	}
	return "none", doubt, ""
}

func failedBlame(d *dane.Discovery) string {
	for _, l := range d.Lookups {
		if !l.Failed {
			continue
		}
		if l.Status == resolver.Bogus {
			return "The proof fails: whoever signs the zone must mend it, or somebody on the way forges. See waxseal dns " + l.Name + " " + l.Type.String() + "."
		}
		return "Its name servers must answer: see waxseal dns " + strings.TrimSuffix(l.Name, ".") + " " + l.Type.String() + "."
	}
	return ""
}
