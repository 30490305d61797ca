package policyhost

import (
	"context"
	"fmt"
	"strings"

	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
)

// Inspect looks up what DNS says of a policy that is served, and returns what an
// operator should mend, a sentence each. A lookup that fails is told too: what could
// not be seen may be wrong.
func Inspect(ctx context.Context, r resolver.Resolver, p Policy) []string {
	var found []string
	note := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	inspectRecord(ctx, r, p, note)
	inspectAddress(ctx, r, p, note)
	if p.Policy.Mode != mtasts.NoMode {
		inspectMX(ctx, r, p, note)
	}
	return found
}

// inspectRecord compares the id that is published.
func inspectRecord(ctx context.Context, r resolver.Resolver, p Policy, note func(string, ...any)) {
	rec, _, err := mtasts.LookupRecord(ctx, r, string(p.Domain))
	switch {
	case err == nil && rec.ID == p.Policy.ID():
	case err == nil:
		note("the published id is %s: senders keep the policy that they know under it", rec.ID)
	case err.Reason == mtasts.NoRecord && p.Policy.Mode == mtasts.NoMode: // withdrawn to the end
	case err.Reason == mtasts.NoRecord:
		note("the record is not published: no sender looks for the policy")
	default:
		note("%s", strings.TrimPrefix(err.Error(), "mtasts: "))
	}
}

// inspectAddress looks whether the host can be found at all.
func inspectAddress(ctx context.Context, r resolver.Resolver, p Policy, note func(string, ...any)) {
	for _, t := range []resolver.Type{resolver.TypeA, resolver.TypeAAAA} {
		addrs, _, err := resolver.LookupAddr(ctx, r, p.Host(), t)
		if err != nil {
			note("the addresses of %s could not be looked up: %s", p.Host(), resolver.ReasonOf(err))
			return
		}
		if len(addrs) > 0 {
			return
		}
	}
	note("%s has no address: no sender can fetch the policy", p.Host())
}

// inspectMX looks whether the policy covers where mail goes.
func inspectMX(ctx context.Context, r resolver.Resolver, p Policy, note func(string, ...any)) {
	mxs, answer, err := resolver.LookupMX(ctx, r, string(p.Domain))
	switch {
	case err != nil:
		note("the MX records could not be looked up: %s", resolver.ReasonOf(err))
		return
	case answer.NXDomain():
		note("the domain does not exist")
		return
	case len(mxs) == 0: // RFC 5321, Section 5.1: the domain itself
		mxs = []resolver.MX{{Host: string(p.Domain)}}
	case len(mxs) == 1 && mxs[0].Host == ".": // RFC 7505
		note("the domain takes no mail (null MX)")
		return
	}
	what := "senders do not deliver to it"
	if p.Policy.Mode == mtasts.Testing {
		what = "once the policy is enforced, senders do not deliver to it"
	}
	for _, mx := range mxs {
		if _, ok := p.Policy.Match(mx.Host); !ok {
			note("no mx of the policy matches the mail server %s: %s", mx.Host, what)
		}
	}
}
