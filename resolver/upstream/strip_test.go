package upstream

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// TestStrips has a first server that leaves signatures out, in front of one that
// has them: the second one's replies count, and it is asked first from then on.
func TestStrips(t *testing.T) {
	const signature = "A 13 1 60 20300101000000 20200101000000 1 . AAAA"
	var asked [2]atomic.Int32
	answering := func(i int, sign bool) func(*dns.Msg) []packet {
		return func(q *dns.Msg) []packet {
			asked[i].Add(1)
			m := right(q)
			unsigned := strings.EqualFold(q.Question[0].Name, "b.org.")
			if q.Question[0].Qtype == dns.TypeDNSKEY || unsigned {
				m.Answer = nil
				soa, _ := dns.NewRR(". SOA . . 1 2 3 4 5")
				m.Ns = []dns.RR{soa}
			}
			if sign && !unsigned {
				sig, _ := dns.NewRR(q.Question[0].Name + " RRSIG " + signature)
				m.Answer = append(m.Answer, sig)
			}
			return []packet{wire(m)}
		}
	}
	bad, good := scripted(t, answering(0, false), nil), scripted(t, answering(1, true), nil)
	for name, row := range map[string]struct {
		client *Client
		want   []string // who answers each lookup
		asked  [2]int32
	}{
		// The question and the probe at the bad one; the unsigned answer of the
		// good one is believed after it was seen to sign, or was probed.
		"signed_name": {&Client{Servers: []resolver.Server{bad, good}, DNSSEC: true}, []string{"a.org", good.Addr, "a.org", good.Addr}, [2]int32{2, 2}},
		"unsigned":    {&Client{Servers: []resolver.Server{bad, good}, DNSSEC: true}, []string{"b.org", good.Addr, "b.org", good.Addr}, [2]int32{2, 3}},
		"alone":       {&Client{Servers: []resolver.Server{bad}, DNSSEC: true}, []string{"a.org", bad.Addr}, [2]int32{1, 0}},
		"not_wanted":  {&Client{Servers: []resolver.Server{bad, good}}, []string{"a.org", bad.Addr}, [2]int32{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			asked[0].Store(0)
			asked[1].Store(0)
			for pair := range slices.Chunk(row.want, 2) {
				r, err := row.client.Fetch(context.Background(), resolver.Question{Name: pair[0], Type: resolver.TypeA})
				if err != nil {
					t.Fatal(err)
				}
				if r.Server != pair[1] {
					t.Errorf("%s: got the reply of %s, want that of %s", pair[0], r.Server, pair[1])
				}
			}
			if got := [2]int32{asked[0].Load(), asked[1].Load()}; got != row.asked {
				t.Errorf("queries: got %v, want %v", got, row.asked)
			}
		})
	}
}

// TestStripsWithoutBetter: where nobody has signatures, or who has them does not
// answer, the reply without counts.
func TestStripsWithoutBetter(t *testing.T) {
	plain := func(q *dns.Msg) []packet { return []packet{wire(right(q))} }
	a, b := scripted(t, plain, nil), scripted(t, plain, nil)
	servfail := scripted(t, func(q *dns.Msg) []packet {
		return []packet{wire(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))}
	}, nil)
	for name, servers := range map[string][]resolver.Server{"both": {a, b}, "failing": {servfail, a}, "failing_last": {a, servfail}} {
		c := &Client{Servers: servers, DNSSEC: true}
		r, err := c.Fetch(context.Background(), resolver.Question{Name: "a.org", Type: resolver.TypeA})
		if err != nil || len(r.Msg.Answer) != 1 {
			t.Errorf("%s: got %v, %v", name, r, err)
		}
	}
}
