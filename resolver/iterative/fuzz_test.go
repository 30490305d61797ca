package iterative

import (
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// FuzzReply holds that no message leads anywhere but down from the zone whose
// server sent it, towards the name asked, and says nothing about other zones.
func FuzzReply(f *testing.F) {
	example := plainZone(f, "example.org.", "@ NS ns\nns A 127.0.0.3\nwww A 192.0.2.1\nalias CNAME www.other.org.\n")
	org := signZone(f, "org.", "@ NS ns\nns A 127.0.0.2\nexample NS ns.example\nexample NS ns.elsewhere.net.\nns.example A 127.0.0.3\n")
	for _, m := range []*dns.Msg{
		org.Answer("www.example.org.", dns.TypeA), org.Answer("org.", dns.TypeNS), org.Answer("nope.org.", dns.TypeA),
		example.Answer("alias.example.org.", dns.TypeA), example.Answer("www.example.org.", dns.TypeAAAA),
	} {
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		const zone, name = "org.", "www.example.org."
		s := new(Source)
		s.once.Do(s.prepare)
		if d := s.referral(m, zone, name); d != nil {
			if d.zone == zone || !dns.IsSubDomain(zone, d.zone) || !dns.IsSubDomain(d.zone, name) || len(d.hosts) > maxHostsInNS {
				t.Errorf("referral to %q with %d hosts", d.zone, len(d.hosts))
			}
			for host, addrs := range d.glue {
				if !dns.IsSubDomain(zone, host) || len(addrs) > maxAddrsPerHost {
					t.Errorf("glue for %q: %d addresses", host, len(addrs))
				}
			}
			if ds := d.dsReply(); ds != nil && len(ds.Answer) == 0 && len(ds.Ns) == 0 {
				t.Error("an empty answer for DS")
			}
		}
		out := trim(m, zone)
		for _, section := range [][]dns.RR{out.Answer, out.Ns} {
			for _, r := range section {
				if !dns.IsSubDomain(zone, dns.CanonicalName(r.Header().Name)) {
					t.Errorf("%s is outside of %s", r.Header().Name, zone)
				}
			}
		}
		w := &walk{s: s, asked: resolver.Question{Name: name}}
		w.lame(m, zone, name)
		var h hostAddrs
		if h.take(m, "ns.example.org.", testNow); len(h.addrs) > maxAddrsPerHost {
			t.Errorf("%d addresses", len(h.addrs))
		}
	})
}
