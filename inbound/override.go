package inbound

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/spf"
)

// Trust lists whom the operator believes when DMARC fails for a reason that is
// no forgery (RFC 9989 leaves this to local policy). Nobody is trusted unless
// named.
type Trust struct {
	Sealers    []domain.Name  // ARC sealers, by the d= of their ARC-Seal
	Lists      []domain.Name  // mailing lists, by a domain that passes SPF or DKIM
	Forwarders []netip.Prefix // hosts that forward mail unchanged
	Authors    []domain.Name  // author domains exempted by local policy
}

// override returns why a DMARC failure is not held against the message, nil if
// there is no reason or nothing to override.
func (t Trust) override(v *Verdict) *dmarc.Override {
	if v.DMARC.Result != dmarc.Fail {
		return nil
	}
	from := v.DMARC.From
	if set := t.sealedPass(v, from); set != nil {
		return &dmarc.Override{
			Type: dmarc.LocalPolicy, // RFC 8617, Section 7.2.2: this type and form of comment
			Comment: fmt.Sprintf("arc=pass as[%d].d=%s as[%d].s=%s",
				set.Instance, set.AS.Domain, set.Instance, set.AS.Selector),
		}
	}
	if list := t.list(v); list != "" {
		return &dmarc.Override{Type: dmarc.MailingList, Comment: "list " + string(list) + " is authenticated"}
	}
	if t.forwards(v) {
		return &dmarc.Override{Type: dmarc.TrustedForwarder, Comment: "client is " + v.remote.Unmap().String()}
	}
	if slices.Contains(t.Authors, from) {
		return &dmarc.Override{Type: dmarc.LocalPolicy, Comment: string(from) + " is exempt"}
	}
	return nil
}

// forwards reports whether the client forwards mail unchanged.
func (t Trust) forwards(v *Verdict) bool {
	return slices.ContainsFunc(t.Forwarders, func(p netip.Prefix) bool { return p.Contains(v.remote.Unmap()) })
}

// sealedPass returns the set in which a trusted sealer reports dmarc=pass for
// the author domain. Every later sealer must be trusted too: each could have
// rewritten what it passed on.
func (t Trust) sealedPass(v *Verdict, from domain.Name) *arc.Set {
	if v.ARC.Result != arc.Pass || !v.ARC.Sets[len(v.ARC.Sets)-1].SignsFrom {
		return nil // without From in the newest signature anybody may have changed it since
	}
	for i := len(v.ARC.Sets) - 1; i >= 0; i-- {
		set := &v.ARC.Sets[i]
		if !slices.Contains(t.Sealers, set.AS.Domain) {
			return nil
		}
		if reportsPass(set.AuthResults, from) {
			return set
		}
	}
	return nil
}

// reportsPass reports whether the payload of an ARC-Authentication-Results
// field says dmarc=pass for that author domain.
func reportsPass(payload string, from domain.Name) bool {
	f, err := authres.Parse([]byte(payload))
	if err != nil {
		return false
	}
	for _, r := range f.Results {
		if !ascii.EqualFold(r.Method, "dmarc") || !ascii.EqualFold(r.Value, "pass") {
			continue
		}
		for _, p := range r.Props {
			if d, err := domain.Parse(p.Value); err == nil && d == from &&
				ascii.EqualFold(p.Type, "header") && ascii.EqualFold(p.Name, "from") {
				return true
			}
		}
	}
	return false
}

// list returns the trusted list domain for which SPF or DKIM passes.
func (t Trust) list(v *Verdict) domain.Name {
	trusted := func(s string) domain.Name {
		if d, err := domain.Parse(s); err == nil && slices.Contains(t.Lists, d) {
			return d
		}
		return ""
	}
	if v.SPF.Result == spf.Pass {
		if d := trusted(v.SPF.Domain); d != "" {
			return d
		}
	}
	for i := range v.DKIM {
		if v.DKIM[i].Result == dkim.Pass {
			if d := trusted(string(v.DKIM[i].Domain)); d != "" {
				return d
			}
		}
	}
	return ""
}
