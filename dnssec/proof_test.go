package dnssec

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// TestKeepProof lists what goes with answers to those who validate themselves.
func TestKeepProof(t *testing.T) {
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{
		origin: "org.", denial: zonesign.NSEC,
		text: "a A 192.0.2.1\nalias CNAME a\n*.wild A 192.0.2.2\n",
	})
	v := tr.validator(t)
	v.KeepProof = true
	for _, row := range []struct{ question, want string }{
		{"a.org A", "A a.org. | "},
		{"alias.org A", "CNAME alias.org. A a.org. | "},
		{"x.wild.org A", "A x.wild.org. | NSEC *.wild.org. RRSIG/NSEC *.wild.org."},
		{"a.org MX", " | SOA org. RRSIG/SOA org. NSEC a.org. RRSIG/NSEC a.org."},
		{"nope.org A", " | SOA org. RRSIG/SOA org. NSEC alias.org. RRSIG/NSEC alias.org. NSEC org. RRSIG/NSEC org."},
		{"nope.org A", " | SOA org. RRSIG/SOA org. NSEC alias.org. RRSIG/NSEC alias.org. NSEC org. RRSIG/NSEC org."},
	} {
		t.Run(strings.ReplaceAll(row.question, " ", "_"), func(t *testing.T) {
			name, mnemonic, _ := strings.Cut(row.question, " ")
			typ, _ := resolver.ParseType(mnemonic)
			a, err := v.Lookup(context.Background(), name, typ)
			if err != nil {
				t.Fatal(err)
			}
			var sigs, authority []string
			for _, rr := range a.Proof.Signatures {
				sigs = append(sigs, dns.Type(rr.(*dns.RRSIG).TypeCovered).String()+" "+rr.Header().Name)
			}
			for _, rr := range a.Proof.Authority {
				what := dns.Type(rr.Header().Rrtype).String()
				if sig, ok := rr.(*dns.RRSIG); ok {
					what += "/" + dns.Type(sig.TypeCovered).String()
				}
				authority = append(authority, what+" "+rr.Header().Name)
			}
			got := fmt.Sprint(strings.Join(sigs, " "), " | ", strings.Join(authority, " "))
			if got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
	if a, err := tr.validator(t).Lookup(context.Background(), "a.org", resolver.TypeA); err != nil || a.Proof != nil {
		t.Errorf("without KeepProof: %v %v", a.Proof, err)
	}
}

// TestForgedAuthority: what is passed on beside a proven denial is proven too
// (RFC 4035, Section 3.2.3).
func TestForgedAuthority(t *testing.T) {
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", denial: zonesign.NSEC, text: "a A 192.0.2.1\n"})
	tr.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if q.Name != "a.org" {
			return m
		}
		out := m.Copy()
		out.Ns = []dns.RR{
			rr(t, "org. 300 SOA evil. evil. 1 1 1 1 300"),
			rr(t, "other. 300 SOA evil. evil. 1 1 1 1 300"),
		}
		for _, rr := range m.Ns {
			if rr.Header().Rrtype != dns.TypeSOA {
				out.Ns = append(out.Ns, rr)
			}
		}
		return out
	}
	v := tr.validator(t)
	v.KeepProof = true
	a, err := v.Lookup(context.Background(), "a.org", resolver.Type(dns.TypeMX))
	if err != nil {
		t.Fatal(err)
	}
	for _, rr := range a.Proof.Authority {
		if rr.Header().Rrtype == dns.TypeSOA {
			t.Errorf("status %s, with %s", a.Status, rr)
		}
	}
}
