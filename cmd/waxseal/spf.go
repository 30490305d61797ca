package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/spf"
)

// envelopeFlags are what the SMTP session knew of the sender.
type envelopeFlags struct {
	ip, helo, mailFrom string
}

func (f *envelopeFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.ip, "ip", "", "`ADDRESS` of the client that sent the message")
	fs.StringVar(&f.helo, "helo", "", "`NAME` it gave in HELO or EHLO")
	fs.StringVar(&f.mailFrom, "mail-from", "", "`ADDRESS` in MAIL FROM (empty: the null reverse-path, postmaster@HELO is checked)")
}

func (f *envelopeFlags) addr() (netip.Addr, error) {
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(f.ip, "["), "]"))
	if err != nil {
		return ip, usage(fmt.Errorf("--ip %q is not an IP address", f.ip), "write it like 192.0.2.1 or 2001:db8::1")
	}
	return ip.WithZone(""), nil
}

// reversePath takes the angle brackets off that people copy along.
func (f *envelopeFlags) reversePath() string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(f.mailFrom), "<"), ">")
}

func newSPF(std stdio) *cobra.Command {
	var (
		dns      dnsFlags
		env      envelopeFlags
		on       failOn
		asJSON   bool
		receiver string
	)
	cmd := &cobra.Command{
		Use:   "spf --ip IP --helo NAME [--mail-from ADDRESS]",
		Short: "Check whether a host may send for a domain (SPF)",
		Long: `Evaluate SPF (RFC 7208) for a client as a receiving server would, and show each
term of the record, what it looked up and whether it matched.

With an empty --mail-from the HELO identity is checked (postmaster@HELO).`,
		Example: `  waxseal spf --ip 192.0.2.4 --helo out.bank.example --mail-from service@bank.example
  waxseal spf --ip 2001:db8::1 --helo mx.example.org --mail-from a@example.org --json`,
		Args: exactArgs(0, "only flags"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if env.ip == "" {
				return usage(fmt.Errorf("--ip is missing"), "SPF asks whether this address may send: give it with --ip")
			}
			if env.helo == "" && env.mailFrom == "" {
				return usage(fmt.Errorf("neither --helo nor --mail-from is given"), "name the domain to check: --mail-from user@example.org")
			}
			if err := on.validate(map[string][]string{"spf": spfResults}); err != nil {
				return err
			}
			ip, err := env.addr()
			if err != nil {
				return err
			}
			clock, err := dns.clock()
			if err != nil {
				return err
			}
			r, err := dns.resolver()
			if err != nil {
				return err
			}
			c := spf.Checker{Resolver: r, Receiver: receiver, Time: clock, Trace: true}
			e := c.CheckHost(cmd.Context(), spf.Args{IP: ip, Helo: env.helo, MailFrom: env.reversePath()})
			if err := cmd.Context().Err(); err != nil {
				return fail(errInterrupted)
			}
			if asJSON {
				if err := json.NewEncoder(std.out).Encode(e); err != nil {
					return err
				}
			} else {
				p := newPrinter(std.out)
				p.line("%s", spfHeadline(p, ip, &e))
				p.tree(spfNode(&e))
				if p.err != nil {
					return p.err
				}
			}
			return on.check(map[string][]string{"spf": {string(e.Result)}})
		},
	}
	env.register(cmd)
	cmd.Flags().StringVar(&receiver, "receiver", "", "`NAME` of the receiving host, for the %{r} macro")
	dns.register(cmd)
	on.register(cmd, "fail or softfail")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

var spfResults = []string{
	string(spf.Pass), string(spf.Fail), string(spf.SoftFail), string(spf.Neutral),
	string(spf.None), string(spf.PermError), string(spf.TempError),
}

func spfHeadline(p *printer, ip netip.Addr, e *spf.Evaluation) string {
	word := map[spf.Result]string{
		spf.Pass: "yes", spf.Fail: "no", spf.SoftFail: "probably not",
		spf.Neutral: "the domain does not say", spf.None: "the domain does not say",
		spf.TempError: "cannot be told now", spf.PermError: "cannot be told, the record is broken",
	}[e.Result]
	return clean(fmt.Sprintf("May %s send for %s? ", ip, orDash(e.Domain))) + p.paint(markOf(string(e.Result)), word) + "."
}

// spfNode is the evidence tree of one evaluation.
func spfNode(e *spf.Evaluation) *node {
	what := "of MAIL FROM"
	if e.Identity == spf.Helo {
		what = "of HELO"
	}
	n := &node{word: string(e.Result), mark: markOf(string(e.Result)), text: fmt.Sprintf("SPF %s %s", what, orDash(e.Domain))}
	n.add(note("%s", e.Reason))
	if e.Explanation != "" {
		n.add(note("the domain explains: %s", e.Explanation))
	}
	n.add(note("%d of %d lookups, %d of %d void, DNSSEC %s", e.Lookups, spf.MaxLookups, e.VoidLookups, spf.MaxVoidLookups, e.DNSSEC))
	for i := range e.Trace {
		n.add(stepNode(&e.Trace[i]))
	}
	return n
}

func stepNode(s *spf.Step) *node {
	n := &node{word: s.Outcome, mark: dim, text: s.Term}
	switch s.Outcome {
	case spf.Match:
		n.mark = good
	case string(spf.TempError), string(spf.PermError):
		n.mark = bad
	}
	if s.Domain != "" {
		n.text += "  (" + s.Domain + ")"
	}
	if s.Result != "" {
		n.text += " gives " + string(s.Result)
	}
	for i := range s.Lookups {
		n.add(lookupNode(&s.Lookups[i]))
	}
	for i := range s.Steps {
		n.add(stepNode(&s.Steps[i]))
	}
	return n
}

func lookupNode(l *spf.Lookup) *node {
	text := l.RCode
	switch {
	case l.Reason != "":
		text = l.Reason
	case len(l.Values) > 0:
		text = strings.Join(l.Values, ", ")
	case l.RCode == "NOERROR":
		text = "no such records"
	}
	if l.Status != resolver.Indeterminate {
		text += " [" + l.Status.String() + "]"
	}
	return note("%s %s: %s", l.Name, l.Type, text)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
