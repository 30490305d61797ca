package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
)

type sealCommand struct {
	std        stdio
	dns        dnsFlags
	domains    []string
	selectors  []string
	keys       []string
	authServID string
	headers    string
	fieldsOnly bool
}

func newSeal(std stdio) *cobra.Command {
	s := &sealCommand{std: std}
	cmd := &cobra.Command{
		Use:   "seal --domain DOMAIN --selector SELECTOR --key FILE --authserv-id ID [FILE|-]",
		Short: "Add an ARC set to a message that is passed on",
		Long: `Validate the ARC chain of a message, add a set that says what was found (RFC
8617), and print the message with the set in front.

The Authentication-Results fields of ID in the message are merged into the set;
they must be your own server's, with forged ones removed. The result of the chain
(cv) is worked out here, which looks keys up. To a chain that was sealed as failed
nothing may be added: the message is then printed as it came, and said so.`,
		Example: `  waxseal seal --domain list.example --selector arc1 --key arc.pem --authserv-id mx.list.example message.eml`,
		RunE:    func(cmd *cobra.Command, args []string) error { return s.run(cmd.Context(), args) },
	}
	fs := cmd.Flags()
	keyFlags(cmd, &s.domains, &s.selectors, &s.keys)
	fs.StringVar(&s.authServID, "authserv-id", "", "`NAME` whose Authentication-Results are merged into the set")
	fs.StringVar(&s.headers, "headers", "", "sign these `FIELDS` only, names joined by colons (default: all that matter)")
	fs.BoolVar(&s.fieldsOnly, "fields-only", false, "print only the three ARC fields")
	s.dns.register(cmd)
	fs.Lookup("at").Usage = "validate and seal as of this `TIME` (RFC 3339)"
	return cmd
}

func (s *sealCommand) run(ctx context.Context, args []string) error {
	keys, err := loadKeys(s.domains, s.selectors, s.keys, nil)
	if err != nil {
		return err
	}
	if len(keys) != 1 {
		return usage(fmt.Errorf("%d keys given", len(keys)), "a set is sealed with one key")
	}
	if s.authServID == "" {
		return usage(errors.New("--authserv-id is missing"), "name the server whose Authentication-Results go into the set")
	}
	if _, err := domain.Parse(s.authServID); err != nil {
		return usage(fmt.Errorf("--authserv-id %q is not a host name", s.authServID), "give the name of the server that verified, like mx.example.org")
	}
	clock, err := s.dns.clock()
	if err != nil {
		return err
	}
	r, err := s.dns.resolver()
	if err != nil {
		return err
	}
	if keys[0].Algorithm() != dkim.RSASHA256 {
		fmt.Fprintln(s.std.err, "waxseal: warning: RFC 8617 knows RSA alone; with an Ed25519 key most receivers find the chain broken")
	}
	sealer := &arc.Sealer{Key: keys[0], AuthServID: s.authServID, Time: clock}
	if s.headers != "" {
		sealer.Fields = strings.Split(s.headers, ":")
	}
	validator := &arc.Validator{Resolver: r, Time: clock}
	return rewrite(s.std, args, s.fieldsOnly, func(msg *message.Message) ([]byte, error) {
		return s.seal(ctx, sealer, validator, msg)
	})
}

// seal returns the fields of the new set; none where the chain has ended.
func (s *sealCommand) seal(ctx context.Context, sealer *arc.Sealer, validator *arc.Validator, msg *message.Message) ([]byte, error) {
	const wait = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	fields, v, err := sealer.Seal(ctx, validator, msg.Header, msg.Body)
	var e *arc.Error
	switch {
	case errors.As(err, &e) && (e.Reason == arc.ChainEnded || e.Reason == arc.ChainFull):
		fmt.Fprintf(s.std.err, "waxseal: nothing added: %s\n", strings.TrimPrefix(e.Error(), "arc: "))
		return nil, nil
	case errors.As(err, &e) && e.Reason == arc.Undecided:
		return nil, fail(err, "try again when the keys can be looked up; a set sealed now would end the chain for ever")
	case errors.As(err, &e) && e.Reason == arc.BadField:
		return nil, usage(err, "leave ARC fields and Authentication-Results out of --headers")
	case err != nil:
		return nil, fail(err)
	case v.Result == arc.Fail:
		fmt.Fprintf(s.std.err, "waxseal: warning: the chain fails and is sealed as failed: %s\n", clean(v.Reason))
	}
	return fields, nil
}
