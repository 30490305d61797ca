package dane_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/resolver"
)

// zone is a resolver made of lines "STATUS RECORD", and "fail NAME TYPE" and
// "bogus NAME TYPE" for lookups that fail. What it lacks is a secure no-data.
type zone struct {
	records []dns.RR
	status  map[string]resolver.Status // by name and type of the record
	fails   map[string]resolver.Reason
}

func newZone(t testing.TB, text string) *zone {
	z := &zone{status: map[string]resolver.Status{}, fails: map[string]resolver.Reason{}}
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "":
		case "fail":
			z.fails[rest] = resolver.ServerFailed
		case "bogus":
			z.fails[rest] = resolver.BogusAnswer
		case "secure", "insecure":
			rr, err := dns.NewRR(rest)
			if err != nil {
				t.Fatal(err)
			}
			z.records = append(z.records, rr)
			if word == "insecure" {
				z.status[key(rr)] = resolver.Insecure
			} else {
				z.status[key(rr)] = resolver.Secure
			}
		default:
			t.Fatalf("bad line %q", line)
		}
	}
	return z
}

func key(rr dns.RR) string {
	return resolver.CanonicalName(rr.Header().Name) + " " + dns.TypeToString[rr.Header().Rrtype]
}

func (z *zone) Lookup(_ context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	a := &resolver.Answer{Name: name, Type: t, Status: resolver.Secure}
	for hop := name; hop != ""; {
		if why, ok := z.fails[hop+" "+t.String()]; ok {
			return nil, &resolver.Error{Reason: why, Name: name, Type: t}
		}
		next := ""
		for _, rr := range z.records {
			if resolver.CanonicalName(rr.Header().Name) != hop {
				continue
			}
			c, alias := rr.(*dns.CNAME)
			if alias && t != resolver.TypeCNAME {
				next = resolver.CanonicalName(c.Target)
			} else if resolver.Type(rr.Header().Rrtype) != t {
				continue
			}
			a.Records = append(a.Records, rr)
			a.Status = a.Status.Worse(z.status[key(rr)])
		}
		hop = next
	}
	return a, nil
}

func TestDiscover(t *testing.T) {
	const hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	tests := []struct {
		name, zone string
		outcome    dane.Outcome
		base       string
		asked      string // the lookups by name and type, without the addresses
	}{
		{"usable", "secure mx.example. A 192.0.2.1\nsecure _25._tcp.mx.example. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.example", "_25._tcp.mx.example TLSA"},
		{"unusable", "secure mx.example. A 192.0.2.1\nsecure _25._tcp.mx.example. TLSA 1 1 1 " + hex,
			dane.UnusableRecords, "mx.example", "_25._tcp.mx.example TLSA"},
		{"none", "secure mx.example. AAAA 2001:db8::1", dane.NoRecords, "mx.example", "_25._tcp.mx.example TLSA"},
		{"insecure-host", "insecure mx.example. A 192.0.2.1\nsecure _25._tcp.mx.example. TLSA 3 1 1 " + hex,
			dane.NotApplicable, "", ""},
		{"insecure-tlsa", "secure mx.example. A 192.0.2.1\ninsecure _25._tcp.mx.example. TLSA 3 1 1 " + hex,
			dane.NoRecords, "mx.example", "_25._tcp.mx.example TLSA"},
		{"tlsa-servfail", "secure mx.example. A 192.0.2.1\nfail _25._tcp.mx.example TLSA",
			dane.LookupFailed, "mx.example", "_25._tcp.mx.example TLSA"},
		{"tlsa-bogus", "secure mx.example. A 192.0.2.1\nbogus _25._tcp.mx.example TLSA",
			dane.LookupFailed, "mx.example", "_25._tcp.mx.example TLSA"},
		{"address-fails", "fail mx.example A", dane.LookupFailed, "", ""},
		{"one-family-fails", "bogus mx.example A\nsecure mx.example. AAAA 2001:db8::1\nsecure _25._tcp.mx.example. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.example", "_25._tcp.mx.example TLSA"},
		{"no-address", "secure other.example. A 192.0.2.1", dane.NoAddress, "", ""},
		{"alias-expanded-first", "secure mx.example. CNAME real.example.\nsecure real.example. A 192.0.2.1\n" +
			"secure _25._tcp.real.example. TLSA 3 1 1 " + hex + "\nsecure _25._tcp.mx.example. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "real.example", "_25._tcp.real.example TLSA"},
		{"alias-then-original", "secure mx.example. CNAME real.example.\nsecure real.example. A 192.0.2.1\n" +
			"secure _25._tcp.mx.example. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.example", "_25._tcp.real.example TLSA,_25._tcp.mx.example TLSA"},
		{"alias-neither", "secure mx.example. CNAME real.example.\nsecure real.example. A 192.0.2.1",
			dane.NoRecords, "real.example", "_25._tcp.real.example TLSA,_25._tcp.mx.example TLSA"},
		{"alias-expanded-fails", "secure mx.example. CNAME real.example.\nsecure real.example. A 192.0.2.1\n" +
			"fail _25._tcp.real.example TLSA\nsecure _25._tcp.mx.example. TLSA 3 1 1 " + hex,
			dane.LookupFailed, "real.example", "_25._tcp.real.example TLSA"},
		{"signed-alias-into-unsigned", "secure mx.example. CNAME real.example.\ninsecure real.example. A 192.0.2.1\n" +
			"secure _25._tcp.mx.example. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.example", "mx.example CNAME,_25._tcp.mx.example TLSA"},
		{"unsigned-alias-into-signed", "insecure mx.example. CNAME real.example.\nsecure real.example. A 192.0.2.1\n" +
			"secure _25._tcp.real.example. TLSA 3 1 1 " + hex,
			dane.NotApplicable, "", "mx.example CNAME"},
		{"tlsa-owner-alias", "secure mx.example. A 192.0.2.1\nsecure _25._tcp.mx.example. CNAME _dane.example.\n" +
			"secure _dane.example. TLSA 3 1 1 " + hex,
			dane.UsableRecords, "mx.example", "_25._tcp.mx.example TLSA"},
		{"tlsa-owner-alias-insecure", "secure mx.example. A 192.0.2.1\nsecure _25._tcp.mx.example. CNAME _dane.example.\n" +
			"insecure _dane.example. TLSA 3 1 1 " + hex,
			dane.NoRecords, "mx.example", "_25._tcp.mx.example TLSA"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := dane.Discover(t.Context(), newZone(t, tt.zone), "MX.example.", 25)
			var asked []string
			for _, l := range d.Lookups[2:] {
				asked = append(asked, l.Name+" "+l.Type.String())
			}
			got := []string{string(d.Outcome), d.Base, strings.Join(asked, ",")}
			want := []string{string(tt.outcome), tt.base, tt.asked}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("%s\n%s", diff, d.Reason)
			}
			if d.Reason == "" {
				t.Error("no reason")
			}
		})
	}
}

func TestDiscoveryNames(t *testing.T) {
	d := &dane.Discovery{Host: "mx.example", Base: "real.example"}
	got := d.Names("example", "mx.example", "")
	if diff := cmp.Diff(got, []string{"real.example", "mx.example", "example"}); diff != "" {
		t.Error(diff)
	}
}
