package zonefile

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

func TestServe(t *testing.T) {
	z := nsecZone()
	if err := z.Add(strings.NewReader("big.example. TXT \""+strings.Repeat("x", 6000)+"\"\n"), "big"); err != nil {
		t.Fatal(err)
	}
	z.Fail = map[string]resolver.Reason{"slow.example": resolver.Timeout, "dead.example": resolver.Unreachable, "bad.example": resolver.ServerFailed}
	s, err := Serve("127.0.0.1:0", z)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, tt := range []struct {
		name, network string
		query         func() *dns.Msg
		want          string
	}{
		{"plain", "udp", func() *dns.Msg { return ask1("ns.example.", dns.TypeA) }, "NOERROR 1 0"},
		{"case", "udp", func() *dns.Msg { return ask1("nS.EXample.", dns.TypeA) }, "NOERROR 1 0"},
		{"without-do", "udp", func() *dns.Msg { return ask1("ns.example.", dns.TypeTXT) }, "NOERROR 0 1"},
		{"with-do", "udp", func() *dns.Msg { return ask1("ns.example.", dns.TypeTXT).SetEdns0(1232, true) }, "NOERROR 0 4"},
		{"tcp", "tcp", func() *dns.Msg { return ask1("ns.example.", dns.TypeA) }, "NOERROR 1 0"},
		{"truncated", "udp", func() *dns.Msg { return ask1("big.example.", dns.TypeTXT).SetEdns0(1232, false) }, "NOERROR TC 0 0"},
		{"whole", "tcp", func() *dns.Msg { return ask1("big.example.", dns.TypeTXT) }, "NOERROR 1 0"},
		{"servfail", "udp", func() *dns.Msg { return ask1("bad.example.", dns.TypeA) }, "SERVFAIL 0 0"},
		{"unreachable", "udp", func() *dns.Msg { return ask1("dead.example.", dns.TypeA) }, "SERVFAIL 0 0"},
		{"silence", "udp", func() *dns.Msg { return ask1("slow.example.", dns.TypeA) }, "timeout"},
		{"axfr", "udp", func() *dns.Msg { return ask1("example.", dns.TypeAXFR) }, "REFUSED 0 0"},
		{"chaos", "udp", func() *dns.Msg {
			m := ask1("version.bind.", dns.TypeTXT)
			m.Question[0].Qclass = dns.ClassCHAOS
			return m
		}, "REFUSED 0 0"},
		{"notify", "udp", func() *dns.Msg { return new(dns.Msg).SetNotify("example.") }, "NOTIMP 0 0"},
		{"edns1", "udp", func() *dns.Msg {
			m := ask1("ns.example.", dns.TypeA).SetEdns0(1232, false)
			m.IsEdns0().SetVersion(1)
			return m
		}, "BADVERS 0 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &dns.Client{Net: tt.network, Timeout: 2 * time.Second}
			if tt.want == "timeout" {
				c.Timeout = 50 * time.Millisecond
			}
			query := tt.query()
			r, _, err := c.Exchange(query, s.Addr())
			got := "timeout"
			if err == nil {
				got = summary(r)
				if r.Question[0].Name != query.Question[0].Name {
					t.Errorf("asked %s, the reply says %s", query.Question[0].Name, r.Question[0].Name)
				}
			} else if e, ok := err.(net.Error); !ok || !e.Timeout() {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func ask1(name string, typ uint16) *dns.Msg { return new(dns.Msg).SetQuestion(name, typ) }

// summary returns the code and the sizes of two sections.
func summary(m *dns.Msg) string {
	s := dns.RcodeToString[m.Rcode]
	if m.Rcode == dns.RcodeBadVers {
		s = "BADVERS"
	}
	if m.Truncated {
		s += " TC"
	}
	digits := func(n int) string { return " " + string(rune('0'+n)) }
	return s + digits(len(m.Answer)) + digits(len(m.Ns))
}
