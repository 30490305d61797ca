package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/mtasts"
)

type mtastsCommand struct {
	std    stdio
	flags  transportFlags
	on     failOn
	file   string
	asJSON bool
}

func newMTASTS(std stdio) *cobra.Command {
	c := &mtastsCommand{std: std}
	cmd := &cobra.Command{
		Use:   "mta-sts [DOMAIN]",
		Short: "Fetch a domain's MTA-STS policy as a sender does, or check a policy file",
		Long: `Look up the record at _mta-sts.DOMAIN and fetch the policy that it announces, as
a sender does (RFC 8461): over HTTPS with a certificate for mta-sts.DOMAIN, no
redirect, 64 KB at most, within a minute.

With --state a policy is kept, and as long as it holds and the record's id stays
the same it is not fetched again; it stays in force whatever happens to record and
policy host. The status is valid, none (no record), invalid (record or policy are
broken), fetch-error (a record, but no policy could be had) or temperror (DNS did
not tell).

--file reads a policy from FILE (- is standard input) and says what senders will
make of it, before you publish it.`,
		Example: `  waxseal mta-sts example.org
  waxseal mta-sts example.org --state /var/lib/waxseal --json
  waxseal mta-sts --file mta-sts.txt --fail-on invalid`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	cmd.Flags().StringVar(&c.file, "file", "", "check the policy in this `FILE`; no network")
	c.flags.register(cmd)
	c.on.register(cmd, "fetch-error or invalid")
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print one JSON object")
	return cmd
}

func (c *mtastsCommand) run(ctx context.Context, args []string) error {
	if err := c.on.validate(mtastsResults()); err != nil {
		return err
	}
	switch {
	case c.file != "" && len(args) > 0:
		return usage(errors.New("--file takes no domain"), "either check a file or ask a domain")
	case c.file != "":
		return c.runFile()
	case len(args) != 1:
		return usage(fmt.Errorf("one domain is needed, %d given", len(args)), "waxseal mta-sts DOMAIN, or --file FILE")
	}
	name, err := policyDomain(args[0])
	if err != nil {
		return err
	}
	t, err := c.flags.open(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	ev := t.sts.Policy(ctx, name)
	if err := interrupted(ctx); err != nil {
		return err
	}
	return c.print(ev, func(p *printer) {
		word, why := stsConclusion(ev)
		p.line("%s%s. %s", clean("MTA-STS of "+displayName(ev.Domain)+": "), p.paint(stsMark(ev), word), clean(why))
		p.tree(stsNode(ev))
	})
}

// print writes the evaluation and applies --fail-on.
func (c *mtastsCommand) print(ev *mtasts.Evaluation, human func(*printer)) error {
	if c.asJSON {
		if err := json.NewEncoder(c.std.out).Encode(ev); err != nil {
			return err
		}
	} else {
		human(newPrinter(c.std.out))
	}
	results := map[string][]string{"status": {string(ev.Status)}}
	if ev.Policy != nil {
		results["mode"] = []string{string(ev.Policy.Mode)}
	}
	return c.on.check(results)
}

func mtastsResults() map[string][]string {
	return map[string][]string{
		"status": {string(mtasts.Valid), string(mtasts.None), string(mtasts.Malformed), string(mtasts.Unfetched), string(mtasts.TempError)},
		"mode":   {string(mtasts.Enforce), string(mtasts.Testing), string(mtasts.None)},
	}
}

// runFile checks a policy that need not be published yet.
func (c *mtastsCommand) runFile() error {
	body, err := readFile(c.std, c.file, mtasts.MaxPolicy+1)
	if err != nil {
		return err
	}
	ev := &mtasts.Evaluation{Status: mtasts.Valid, Errors: []*mtasts.Error{}}
	ev.Policy, err = mtasts.ParsePolicy(body)
	var broken *mtasts.Error
	if errors.As(err, &broken) {
		ev.Status, ev.Errors = mtasts.Malformed, []*mtasts.Error{broken}
	}
	name := c.file
	if name == "-" {
		name = "standard input"
	}
	return c.print(ev, func(p *printer) {
		if broken != nil {
			p.line("%s: %s. Senders take it for no policy at all.", clean(name), p.paint(bad, "not a policy"))
			p.tree(&node{word: "error", mark: bad, text: strings.TrimPrefix(broken.Error(), "mtasts: ")})
			return
		}
		n := (&node{word: string(ev.Policy.Mode), mark: stsMark(ev), text: "policy of " + name}).add(policyNotes(ev.Policy)...)
		p.line("%s: %s. Serve it as text/plain at https://mta-sts.DOMAIN/.well-known/mta-sts.txt, then change the id of the record at _mta-sts.DOMAIN.",
			clean(name), p.paint(good, "a valid policy"))
		p.tree(n)
	})
}

// readFile reads at most limit bytes of a file or of standard input.
func readFile(std stdio, path string, limit int64) ([]byte, error) {
	r := std.in
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fail(err, "give the path of a file, or - for standard input")
		}
		defer file.Close()
		r = file
	}
	body, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil, fail(fmt.Errorf("%s: %w", path, err))
	}
	return body, nil
}

// stsConclusion says what the policy is worth and who can do what about it.
func stsConclusion(ev *mtasts.Evaluation) (word, why string) {
	host := "https://mta-sts." + ev.Domain + "/.well-known/mta-sts.txt"
	var first mtasts.Reason
	if len(ev.Errors) > 0 {
		first = ev.Errors[0].Reason
	}
	switch ev.Status {
	case mtasts.None:
		return "none", "The domain announces no policy, so MTA-STS protects nothing."
	case mtasts.TempError:
		return "cannot be told now", "The record could not be looked up; its name servers, or the resolver in between, failed."
	case mtasts.Malformed:
		return "broken", "Senders act as if there were none. The domain's owner must mend " + map[bool]string{true: host, false: "the record at _mta-sts." + ev.Domain}[first == mtasts.PolicyInvalid] + "."
	case mtasts.Unfetched:
		return "announced, but not to be had", "Senders that have no older policy act as if there were none. Whoever runs " + host + " must mend it; or somebody on the way blocks it."
	}
	if first != "" {
		why = " It holds from an earlier fetch, though something went wrong now."
	}
	switch ev.Policy.Mode {
	case mtasts.Enforce:
		return "enforced", "Mail goes only to the listed hosts, over TLS, with a valid certificate." + why
	case mtasts.Testing:
		return "in testing", "Nothing is prevented yet; failures are reported to those who asked for it." + why
	}
	return "withdrawn", "The policy says that there is none." + why
}
