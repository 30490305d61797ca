package socketmap

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/internal/accept"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

const digest = "3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

const signedZone = `
dane.signed. MX 10 mx.dane.signed.
dane.signed. MX 20 mx2.dane.signed.
mx.dane.signed. A 192.0.2.1
mx2.dane.signed. A 192.0.2.2
_25._tcp.mx.dane.signed. TLSA ` + digest + `
_25._tcp.mx2.dane.signed. TLSA ` + digest + `
both.signed. MX 10 mx.dane.signed.
_mta-sts.both.signed. TXT "v=STSv1; id=1;"
mixed.signed. MX 10 mx.dane.signed.
mixed.signed. MX 20 mx.plain.
stsmixed.signed. MX 10 mx.dane.signed.
stsmixed.signed. MX 20 mx.plain.
_mta-sts.stsmixed.signed. TXT "v=STSv1; id=1;"
unusable.signed. MX 10 mx.unusable.signed.
mx.unusable.signed. A 192.0.2.1
_25._tcp.mx.unusable.signed. TLSA 1 1 1 00
none.signed. MX 10 mx.none.signed.
mx.none.signed. A 192.0.2.1
null.signed. MX 0 .
denied.signed. MX 0 .
bogus.signed. MX 10 mx.bogus.signed.
mx.bogus.signed. A 192.0.2.1
_25._tcp.mx.bogus.signed. TLSA ` + digest + `
half.signed. MX 10 mx.bogus.signed.
half.signed. MX 20 mx.none.signed.
_mta-sts.half.signed. TXT "v=STSv1; id=1;"
halfdane.signed. MX 10 mx.bogus.signed.
halfdane.signed. MX 20 mx.dane.signed.
unknown.signed. MX 0 .
_mta-sts.unknown.signed. TXT "v=STSv1; id=1;"
`

const plainZone = `
a.plain. MX 10 mx.plain.
mx.plain. A 192.0.2.9
sts.plain. MX 10 mx.plain.
sts.plain. MX 20 mx.dane.signed.
sts.plain. MX 30 forged.plain.
forged.plain. A 192.0.2.10
_mta-sts.sts.plain. TXT "v=STSv1; id=1;"
testing.plain. MX 10 mx.plain.
_mta-sts.testing.plain. TXT "v=STSv1; id=1;"
todane.plain. MX 10 mx.dane.signed.
denied.plain. MX 0 .
`

// planner plans over a root with a signed and an unsigned zone; the records of
// mx.bogus.signed. fail to validate.
func planner(t testing.TB) *outbound.Planner {
	t.Helper()
	w, signed, anchor, err := zonesign.SignedAndPlain(now, signedZone, plainZone)
	if err != nil {
		t.Fatal(err)
	}
	signed.Corrupt("_25._tcp.mx.bogus.signed.", dns.TypeTLSA)
	signed.Corrupt("_mta-sts.unknown.signed.", dns.TypeTXT)
	anchors, err := dnssec.ParseAnchors(strings.NewReader(anchor))
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return now }
	r := &resolver.Cache{Resolver: &dnssec.Validator{Source: w, Anchors: anchors, Time: clock}, Time: clock}
	store := new(mtasts.MemoryStore)
	for _, p := range []struct {
		domain string
		mode   mtasts.Mode
		mx     []string
	}{
		{"both.signed", mtasts.Enforce, []string{"mx.dane.signed"}},
		{"stsmixed.signed", mtasts.Enforce, []string{"mx.plain", "*.dane.signed"}},
		{"half.signed", mtasts.Enforce, []string{"mx.bogus.signed", "mx.none.signed"}},
		{"sts.plain", mtasts.Enforce, []string{"mx.plain", "*.dane.signed"}},
		{"testing.plain", mtasts.Testing, []string{"mx.plain"}},
		{"denied.signed", mtasts.Enforce, []string{"mx.plain"}},
		{"denied.plain", mtasts.Enforce, []string{"mx.plain"}},
		{"nowhere.plain", mtasts.Enforce, []string{"mx.plain"}},
	} {
		if err := store.Save(t.Context(), &mtasts.Entry{
			Domain: p.domain, ID: "1", Expires: now.Add(time.Hour), Used: now,
			Policy: mtasts.Policy{Version: "STSv1", Mode: p.mode, MX: p.mx, MaxAge: 3600},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return &outbound.Planner{
		Resolver: r, Shuffle: func(int, func(int, int)) {},
		STS: &mtasts.Cache{Fetcher: &mtasts.Fetcher{Resolver: r}, Store: store, Time: clock},
	}
}

func TestPolicies(t *testing.T) {
	s := &Server{Planner: planner(t)}
	for _, row := range []struct{ key, want string }{
		{"dane.signed", "OK dane-only"},
		{"DANE.Signed", "OK dane-only"},
		{"both.signed", "OK dane-only"},
		{"mixed.signed", "OK dane"},
		{"unusable.signed", "OK dane"},
		{"halfdane.signed", "OK dane-only"},
		{"todane.plain", "OK dane"},
		{"none.signed", "NOTFOUND "},
		{"a.plain", "NOTFOUND "},
		{"testing.plain", "NOTFOUND "},
		{"sts.plain", "OK secure match=mx.plain:mx.dane.signed servername=hostname"},
		{"stsmixed.signed", "OK secure match=mx.dane.signed:mx.plain servername=hostname"},
		{"half.signed", "TEMP mx.bogus.signed: "},
		{"bogus.signed", "TEMP no MX host of bogus.signed can be used now: "},
		{"null.signed", "NOTFOUND "},
		{"nowhere.signed", "NOTFOUND "},
		// Whoever forges that a domain has no hosts must not get its mail.
		{"denied.signed", "TEMP Postfix sees MX hosts, but here: denied.signed takes no mail (null MX)"},
		{"denied.plain", "TEMP DNS says that denied.plain takes no mail (null MX); "},
		{"nowhere.plain", "TEMP DNS says that nowhere.plain does not exist; "},
		{"unknown.signed", "TEMP Postfix sees MX hosts, but here: unknown.signed takes no mail (null MX)"},
		{".signed", "NOTFOUND "},
		{"[dane.signed]", "NOTFOUND "},
		{"[dane.signed]:587", "NOTFOUND "},
		{"dane.signed:587", "NOTFOUND "},
		{"192.0.2.1", "NOTFOUND "},
		{"2001:db8::1", "NOTFOUND "},
		{"localhost", "NOTFOUND "},
		{"", "NOTFOUND "},
		{"dane.signed x", "NOTFOUND "},
	} {
		t.Run(strings.ReplaceAll(row.key, " ", "_"), func(t *testing.T) {
			got := s.lookup(t.Context(), Policy, row.key).Reply
			if got != row.want && (!strings.HasPrefix(row.want, "TEMP") || !strings.HasPrefix(got, row.want)) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// TestDefault holds that a level of the operator's is never weakened by what the map
// says of a domain.
func TestDefault(t *testing.T) {
	s := &Server{Planner: planner(t)}
	for _, row := range []struct {
		level Level
		want  string // in the order of keys
	}{
		{Own, "NOTFOUND, NOTFOUND, OK dane, OK dane, OK dane, OK dane-only, TEMP, NOTFOUND"},
		{May, "OK may, OK may, OK dane, OK dane, OK dane, OK dane-only, TEMP, OK may"},
		{DANE, "OK dane, OK dane, OK dane, OK dane, OK dane, OK dane-only, TEMP, OK dane"},
		// Also where we see no host: Postfix does, and it may be a forger's.
		{Encrypt, "OK encrypt, OK encrypt, OK dane-only, OK encrypt, OK encrypt, OK dane-only, TEMP, OK encrypt"},
	} {
		t.Run(string(row.level), func(t *testing.T) {
			s.Default = func() Level { return row.level }
			var got []string
			for _, key := range []string{
				"a.plain", "testing.plain", "mixed.signed", "unusable.signed", "todane.plain", "dane.signed", "bogus.signed", "null.signed",
			} {
				reply := s.lookup(t.Context(), Policy, key).Reply
				if strings.HasPrefix(reply, temp) {
					reply = temp
				}
				got = append(got, strings.TrimSpace(reply))
			}
			if diff := cmp.Diff(strings.Join(got, ", "), row.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTLSRPTAttributes(t *testing.T) {
	s := &Server{Planner: planner(t)}
	for _, row := range []struct{ key, want string }{
		{"dane.signed", "OK dane-only"},
		{"a.plain", "NOTFOUND "},
		{"sts.plain", "OK secure match=mx.plain:mx.dane.signed servername=hostname policy_type=sts policy_domain=sts.plain" +
			" { policy_string = version: STSv1 } { policy_string = mode: enforce } { policy_string = mx: mx.plain }" +
			" { policy_string = mx: *.dane.signed } { policy_string = max_age: 3600 } mx_host_pattern=mx.plain mx_host_pattern=*.dane.signed"},
	} {
		t.Run(row.key, func(t *testing.T) {
			if diff := cmp.Diff(s.lookup(t.Context(), PolicyTLSRPT, row.key).Reply, row.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHostileHost has a host name that would be an attribute.
func TestHostileHost(t *testing.T) {
	plan := &outbound.Plan{
		Domain: "a.example", Outcome: outbound.Deliver,
		Hosts: []outbound.Host{
			{Name: "mx tafile=x.a.example", Policy: outbound.MTASTS, State: outbound.Use, Pattern: "*.a.example"},
			{Name: "x:y.a.example", Policy: outbound.MTASTS, State: outbound.Use, Pattern: "*.a.example"},
		},
		STS: &mtasts.Evaluation{Policy: &mtasts.Policy{Mode: mtasts.Enforce}},
	}
	if got, want := answer(plan, Own, true), "TEMP no MX host has a name that a certificate can have"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	plan.Hosts = append(plan.Hosts, outbound.Host{Name: "mx.a.example", Policy: outbound.MTASTS, State: outbound.Use, Pattern: "*.a.example"})
	if got, want := answer(plan, Own, false), "OK secure match=mx.a.example servername=hostname"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// fixed is a Planner with one answer.
type fixed func() *outbound.Plan

func (f fixed) Plan(context.Context, string) *outbound.Plan { return f() }

func mayPlan() *outbound.Plan { return &outbound.Plan{Outcome: outbound.Deliver} }

// dial begins a connection with s.
func dial(t testing.TB, s *Server) net.Conn {
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		s.serve(accept.Stop{Soon: ctx, Now: ctx}, theirs)
		theirs.Close()
	})
	t.Cleanup(func() { ours.Close(); cancel(); wg.Wait() })
	return ours
}

func TestConversation(t *testing.T) {
	broken := false
	s := &Server{Planner: fixed(func() *outbound.Plan {
		if broken {
			panic("broken")
		}
		return mayPlan()
	})}
	conn := dial(t, s)
	for _, row := range []struct {
		name, request, want string
		broken              bool
	}{
		{"found", "18:policy a.b.example,", "9:NOTFOUND ,", false},
		{"not-found", "8:policy .,", "9:NOTFOUND ,", false},
		{"no-map", "7:other a,", "28:PERM there is no map other,", false},
		{"panic", "18:policy a.b.example,", "19:TEMP internal fault,", true},
		{"after-panic", "18:policy a.b.example,", "9:NOTFOUND ,", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			broken = row.broken
			request := row.request
			if _, text, ok := strings.Cut(request, ":"); ok { // counted here, for the reader's sake
				request = fmt.Sprintf("%d:%s", len(text)-1, text)
			}
			io.WriteString(conn, request)
			got := make([]byte, len(row.want))
			if _, err := io.ReadFull(conn, got); err != nil || !sameReply(string(got), row.want) {
				t.Errorf("got %q, %v, want %q", got, err, row.want)
			}
		})
	}
}

func sameReply(got, want string) bool {
	_, g, _ := strings.Cut(got, ":")
	_, w, _ := strings.Cut(want, ":")
	return g == w
}

func TestMalformedRequests(t *testing.T) {
	for _, row := range []struct {
		name, request string
		reason        Reason
	}{
		{"http", "GET / HTTP/1.1\r\n", BadRequest},
		{"no-colon", "12policy", BadRequest},
		{"leading-zero", "08:policy a,", BadRequest},
		{"negative", "-1:policy a,", BadRequest},
		{"no-comma", "8:policy a;", BadRequest},
		{"no-space", "6:policy,", BadRequest},
		{"too-large", "10001:", TooLarge},
		{"far-too-large", "99999999999999999999999:", TooLarge},
		{"empty", "0:,", BadRequest},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			conn := dial(t, &Server{Planner: fixed(mayPlan), Report: func(err error) { got = append(got, string(err.(*Error).Reason)) }})
			go io.WriteString(conn, row.request)
			if b, err := io.ReadAll(conn); len(b) > 0 || err != nil {
				t.Errorf("read %q, %v", b, err)
			}
			if diff := cmp.Diff(got, []string{string(row.reason)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStalls(t *testing.T) {
	for _, row := range []struct {
		name, request string
		want          time.Duration
	}{
		{"idle", "", IdleTime},
		{"in-length", "1", RequestTime},
		{"in-text", "18:pol", RequestTime},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := dial(t, &Server{Planner: fixed(mayPlan)})
				io.WriteString(conn, row.request)
				begin := time.Now()
				if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
					t.Error(err)
				}
				if got := time.Since(begin); got != row.want {
					t.Errorf("closed after %v, want %v", got, row.want)
				}
			})
		})
	}
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := fixed(func() *outbound.Plan { time.Sleep(3 * time.Second); return mayPlan() })
		s := &Server{Planner: slow, Report: func(err error) { t.Error(err) }}
		soon, stop := context.WithCancel(t.Context())
		begin := func() net.Conn {
			ours, theirs := net.Pipe()
			go func() { s.serve(accept.Stop{Soon: soon, Now: t.Context()}, theirs); theirs.Close() }()
			return ours
		}
		idle, busy := begin(), begin()
		io.WriteString(busy, "18:policy a.b.example,")
		synctest.Wait()
		stop()
		if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		if got, err := io.ReadAll(busy); string(got) != "9:NOTFOUND ," || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add("8:policy a,3:b c,")
	f.Add("00:,")
	f.Add("10000:x")
	f.Fuzz(func(t *testing.T, s string) {
		r := bufio.NewReader(strings.NewReader(s))
		for {
			name, key, err := readRequest(r)
			if err != nil {
				return
			}
			if strings.Contains(name, " ") || len(name)+len(key) >= MaxQuery {
				t.Fatalf("%q, %q", name, key)
			}
			if d, known := domainOf(key); known && strings.ContainsAny(d, " :,{}[]") {
				t.Fatalf("%q is no domain", d)
			}
		}
	})
}

// BenchmarkLookup is what Postfix waits for when all answers are in the cache.
func BenchmarkLookup(b *testing.B) {
	s := &Server{Planner: planner(b)}
	for _, key := range []string{"dane.signed", "sts.plain", "a.plain"} {
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.lookup(b.Context(), Policy, key)
			}
		})
	}
}

// TestServeDrains holds that a lookup under way does not keep the server longer than
// it was given.
func TestServeDrains(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	s := &Server{Drain: time.Millisecond, Planner: planFunc(func(ctx context.Context) *outbound.Plan {
		close(asked)
		<-ctx.Done()
		return mayPlan()
	})}
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "18:policy a.b.example,")
	<-asked
	if got := s.Open(); got != 1 {
		t.Errorf("%d clients, want 1", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := s.Open(); got != 0 {
		t.Errorf("%d clients at the end", got)
	}
}

// planFunc is a function as a Planner.
type planFunc func(ctx context.Context) *outbound.Plan

func (f planFunc) Plan(ctx context.Context, _ string) *outbound.Plan { return f(ctx) }
