package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/outbound"
)

func newTLSPolicy(std stdio) *cobra.Command {
	var (
		flags  transportFlags
		on     failOn
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "tls-policy DOMAIN",
		Short: "Tell what protects the way to a domain's mail servers (DANE, MTA-STS)",
		Long: `Look up where the mail of DOMAIN goes and what a sender must ask of each MX host:
DANE (RFC 7672) where it applies, else MTA-STS (RFC 8461), never the weaker of the
two. Nobody is connected to but DNS and the domain's MTA-STS policy host.

Policies: dane, the server must match the TLSA records; mta-sts, it needs a
certificate for its name by a CA that counts; dane-unauthenticated, TLS with
whomever; opportunistic, TLS where it works. A lookup that fails defers the mail
and is never taken for "no policy".`,
		Example: `  waxseal tls-policy example.org
  waxseal tls-policy example.org --recursive --json
  waxseal tls-policy example.org --state /var/lib/waxseal --fail-on opportunistic`,
		Args: exactArgs(1, "one domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := on.validate(planResults()); err != nil {
				return err
			}
			name, err := policyDomain(args[0])
			if err != nil {
				return err
			}
			t, err := flags.open(ctx)
			if err != nil {
				return err
			}
			defer t.close()
			plan := t.planner.Plan(ctx, name)
			if err := interrupted(ctx); err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(std.out).Encode(plan)
			} else {
				printPlan(newPrinter(std.out), plan)
			}
			if err != nil {
				return err
			}
			return on.check(map[string][]string{"mechanism": {string(plan.Mechanism)}, "outcome": {string(plan.Outcome)}})
		},
	}
	flags.registerPort(cmd)
	flags.register(cmd)
	on.register(cmd, "opportunistic or outcome=defer")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func planResults() map[string][]string {
	var words []string
	for _, m := range []outbound.Mechanism{outbound.MechanismDANE, outbound.MechanismMTASTS, outbound.MechanismOpportunistic, outbound.MechanismNone} {
		words = append(words, string(m))
	}
	return map[string][]string{
		"mechanism": words,
		"outcome":   {string(outbound.Deliver), string(outbound.Defer), string(outbound.Reject)},
	}
}

// policyDomain reads a domain as people give it: with a final dot, in any script,
// or as the address of somebody there.
func policyDomain(s string) (string, error) {
	if strings.Contains(s, "@") {
		_, s, _ = strings.Cut(s, "@")
	}
	n, err := domain.Parse(s)
	if _, notName := netip.ParseAddr(s); notName == nil {
		return "", usage(fmt.Errorf("%q is an address, not a domain name", s), "MX records and policies are those of a domain: give one like example.org")
	}
	if err != nil {
		hint := "give the part of an address behind the @, like example.org"
		if strings.HasPrefix(s, "[") {
			hint = "an address literal has no MX and no policy"
		}
		return "", usage(fmt.Errorf("%q is not a domain name", s), hint)
	}
	return string(n), nil
}
