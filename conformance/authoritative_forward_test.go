package conformance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/upstream"
)

// stripper is a forwarder in front of a real resolver that knows no DNSSEC. It
// claims that all is authentic.
func stripper(t *testing.T, behind string) string {
	t.Helper()
	addr := at("127.0.0.1", freePort(t, "127.0.0.1"))
	runServer(t, addr, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m, _, err := (&dns.Client{Net: "tcp", Timeout: 5 * time.Second}).Exchange(q, behind)
		if err != nil {
			return
		}
		strip(m)
		m.AuthenticatedData = true
		w.WriteMsg(m)
	}))
	return addr
}

// TestForwarder proves what real resolvers pass on: one that validates, one that
// does not, and one that strips signatures, in several orders.
func TestForwarder(t *testing.T) {
	for _, name := range []string{"knotd", "unbound"} {
		program(t, name)
	}
	zones := treeZones()
	for i := range zones {
		zones[i].hosts = []string{knotAddr}
	}
	tr := newTree(t, zones, treeText, signHere)
	port := freePort(t, knotAddr, otherAddr)
	tr.startKnot(t, port)
	validating := tr.startUnbound(t, port, "validator iterator")
	plain := tr.startUnbound(t, port, "iterator")
	stripping := stripper(t, plain)
	type want struct{ name, typ, text, data string }
	proofs := []want{
		{"mx.nsec.org", "A", "secure NOERROR", "192.0.2.1"},
		{"nope.nsec3.org", "A", "secure NXDOMAIN", ""},
		{"x.wild.nsec.org", "TXT", "secure NOERROR", `"w"`},
		{"mx.plain.org", "A", "insecure NOERROR", "192.0.2.1"},
		{"mx.island.org", "A", "insecure NOERROR", "192.0.2.1"},
		{"mx.badsig.org", "A", "bogus", ""},
		{"mx.expired.org", "A", "bogus", ""},
		{"mx.data.org", "A", "bogus", ""},
	}
	stripped := []want{
		{"mx.nsec.org", "A", "indeterminate NOERROR", "192.0.2.1"},
		{"nope.nsec3.org", "A", "indeterminate NXDOMAIN", ""},
		{"mx.plain.org", "A", "indeterminate NOERROR", "192.0.2.1"},
		{"mx.data.org", "A", "indeterminate NOERROR", "192.0.2.66"},
	}
	for name, row := range map[string]struct {
		servers []string
		want    []want
	}{
		"validating":           {[]string{validating}, proofs},
		"not_validating":       {[]string{plain}, proofs},
		"stripping_first":      {[]string{stripping, plain}, proofs},
		"stripping_last":       {[]string{validating, stripping}, proofs},
		"stripping_then_empty": {[]string{at(nobody, port), stripping, validating}, proofs},
		"stripping":            {[]string{stripping}, stripped},
		"stripping_twice":      {[]string{stripping, stripper(t, validating)}, stripped[:3]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers, err := upstream.ParseServers(row.servers)
			if err != nil {
				t.Fatal(err)
			}
			client := &upstream.Client{Servers: servers, DNSSEC: true}
			defer client.Close()
			v := &dnssec.Validator{Source: client, Anchors: tr.anchors(t)}
			for _, w := range row.want {
				if got := lookup(t, v, w.name, w.typ); got.text() != w.text || got.data != w.data {
					t.Errorf("%s %s: got %s %s (%s), want %s %s", w.name, w.typ, got.text(), got.data, got.reason, w.text, w.data)
				}
			}
		})
	}
	t.Run("named", func(t *testing.T) {
		client := &upstream.Client{Servers: []resolver.Server{{Addr: stripping}}, DNSSEC: true}
		got := lookup(t, &dnssec.Validator{Source: client, Anchors: tr.anchors(t)}, "mx.nsec.org", "A")
		for _, part := range []string{"serve no DNSSEC", stripping} {
			if !strings.Contains(got.reason, part) {
				t.Errorf("the reason %q does not say %q", got.reason, part)
			}
		}
	})
	t.Run("required", func(t *testing.T) {
		client := &upstream.Client{Servers: []resolver.Server{{Addr: stripping}}, DNSSEC: true}
		v := &dnssec.Validator{Source: client, Anchors: tr.anchors(t), RequireDNSSEC: true}
		_, err := v.Lookup(t.Context(), "mx.nsec.org", resolver.TypeA)
		var e *resolver.Error
		if !errors.As(err, &e) || e.Reason != resolver.NoDNSSEC || !strings.Contains(err.Error(), stripping) {
			t.Errorf("got %v, want an error of reason %q that names %s", err, resolver.NoDNSSEC, stripping)
		}
	})
}
