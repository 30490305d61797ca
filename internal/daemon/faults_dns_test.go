package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// nameServer is a recursive server that can fail in every way. Each question is
// answered as fault says at the time.
type nameServer struct {
	*zonesign.World
	server *zonefile.Server
	mu     sync.Mutex
	fault  func(ctx context.Context, q resolver.Question, r *resolver.Reply) error
}

// open begins to serve.
func (n *nameServer) open(t *testing.T, addr string) {
	t.Helper()
	var err error
	if n.server, err = zonefile.Serve(addr, n); err != nil {
		t.Fatal(err)
	}
}

func (n *nameServer) set(fault func(ctx context.Context, q resolver.Question, r *resolver.Reply) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault = fault
}

// Fetch implements resolver.Source.
func (n *nameServer) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	n.mu.Lock()
	fault := n.fault
	n.mu.Unlock()
	r, err := n.World.Fetch(ctx, q)
	if err == nil && fault != nil {
		r.Msg = r.Msg.Copy()
		err = fault(ctx, q, r)
	}
	return r, err
}

// The ways to fail.

func silent(context.Context, resolver.Question, *resolver.Reply) error {
	return &resolver.Error{Reason: resolver.Timeout}
}

func serverFails(_ context.Context, _ resolver.Question, r *resolver.Reply) error {
	r.Msg.Rcode, r.Msg.Answer, r.Msg.Ns = dns.RcodeServerFailure, nil, nil
	return nil
}

func slowBy(d time.Duration) func(context.Context, resolver.Question, *resolver.Reply) error {
	return func(ctx context.Context, _ resolver.Question, _ *resolver.Reply) error {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
		return nil
	}
}

// lies says without proof that whoever sends may send, and that it was checked.
func lies(_ context.Context, q resolver.Question, r *resolver.Reply) error {
	if q.Type != resolver.TypeTXT {
		return nil
	}
	text := `"v=spf1 +all"`
	if strings.HasPrefix(q.Name, "_dmarc.") {
		text = `"v=DMARC1; p=none"`
	}
	rr, err := dns.NewRR(q.Name + ". 60 TXT " + text)
	if err != nil {
		return err
	}
	r.Msg.Rcode, r.Msg.Answer, r.Msg.AuthenticatedData = dns.RcodeSuccess, []dns.RR{rr}, true
	return nil
}

// forges breaks the signatures of true answers, those of keys not among them: that
// those are bogus is remembered for a minute.
func forges(_ context.Context, q resolver.Question, r *resolver.Reply) error {
	if q.Type != resolver.TypeTXT {
		return nil
	}
	r.Msg.AuthenticatedData = true
	for _, rr := range r.Msg.Answer {
		if sig, ok := rr.(*dns.RRSIG); ok {
			sig.Signature = "AAAA" + sig.Signature[4:]
		}
	}
	return nil
}

// faultySite is a site whose names come from a nameServer: bank0.example. and so
// on, whose mail comes from 192.0.2.1 and no other.
func faultySite(t *testing.T, extra, messageTime string) (*site, *nameServer) {
	t.Helper()
	n := &nameServer{World: new(zonesign.World)}
	sign := func(origin, text string) *zonesign.Signed {
		z, err := n.Add(time.Now(), origin, text)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	var text strings.Builder
	for i := range 20 {
		fmt.Fprintf(&text, "bank%d.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc.bank%[1]d.example. TXT \"v=DMARC1; p=reject\"\n", i)
	}
	inner := sign("example.", text.String())
	root := sign(".", "example. NS ns.example.\n"+inner.DS())
	n.open(t, "127.0.0.1:0")
	t.Cleanup(func() { n.server.Close() })
	s := newSite(t, extra)
	s.write("anchor", root.DS())
	s.replace(`zones = ["`+s.dir+`/zone"]`, fmt.Sprintf("servers = [%q]\ntrust_anchor = %q\nmessage_time = %q", n.server.Addr(), s.dir+"/anchor", messageTime))
	return s, n
}

// TestResolverFaults holds what becomes of a genuine message and of a forged one
// while the resolver fails and afterwards.
func TestResolverFaults(t *testing.T) {
	const monitor, enforce, lenient = "", "[policy]\nmode = \"enforce\"\n", "[policy]\nmode = \"enforce\"\ntemperror = \"accept\"\n"
	const (
		later   = "451"
		accept  = "accept temperror"
		passes  = "accept pass"
		refuses = "550"
	)
	for _, row := range []struct {
		name, config, time string
		fault              func(context.Context, resolver.Question, *resolver.Reply) error
		genuine, forged    string // Reply and dmarc
	}{
		{"silent-enforce", enforce, "1s", silent, later, later},
		{"silent-lenient", lenient, "1s", silent, accept, accept},
		{"silent-monitor", monitor, "1s", silent, accept, accept},
		{"servfail-enforce", enforce, "10s", serverFails, later, later},
		{"servfail-monitor", monitor, "10s", serverFails, accept, accept},
		{"slow-enforce", enforce, "10s", slowBy(50 * time.Millisecond), passes, refuses},
		{"too-slow-enforce", enforce, "1s", slowBy(time.Minute), later, later},
		{"too-slow-monitor", monitor, "1s", slowBy(time.Minute), accept, accept},
		{"lying-enforce", enforce, "10s", lies, later, later},
		{"lying-monitor", monitor, "10s", lies, accept, accept},
		{"forging-enforce", enforce, "10s", forges, later, later},
		{"forging-monitor", monitor, "10s", forges, accept, accept},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s, n := faultySite(t, row.config, row.time)
			f := startFaulty(t, s)
			n.set(row.fault)
			during := []string{f.genuine("bank0"), f.forged("bank1")}
			n.set(nil)
			after := []string{healed(f.genuine, 2), healed(f.forged, 10)}
			if diff := cmp.Diff(during, []string{row.genuine, row.forged}); diff != "" {
				t.Error("during the fault:", diff)
			}
			want := []string{passes, refuses}
			if row.config == monitor {
				want[1] = "accept fail"
			}
			if diff := cmp.Diff(after, want); diff != "" {
				t.Error("afterwards:", diff)
			}
		})
	}
}

// healed returns the verdict on the first message that got one, of several: what
// timed out is not asked again for a second, and a slow machine may miss the time that
// these rows give to DNS.
func healed(ask func(bank string) string, first int) (got string) {
	for i := range 8 {
		got = ask(fmt.Sprintf("bank%d", first+i))
		if got != "451" && got != "accept temperror" {
			break
		}
	}
	return got
}

// faultyRun is a daemon with a mail server that has a genuine client and one that
// has a forger.
type faultyRun struct{ own, other *mta }

func startFaulty(t *testing.T, s *site) faultyRun {
	t.Helper()
	d := s.daemon()
	d.Log = slog.New(slog.DiscardHandler)
	addrs, stop := start(t, d)
	f := faultyRun{dialMTA(t, addrs[0], "192.0.2.1"), dialMTA(t, addrs[0], "203.0.113.9")}
	t.Cleanup(func() {
		f.own.conn.Close()
		f.other.conn.Close()
		stop()
	})
	return f
}

func (f faultyRun) genuine(bank string) string { return f.own.verdict(bank) }
func (f faultyRun) forged(bank string) string  { return f.other.verdict(bank) }

// verdict returns reply and result of DMARC of a message by bank.example.
func (m *mta) verdict(bank string) string {
	m.t.Helper()
	got := m.judge("joe@"+bank+".example", "From: joe@"+bank+".example\n")
	return strings.TrimSpace(got.Reply + " " + got.Results["dmarc"])
}

// TestResolverRefuses has no resolver at all, and then has it again.
func TestResolverRefuses(t *testing.T) {
	s, n := faultySite(t, "[policy]\nmode = \"enforce\"\n", "10s")
	f := startFaulty(t, s)
	n.server.Close()
	during := []string{f.genuine("bank0"), f.forged("bank1")}
	n.open(t, n.server.Addr())
	after := []string{f.genuine("bank2"), f.forged("bank3")}
	if diff := cmp.Diff([][]string{during, after}, [][]string{{"451", "451"}, {"accept pass", "550"}}); diff != "" {
		t.Error(diff)
	}
}

// TestResolverFlaps has a resolver of which every other reply is lost or a failure:
// a message may have to wait, but none is misjudged.
func TestResolverFlaps(t *testing.T) {
	t.Parallel()
	s, n := faultySite(t, "[policy]\nmode = \"enforce\"\n", "10s")
	f := startFaulty(t, s)
	var asked atomic.Int64
	n.set(func(ctx context.Context, q resolver.Question, r *resolver.Reply) error {
		switch asked.Add(1) % 4 {
		case 1:
			return silent(ctx, q, r)
		case 3:
			return serverFails(ctx, q, r)
		}
		return nil
	})
	for i := range 2 {
		if got := f.genuine(fmt.Sprintf("bank%d", i)); got != "accept pass" && got != "451" {
			t.Errorf("genuine: got %q, want accept pass or 451", got)
		}
		if got := f.forged(fmt.Sprintf("bank%d", i+10)); got != "550" && got != "451" {
			t.Errorf("forged: got %q, want 550 or 451", got)
		}
	}
	n.set(nil)
	after := []string{f.genuine("bank5"), f.forged("bank15")}
	if diff := cmp.Diff(after, []string{"accept pass", "550"}); diff != "" {
		t.Error(diff)
	}
}
