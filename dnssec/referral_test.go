package dnssec

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// TestReferralIsNoAnswer: a server that does not recurse says nothing about the
// records of the name; that is a failure and not their absence.
func TestReferralIsNoAnswer(t *testing.T) {
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", denial: zonesign.OptOut, text: "a A 192.0.2.1\n"},
		zoneSpec{origin: "sub.org.", unsigned: true, text: "www A 192.0.2.2\n"})
	_, optOut := tr.replayed("sub.org.", dns.TypeDS)
	ns := rr(t, "sub.org. NS ns.sub.org.")
	for name, anchors := range map[string]string{"insecure": tr.zones["."].DS(), "indeterminate": ""} {
		for kind, authority := range map[string][]dns.RR{"bare": {ns}, "with_proof": append([]dns.RR{ns}, withoutSOA(optOut)...)} {
			t.Run(name+"_"+kind, func(t *testing.T) {
				tr.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
					if q.Name == "www.sub.org" {
						m = m.Copy()
						m.Authoritative, m.Answer, m.Ns = false, nil, authority
					}
					return m
				}
				a, err := ParseAnchors(strings.NewReader(anchors))
				if err != nil {
					t.Fatal(err)
				}
				v := &Validator{Source: tr.World, Anchors: a, Time: func() time.Time { return testNow }, NoLookAhead: true}
				want := outcome{resolver.Indeterminate, resolver.ServFail, "", -1}
				if got, why := askReason(t, v, "www.sub.org A"); got != want {
					t.Errorf("got  %+v (%s)\nwant %+v", got, why, want)
				}
			})
		}
	}
}

func withoutSOA(section []dns.RR) []dns.RR {
	var out []dns.RR
	for _, rr := range section {
		sig, ok := rr.(*dns.RRSIG)
		if rr.Header().Rrtype != dns.TypeSOA && (!ok || sig.TypeCovered != dns.TypeSOA) {
			out = append(out, rr)
		}
	}
	return out
}
