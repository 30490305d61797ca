package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/lookalike"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/spf"
)

// example is the small world that verify --example shows: a zone, a message that
// a bank really signed, and one that only says it is from the bank.
//
//go:embed example/bank.zone example/genuine.eml example/spoofed.eml
var example embed.FS

type verifyCommand struct {
	std         stdio
	dns         dnsFlags
	env         envelopeFlags
	on          failOn
	authServID  string
	fromHeaders bool
	example     bool
	asJSON      bool
	sealers     []string
	lists       []string
	protect     []string
	rcptTo      []string

	checker inbound.Checker
	trust   inbound.Trust
}

func newVerify(std stdio) *cobra.Command {
	v := &verifyCommand{std: std}
	cmd := &cobra.Command{
		Use:   "verify [FILE|-]...",
		Short: "Tell who sent a message: SPF, DKIM, ARC and DMARC with their evidence",
		Long: `Verify messages as a receiving server would and show what each verdict rests on.

A FILE is a message, an mbox file, a Maildir or a folder of messages; - is
standard input. A message with bare LF line ends is read as CRLF. SPF needs the
connection the message came by: give it with --ip, --helo and --mail-from, or let
--from-headers read it from the topmost Received and Return-Path of the message,
which are true only if your own server wrote them. What then stands above that
Received under --authserv-id are your server's own results: they are left out.

DKIM signatures that no one should rely on are "policy", never "pass": rsa-sha1,
RSA keys under 1024 bits, and l= that leaves a part of the body unsigned. Of a
message with more than ten signatures ten are evaluated, those of the author's
domain first.

With --json one object is printed for each message, on a line of its own.`,
		Example: `  waxseal verify --example
  waxseal verify --ip 192.0.2.4 --helo out.bank.example --mail-from service@bank.example message.eml
  waxseal verify --from-headers --json ~/Maildir
  waxseal verify --fail-on dmarc=fail - < message.eml`,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd.Context(), args) },
	}
	v.env.register(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&v.fromHeaders, "from-headers", false, "take address, HELO and MAIL FROM from the message's own top Received and Return-Path")
	fs.StringVar(&v.authServID, "authserv-id", "", "`NAME` under which results are written (default: this host's name)")
	fs.StringSliceVar(&v.sealers, "trusted-sealer", nil, "believe this `DOMAIN`'s ARC seals when DMARC fails (repeatable)")
	fs.StringSliceVar(&v.lists, "trusted-list", nil, "believe mail authenticated as this list `DOMAIN` when DMARC fails (repeatable)")
	fs.StringSliceVar(&v.protect, "protect", nil, "your own `DOMAIN`: names and domains that look like it are found (repeatable)")
	fs.StringSliceVar(&v.rcptTo, "rcpt-to", nil, "`ADDRESS` in RCPT TO: an author who shows it as his own is found (repeatable)")
	fs.BoolVar(&v.example, "example", false, "verify the shipped example messages against the shipped zone; no network")
	v.dns.register(cmd)
	v.on.register(cmd, "dmarc=fail or temperror")
	fs.BoolVar(&v.asJSON, "json", false, "print one JSON object per message")
	return cmd
}

func (v *verifyCommand) run(ctx context.Context, args []string) error {
	if err := v.prepare(args); err != nil {
		return err
	}
	if v.example {
		return v.runExample(ctx)
	}
	inputs, err := listInputs(args)
	if err != nil {
		return err
	}
	return v.runInputs(ctx, inputs)
}

// prepare checks the flags and builds the checker.
func (v *verifyCommand) prepare(args []string) error {
	switch {
	case v.example && len(args) > 0:
		return usage(errors.New("--example takes no files"), "leave out --example to verify your own")
	case v.example:
	case len(args) == 0:
		return usage(errors.New("no message given"), "waxseal verify FILE, or - for standard input", "waxseal verify --example shows one without any set-up")
	case v.fromHeaders && (v.env.ip != "" || v.env.helo != "" || v.env.mailFrom != ""):
		return usage(errors.New("--from-headers together with --ip, --helo or --mail-from"), "either name the connection or have it read from the message")
	}
	if err := v.on.validate(verifyResults); err != nil {
		return err
	}
	if v.authServID == "" {
		v.authServID = hostName()
	}
	if _, err := domain.Parse(v.authServID); err != nil {
		return usage(fmt.Errorf("--authserv-id %q is not a host name", v.authServID), "give the name of the server that verifies, like mx.example.org")
	}
	var err error
	if v.trust.Sealers, err = parseDomains("--trusted-sealer", v.sealers); err != nil {
		return err
	}
	if v.trust.Lists, err = parseDomains("--trusted-list", v.lists); err != nil {
		return err
	}
	own, err := parseDomains("--protect", v.protect)
	if err != nil {
		return err
	}
	v.checker = inbound.Checker{
		AuthServID: v.authServID, Trace: true,
		Lookalike:  &lookalike.Inspector{Protected: lookalike.Protected{Domains: own}},
		SPFRecords: new(spf.RecordCache), Keys: new(dkim.KeyCache), DMARCRecords: new(dmarc.RecordCache),
	}
	if v.checker.Time, err = v.dns.clock(); err != nil {
		return err
	}
	if v.example {
		return v.loadExampleZone()
	}
	v.checker.Resolver, err = v.dns.resolver()
	return err
}

// verifyResults are the results that each control can have.
var verifyResults = map[string][]string{
	"spf":   spfResults,
	"dkim":  {"pass", "fail", "policy", "neutral", "none", "permerror", "temperror"},
	"arc":   {"pass", "fail", "none"},
	"dmarc": {"pass", "fail", "none", "permerror", "temperror"},
}

func parseDomains(flag string, list []string) ([]domain.Name, error) {
	var names []domain.Name
	for _, s := range list {
		n, err := domain.Parse(s)
		if err != nil {
			return nil, usage(fmt.Errorf("%s %q is not a domain name", flag, s), "give a name like lists.example.org")
		}
		names = append(names, n)
	}
	return names, nil
}

// hostName is this host's name where it has one that fits.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	if _, err := domain.Parse(name); err != nil {
		return "localhost"
	}
	return name
}

// verified is one message's outcome, ready to be printed.
type verified struct {
	name    string
	verdict *inbound.Verdict
	notes   []string // what was assumed about the connection
}

// verify reads and checks one message.
func (v *verifyCommand) verify(ctx context.Context, name string, r io.Reader) (*verified, error) {
	msg, err := message.Read(r)
	var limit *message.Error
	if err != nil && !errors.As(err, &limit) {
		return nil, fail(fmt.Errorf("%s: %w", name, err))
	}
	env, notes, err := v.envelope(msg)
	if err != nil {
		return nil, err
	}
	verdict, err := v.checker.CheckMessage(ctx, env, msg, limit)
	if err != nil {
		return nil, fail(fmt.Errorf("%s: %w", name, err))
	}
	verdict.Apply(inbound.Decide(verdict, inbound.Policy{DMARC: inbound.Enforce, Trust: v.trust}))
	verdict.SetHeader(v.authServID)
	return &verified{name, verdict, notes}, nil
}

// envelope is what the flags say of the connection, or the message itself.
func (v *verifyCommand) envelope(msg *message.Message) (inbound.Envelope, []string, error) {
	if v.fromHeaders {
		return v.headerEnvelope(msg)
	}
	env := inbound.Envelope{Helo: v.env.helo, MailFrom: v.env.reversePath(), RcptTo: v.rcptTo}
	if v.env.ip == "" {
		if env.Helo != "" || env.MailFrom != "" {
			return env, nil, usage(errors.New("--ip is missing"), "SPF needs the client's address beside --helo and --mail-from")
		}
		return env, []string{"no --ip given: SPF is not evaluated (see --from-headers)"}, nil
	}
	ip, err := v.env.addr()
	env.RemoteAddr = ip
	return env, nil, err
}

// headerEnvelope reads the connection from the message's own trace fields.
func (v *verifyCommand) headerEnvelope(msg *message.Message) (inbound.Envelope, []string, error) {
	trace, err := msg.Header.Trace()
	var notes []string
	if err != nil {
		notes = append(notes, "not all of the connection can be read from the header: "+err.Error())
	}
	if own := withoutOwn(msg, trace.Received, v.checker.AuthServID); own > 0 {
		notes = append(notes, fmt.Sprintf("left out, as %s wrote them itself: %d Authentication-Results above its Received field", v.checker.AuthServID, own))
	}
	if !trace.IP.IsValid() {
		return inbound.Envelope{}, append(notes, "no client address: SPF is not evaluated"), nil
	}
	if trace.NoPath {
		// Under a null reverse-path HELO would align, which nobody said there was.
		return inbound.Envelope{}, append(notes, "no MAIL FROM: SPF is not evaluated"), nil
	}
	env := inbound.Envelope{RemoteAddr: trace.IP, Helo: trace.Helo, MailFrom: trace.MailFrom, RcptTo: v.rcptTo}
	note := fmt.Sprintf("connection read from the message's own header: client %s, HELO %s, MAIL FROM <%s>", trace.IP, orDash(trace.Helo), trace.MailFrom)
	return env, append(notes, note), nil
}

// withoutOwn takes this server's own results out of the header and counts them: the
// fields above the Received field at the index received. Who sent the message could
// not write there; the results would otherwise be taken for forged.
func withoutOwn(msg *message.Message, received int, authServID string) int {
	own := authres.Forged(&message.Header{Fields: msg.Header.Fields[:received]}, authServID)
	if len(own) == 0 {
		return 0
	}
	h, err := message.ParseHeader(authres.Remove(msg.Header, own))
	if err != nil { // over a limit, as it was before
		return 0
	}
	msg.Header = h
	return len(own)
}

// print writes one outcome and remembers what --fail-on asks for.
func (v *verifyCommand) print(p *printer, out *verified, named bool) error {
	if v.asJSON {
		line := struct {
			Input string   `json:"input,omitempty"`
			Notes []string `json:"notes,omitempty"`
			*inbound.Verdict
		}{out.name, out.notes, out.verdict}
		if err := json.NewEncoder(v.std.out).Encode(line); err != nil {
			return err
		}
	} else {
		name := ""
		if named {
			name = out.name
		}
		printVerdict(p, name, out.verdict, out.notes)
		if p.err != nil {
			return p.err
		}
	}
	return v.on.check(results(out.verdict))
}

// results lists what --fail-on can match.
func results(v *inbound.Verdict) map[string][]string {
	m := map[string][]string{
		"spf": {string(v.SPF.Result)}, "arc": {string(v.ARC.Result)}, "dmarc": {string(v.DMARC.Result)},
	}
	for i := range v.DKIM {
		m["dkim"] = append(m["dkim"], string(v.DKIM[i].Result))
	}
	if len(v.DKIM) == 0 {
		m["dkim"] = []string{string(dkim.None)}
	}
	return m
}

func (v *verifyCommand) loadExampleZone() error {
	file, err := example.Open("example/bank.zone")
	if err != nil {
		return err
	}
	defer file.Close()
	zones, err := zonefile.Parse(file, "bank.zone")
	if err != nil {
		return err
	}
	v.checker.Resolver, err = v.dns.zoneResolver(zones)
	return err
}

// runExample verifies the two shipped messages.
func (v *verifyCommand) runExample(ctx context.Context) error {
	v.fromHeaders = true
	p := newPrinter(v.std.out)
	var matched error
	for i, name := range []string{"genuine.eml", "spoofed.eml"} {
		text, err := example.ReadFile("example/" + name)
		if err != nil {
			return err
		}
		out, err := v.verify(ctx, "example/"+name, strings.NewReader(string(text)))
		if err != nil {
			return err
		}
		if i > 0 && !v.asJSON {
			p.line("")
		}
		if err := v.print(p, out, true); err != nil {
			matched = err
		}
	}
	return matched
}
