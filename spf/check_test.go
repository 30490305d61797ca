package spf

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/resolver"
)

// args returns the usual arguments with another client and sender.
func args(ip, from string) Args {
	return Args{IP: netip.MustParseAddr(ip), Helo: "mail.client.example", MailFrom: from}
}

func evaluate(zone, ip, from string) Evaluation {
	c := Checker{Resolver: newZone(zone)}
	return c.CheckHost(context.Background(), args(ip, from))
}

func TestEvaluationJSON(t *testing.T) {
	c := Checker{Trace: true, Resolver: newZone(`
		example.com.      TXT "v=spf1 ip4:192.0.2.0/24 include:_spf.example.net -all"
		_spf.example.net. TXT "v=spf1 mx:example.net ~all"
		example.net.      MX  10 mx.example.net.
		mx.example.net.   A   198.51.100.7
	`)}
	e := c.CheckHost(context.Background(), args("198.51.100.7", "a@Example.com"))
	got, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "result": "pass",
 "domain": "example.com",
 "identity": "mailfrom",
 "mechanism": "include:_spf.example.net",
 "explanation": "",
 "lookups": 2,
 "void_lookups": 0,
 "dnssec": "insecure",
 "reason": "example.com allows 198.51.100.7 by include:_spf.example.net in the SPF record of example.com (there mx:example.net of _spf.example.net)",
 "trace": [
  {
   "term": "v=spf1",
   "domain": "example.com",
   "outcome": "found",
   "lookups": [
    {
     "name": "example.com",
     "type": "TXT",
     "status": "insecure",
     "rcode": "NOERROR",
     "values": [
      "v=spf1 ip4:192.0.2.0/24 include:_spf.example.net -all"
     ]
    }
   ]
  },
  {
   "term": "ip4:192.0.2.0/24",
   "outcome": "no match"
  },
  {
   "term": "include:_spf.example.net",
   "domain": "_spf.example.net",
   "outcome": "match",
   "result": "pass",
   "steps": [
    {
     "term": "v=spf1",
     "domain": "_spf.example.net",
     "outcome": "found",
     "lookups": [
      {
       "name": "_spf.example.net",
       "type": "TXT",
       "status": "insecure",
       "rcode": "NOERROR",
       "values": [
        "v=spf1 mx:example.net ~all"
       ]
      }
     ]
    },
    {
     "term": "mx:example.net",
     "outcome": "match",
     "lookups": [
      {
       "name": "example.net",
       "type": "MX",
       "status": "insecure",
       "rcode": "NOERROR",
       "values": [
        "10 mx.example.net"
       ]
      },
      {
       "name": "mx.example.net",
       "type": "A",
       "status": "insecure",
       "rcode": "NOERROR",
       "values": [
        "198.51.100.7"
       ]
      }
     ]
    }
   ]
  }
 ]
}`
	if d := cmp.Diff(string(got), want); d != "" {
		t.Errorf("-got +want\n%s", d)
	}
}

// TestCheckHost compares whole evaluations without a trace.
func TestCheckHost(t *testing.T) {
	const zone = `
		example.com.       TXT "v=spf1 ip4:192.0.2.1 ?ip4:192.0.2.2 ~ip4:192.0.2.3 -ip4:192.0.2.4"
		redirect.example.  A 192.0.2.99
		r.redirect.example. TXT "v=spf1 redirect=example.com"
		two.example.com.   TXT "v=spf1 -all"
		two.example.com.   TXT "v=spf1 +all"
		bad.example.com.   TXT "v=spf1 a:192.0.2.1 -all"
		exp.example.com.   TXT "v=spf1 -all exp=why.example.com"
		why.example.com.   TXT "%{i} is not one of %{d}'s: see http://x.example/?s=%{S}&h=%{h}&r=%{r}&t=%{t}"
		mailhost.example.  TXT "v=spf1 ip4:192.0.2.1 -all"
		none.example.com.  A 192.0.2.1
		leads.example.com. TXT "v=spf1 include:none.example.com -all"
		dot.example.com.   TXT "v=spf1 include:%{l}.x. redirect=%{l}.."
	`
	c := Checker{Resolver: newZone(zone), Receiver: "mx.receiver.example", Time: func() time.Time { return time.Unix(1700000000, 0) }}
	tests := []struct {
		name string
		args Args
		want Evaluation
	}{
		{"pass", args("192.0.2.1", "a@example.com"), Evaluation{
			Result: Pass, Domain: "example.com", Mechanism: "ip4:192.0.2.1",
			Reason: "example.com allows 192.0.2.1 by ip4:192.0.2.1 in the SPF record of example.com",
		}},
		{"mapped", args("::ffff:192.0.2.1", "<a@EXAMPLE.com>"), Evaluation{
			Result: Pass, Domain: "example.com", Mechanism: "ip4:192.0.2.1",
			Reason: "example.com allows 192.0.2.1 by ip4:192.0.2.1 in the SPF record of example.com",
		}},
		{"neutral", args("192.0.2.2", "a@example.com"), Evaluation{
			Result: Neutral, Domain: "example.com", Mechanism: "?ip4:192.0.2.2",
			Reason: "example.com says nothing about 192.0.2.2: ?ip4:192.0.2.2 in the SPF record of example.com matches",
		}},
		{"softfail", args("192.0.2.3", "a@example.com"), Evaluation{
			Result: SoftFail, Domain: "example.com", Mechanism: "~ip4:192.0.2.3",
			Reason: "example.com says that 192.0.2.3 is probably not allowed: ~ip4:192.0.2.3 in the SPF record of example.com matches",
		}},
		{"fail-redirected", args("192.0.2.4", "a@r.redirect.example"), Evaluation{
			Result: Fail, Domain: "r.redirect.example", Mechanism: "-ip4:192.0.2.4", Lookups: 1,
			Reason: "r.redirect.example does not allow 192.0.2.4: -ip4:192.0.2.4 in the SPF record of example.com matches",
		}},
		{"default-redirected", args("192.0.2.5", "a@r.redirect.example"), Evaluation{
			Result: Neutral, Domain: "r.redirect.example", Lookups: 1,
			Reason: "no term of the SPF record of example.com matches 192.0.2.5, where the record of r.redirect.example redirects to",
		}},
		{"no-record", args("192.0.2.5", "a@none.example.com"), Evaluation{
			Result: None, Domain: "none.example.com", Reason: "none.example.com publishes no SPF record",
		}},
		{"nxdomain", args("192.0.2.5", "a@gone.example"), Evaluation{
			Result: None, Domain: "gone.example", Reason: "the domain gone.example does not exist",
		}},
		{"two-records", args("192.0.2.5", "a@two.example.com"), Evaluation{
			Result: PermError, Domain: "two.example.com",
			Reason: "two.example.com publishes more than one SPF record; its owner must merge them into one",
		}},
		{"syntax", args("192.0.2.1", "a@bad.example.com"), Evaluation{
			Result: PermError, Domain: "bad.example.com",
			Reason: "the SPF record of bad.example.com has an error in a:192.0.2.1: an IP address where a domain is expected; ip4: or ip6: may be meant",
		}},
		{"include-none", args("192.0.2.1", "a@leads.example.com"), Evaluation{
			Result: PermError, Domain: "leads.example.com", Lookups: 1,
			Reason: "include:none.example.com in the SPF record of leads.example.com leads nowhere: none.example.com publishes no SPF record",
		}},
		{"explanation", args("192.0.2.9", "a b@exp.example.com"), Evaluation{
			Result: Fail, Domain: "exp.example.com", Mechanism: "-all",
			Explanation: "192.0.2.9 is not one of exp.example.com's: see http://x.example/?s=a%20b%40exp.example.com&h=mail.client.example&r=mx.receiver.example&t=1700000000",
			Reason:      "exp.example.com does not allow 192.0.2.9: -all in the SPF record of exp.example.com matches",
		}},
		{"null-sender", Args{IP: netip.MustParseAddr("192.0.2.1"), Helo: "mailhost.example"}, Evaluation{
			Result: Pass, Domain: "mailhost.example", Identity: Helo, Mechanism: "ip4:192.0.2.1",
			Reason: "mailhost.example allows 192.0.2.1 by ip4:192.0.2.1 in the SPF record of mailhost.example",
		}},
		{"helo-literal", Args{IP: netip.MustParseAddr("192.0.2.1"), Helo: "[192.0.2.1]", MailFrom: "<>"}, Evaluation{
			Result: None, Domain: "[192.0.2.1]", Identity: Helo, DNSSEC: resolver.Indeterminate,
			Reason: "the HELO name, [192.0.2.1], is not a fully qualified domain name, so that nothing can be published for it",
		}},
		{"no-address", Args{Helo: "mailhost.example"}, Evaluation{
			Result: None, Domain: "mailhost.example", Identity: Helo,
			Reason: "the IP address of the client is not known, so nothing can be checked",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want.Identity == "" {
				tt.want.Identity = MailFrom
			}
			if tt.want.Result != None || !strings.Contains(tt.want.Reason, "known") && !strings.Contains(tt.want.Reason, "qualified") {
				tt.want.DNSSEC = resolver.Insecure
			}
			tt.want.Trace = []Step{}
			got := c.CheckHost(context.Background(), tt.args)
			if d := cmp.Diff(got, tt.want); d != "" {
				t.Errorf("-got +want\n%s", d)
			}
		})
	}
}

func TestCheckHelo(t *testing.T) {
	c := Checker{Resolver: newZone(`mail.client.example. TXT "v=spf1 a:mail.client.example -all"
		mail.client.example. A 192.0.2.1`)}
	e := c.CheckHelo(context.Background(), args("192.0.2.1", "a@other.example"))
	if e.Result != Pass || e.Identity != Helo || e.Domain != "mail.client.example" {
		t.Errorf("got %+v", e)
	}
}

// TestResults has one line per rule: a zone, a client and what comes of it.
func TestResults(t *testing.T) {
	const mxs = `
		d.example. TXT "v=spf1 mx mx:m2.example mx:m3.example mx:m4.example ip6:2001:db8::1 ip4:192.0.2.1 -all"
		d.example.  MX 1 h1.example.
		m2.example. MX 1 h2.example.
		m3.example. MX 1 h3.example.
		m4.example. MX 1 h4.example.
	`
	tests := []struct {
		name, zone, ip string
		want           Result
	}{
		{"v6-client-v4-mx-hosts", mxs + "h1.example. A 192.0.2.7\nh2.example. A 192.0.2.7\nh3.example. A 192.0.2.7\nh4.example. A 192.0.2.7", "2001:db8::1", Pass},
		{"v4-client-v6-mx-hosts", mxs + "h1.example. AAAA ::7\nh2.example. AAAA ::7\nh3.example. AAAA ::7\nh4.example. AAAA ::7", "192.0.2.1", Pass},
		{"mx-hosts-do-not-exist", mxs, "2001:db8::1", PermError},
		{"v6-client-v4-a", "d.example. TXT \"v=spf1 a a:h1.example a:h2.example ip6:2001:db8::1 -all\"\nd.example. A 192.0.2.7\nh1.example. A 192.0.2.7\nh2.example. A 192.0.2.7", "2001:db8::1", Pass},
		{"a-without-address", "d.example. TXT \"v=spf1 a a:d.example a:d.example ip4:192.0.2.1\"", "192.0.2.1", PermError},
		{"ptr-without-names", "d.example. TXT \"v=spf1 ptr ptr:x.example ptr:y.example ip4:192.0.2.1\"", "192.0.2.1", Pass},
		{"ptr-names-gone", `d.example. TXT "v=spf1 ptr -all"
			1.2.0.192.in-addr.arpa. PTR a.d.example.
			1.2.0.192.in-addr.arpa. PTR b.d.example.
			1.2.0.192.in-addr.arpa. PTR c.d.example.
			1.2.0.192.in-addr.arpa. PTR e.d.example.`, "192.0.2.1", Fail},
		{"include-of-single-label", `d.example. TXT "v=spf1 include:%{d1} +all"`, "192.0.2.1", PermError},
		{"redirect-to-nothing", `d.example. TXT "v=spf1 redirect=%{l}..example"`, "192.0.2.1", PermError},
		{"all-beats-redirect", `d.example. TXT "v=spf1 redirect=gone.example ?all"`, "192.0.2.1", Neutral},
		{"case", `d.example. TXT "V=SPF1 IP4:192.0.2.1 -ALL"`, "192.0.2.1", Pass},
		{"trailing-dot", `d.example. TXT "v=spf1 include:I.example. -all"
			i.example. TXT "v=spf1 ip4:192.0.2.1"`, "192.0.2.1", Pass},
		{"alias", `d.example. CNAME i.example.
			i.example. TXT "v=spf1 ip4:192.0.2.1 -all"`, "192.0.2.1", Pass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e := evaluate(tt.zone, tt.ip, "a@d.example"); e.Result != tt.want {
				t.Errorf("got %s, want %s: %s", e.Result, tt.want, e.Reason)
			}
		})
	}
}

// TestFailedLookups holds that a lookup without an answer is temperror, except
// where RFC 7208 wants less.
func TestFailedLookups(t *testing.T) {
	const zone = `
		d.example.      TXT "v=spf1 include:i.example a:a.example mx:m.example exists:e.example ptr -all exp=x.example"
		i.example.      TXT "v=spf1 ip4:203.0.113.1"
		a.example.      A   203.0.113.1
		m.example.      MX  1 h.example.
		h.example.      A   203.0.113.1
		1.2.0.192.in-addr.arpa. PTR p.d.example.
		p.d.example.    A   192.0.2.1
		x.example.      TXT "sorry"
	`
	tests := []struct {
		name   string
		fail   string
		reason resolver.Reason
		want   string
	}{
		{"failing-record", "d.example TXT", resolver.Timeout, "temperror: the lookup of TXT d.example failed: timeout"},
		{"failing-record-bogus", "d.example TXT", resolver.BogusAnswer, "temperror: the lookup of TXT d.example failed: bogus"},
		{"failing-include", "i.example TXT", resolver.Timeout, "temperror: the lookup of TXT i.example failed: timeout"},
		{"failing-a", "a.example A", resolver.Timeout, "temperror: the lookup of A a.example, for a:a.example in the SPF record of d.example, failed: timeout"},
		{"failing-mx", "m.example MX", resolver.Timeout, "temperror: the lookup of MX m.example, for mx:m.example in the SPF record of d.example, failed: timeout"},
		{"failing-mx-host", "h.example A", resolver.Timeout, "temperror: the lookup of A h.example, for mx:m.example in the SPF record of d.example, failed: timeout"},
		{"failing-exists", "e.example A", resolver.Timeout, "temperror: the lookup of A e.example, for exists:e.example in the SPF record of d.example, failed: timeout"},
		{"failing-ptr", "1.2.0.192.in-addr.arpa PTR", resolver.Timeout, "fail: d.example does not allow 192.0.2.1: -all in the SPF record of d.example matches"},
		{"failing-ptr-name", "p.d.example A", resolver.Timeout, "fail: d.example does not allow 192.0.2.1: -all in the SPF record of d.example matches"},
		{"failing-not-needed", "x.example TXT", resolver.Timeout, "pass: d.example allows 192.0.2.1 by ptr in the SPF record of d.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z := zones(zone)
			z.Fail = map[string]resolver.Reason{tt.fail: tt.reason}
			c := Checker{Resolver: zoneOf(z)}
			e := c.CheckHost(context.Background(), args("192.0.2.1", "a@d.example"))
			got := string(e.Result) + ": " + e.Reason
			if got = strings.TrimSuffix(got, ": asked for by the test"); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestTimeout holds that the time limit ends a check that DNS does not.
func TestTimeout(t *testing.T) {
	c := Checker{Resolver: newForgetful(newZone(""), 2), Timeout: time.Nanosecond}
	e := c.CheckHost(context.Background(), args("192.0.2.1", "a@together.example"))
	if e.Result != TempError || e.Reason != "the lookup of TXT together.example failed: the time for DNS was used up" {
		t.Errorf("got %s: %s", e.Result, e.Reason)
	}
}

// TestInternationalised holds RFC 8616, Section 4.
func TestInternationalised(t *testing.T) {
	const zone = `
		xn--bcher-kva.example.   TXT "v=spf1 exists:%{l}.l.example exists:%{d}.d.example -all exp=x.example"
		*.l.example.             A 127.0.0.2
		xn--bcher-kva.example.d.example. A 127.0.0.2
		y.example.               TXT "v=spf1 -all exp=x.example"
		x.example.               TXT "no %{l}"
	`
	e := evaluate(zone, "192.0.2.1", "jörg@Bücher.example")
	if e.Result != Pass || e.Mechanism != "exists:%{d}.d.example" || e.Domain != "xn--bcher-kva.example" {
		t.Errorf("got %+v", e)
	}
	if e := evaluate(zone, "192.0.2.1", "jörg@y.example"); e.Result != Fail || e.Explanation != "" {
		t.Errorf("got %+v", e)
	}
	if e := evaluate(zone, "192.0.2.1", "a\r\nb@y.example"); e.Result != Fail || e.Explanation != "" {
		t.Errorf("line end in the explanation: got %+v", e)
	}
}
