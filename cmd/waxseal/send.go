package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/smtp"
)

type sendCommand struct {
	std        stdio
	flags      transportFlags
	on         failOn
	from       string
	to         []string
	helo       string
	requireTLS bool
	trace      bool
	asJSON     bool
}

func newSend(std stdio) *cobra.Command {
	c := &sendCommand{std: std}
	cmd := &cobra.Command{
		Use:   "send --from ADDRESS --to ADDRESS... FILE|-",
		Short: "Deliver a message to its MX hosts, and say what was proven about them",
		Long: `Deliver one message to the mail servers of the recipients' domain: look up where
it goes, hold each host to DANE or MTA-STS, and say nothing about the message
before the server has satisfied what is asked of it. One try at each host, no
queue: what is deferred is for you to try again. The exit code is 0 whatever
becomes of the message.

All recipients are of one domain. LF line ends are sent as CRLF, the rest as it is:
sign the message first (waxseal sign). 8BITMIME and SMTPUTF8 are asked for where
the message needs them. A message with the field "TLS-Required: No" is delivered
even where a policy would forbid it (RFC 8689); --requiretls has it kept under TLS
on the whole way, or refused.`,
		Example: `  waxseal send --from a@example.net --to b@example.org message.eml
  waxseal sign --domain example.net --selector s --key key.pem message.eml |
    waxseal send --from a@example.net --to b@example.org --state /var/lib/waxseal -
  waxseal send --from a@example.net --to b@example.org --trace --json message.eml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("from") {
				return usage(errors.New("--from is missing"), `name the sender: --from user@example.net, or --from "" for the null reverse-path`)
			}
			return c.run(cmd.Context(), args)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&c.from, "from", "", "`ADDRESS` of the sender in MAIL FROM; empty: the null reverse-path")
	fs.StringArrayVar(&c.to, "to", nil, "`ADDRESS` of a recipient (repeatable, all of one domain)")
	fs.StringVar(&c.helo, "helo", "", "`NAME` to say in EHLO (default: this host's name)")
	fs.BoolVar(&c.requireTLS, "requiretls", false, "ask for REQUIRETLS (RFC 8689)")
	fs.BoolVar(&c.trace, "trace", false, "show the conversation with each server on standard error")
	c.flags.registerPort(cmd)
	c.flags.register(cmd)
	c.on.register(cmd, "deferred or refused")
	fs.BoolVar(&c.asJSON, "json", false, "print one JSON object")
	return cmd
}

// sent is what became of the message, with the plan that it went by.
type sent struct {
	*outbound.Delivery
	Plan  *outbound.Plan `json:"plan"`
	Notes []string       `json:"notes,omitempty"`

	interrupted bool // by the user, before it was delivered
}

func (c *sendCommand) run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return usage(fmt.Errorf("one message is needed, %d given", len(args)), "give a FILE, or - for standard input")
	}
	if err := c.on.validate(map[string][]string{"result": {string(outbound.Delivered), string(outbound.Deferred), string(outbound.Refused)}}); err != nil {
		return err
	}
	m, name, err := c.envelope()
	if err != nil {
		return err
	}
	t, err := c.flags.open(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	mail, err := openOutgoing(c.std, args[0])
	if err != nil {
		return err
	}
	defer mail.src.Close()
	c.describe(m, mail)
	out := &sent{Plan: t.planner.Plan(ctx, name), Notes: mail.notes}
	if err := interrupted(ctx); err != nil {
		return err
	}
	out.Delivery = c.deliverer(t).Deliver(ctx, out.Plan, m)
	out.interrupted = !out.Delivered && ctx.Err() != nil
	if c.asJSON {
		err = json.NewEncoder(c.std.out).Encode(out)
	} else {
		printSent(newPrinter(c.std.out), out)
	}
	if err != nil {
		return err
	}
	if out.interrupted {
		return interrupted(ctx)
	}
	return c.on.check(map[string][]string{"result": {string(out.Result)}})
}

// envelope reads sender and recipients and returns the one domain of the latter.
func (c *sendCommand) envelope() (*outbound.Message, string, error) {
	m := &outbound.Message{Options: smtp.MailOptions{RequireTLS: c.requireTLS}}
	var err error
	if c.from != "" && c.from != "<>" {
		if m.From, err = parseMailbox("--from", c.from); err != nil {
			return nil, "", err
		}
	}
	if len(c.to) == 0 {
		return nil, "", usage(errors.New("--to is missing"), "name a recipient: --to user@example.org")
	}
	for _, s := range c.to {
		to, err := parseMailbox("--to", s)
		if err != nil {
			return nil, "", err
		}
		switch {
		case to.Literal != "":
			return nil, "", usage(fmt.Errorf("--to %q is at an address, not at a domain", s), "an address literal has no MX and nothing that could prove who answers there; use a domain")
		case to.Domain == "":
			return nil, "", usage(fmt.Errorf("--to %q has no domain", s), "write it like user@example.org")
		case isAddress(to.Domain):
			return nil, "", usage(fmt.Errorf("--to %q is at an address, not at a domain", s), "an address has no MX and nothing that could prove who answers there; use a domain")
		case len(m.To) > 0 && to.Domain != m.To[0].Path.Domain:
			return nil, "", usage(fmt.Errorf("recipients at %s and at %s", m.To[0].Path.Domain, to.Domain), "each domain has its own servers and policy: send once for each")
		}
		m.To = append(m.To, smtp.Recipient{Path: to})
	}
	if c.helo == "" {
		c.helo = hostName()
	} else if _, err := domain.Parse(c.helo); err != nil {
		return nil, "", usage(fmt.Errorf("--helo %q is not a host name", c.helo), "give this host's name, like out.example.net")
	}
	return m, string(m.To[0].Path.Domain), nil
}

func isAddress(name domain.Name) bool {
	_, err := netip.ParseAddr(string(name))
	return err == nil
}

func parseMailbox(flag, s string) (smtp.Path, error) {
	p, err := smtp.ParsePath(s)
	if err == nil && p.IsNull() {
		err = errors.New("empty")
	}
	if err != nil {
		return p, usage(fmt.Errorf("%s %q is not an address", flag, s), "write it like user@example.org, without a name beside it")
	}
	return p, nil
}

// describe says in the envelope what the message needs.
func (c *sendCommand) describe(m *outbound.Message, mail *outgoing) {
	m.Open = mail.Open
	m.Options.Size = mail.size
	m.Options.UTF8 = mail.utf8
	if mail.bit8 {
		m.Options.Body = smtp.Body8Bit
	}
	if m.IgnorePolicy = smtp.TLSRequiredNo(mail.header); m.IgnorePolicy {
		note := "the message says TLS-Required: No, so no policy was applied"
		if c.requireTLS {
			note = "the message says TLS-Required: No; --requiretls overrides it"
		}
		mail.notes = append(mail.notes, note)
	}
}

func (c *sendCommand) deliverer(t *transport) *outbound.Deliverer {
	d := &outbound.Deliverer{
		Client: smtp.Client{Hostname: c.helo}, RootCAs: t.roots, Port: c.flags.port, Time: t.clock,
	}
	if c.trace {
		d.Client.Trace = func(sent bool, line string) {
			from := "S"
			if sent {
				from = "C"
			}
			fmt.Fprintf(c.std.err, "%s: %s\n", from, clean(line))
		}
	}
	return d
}
