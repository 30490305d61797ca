package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/upstream"
	"github.com/waxseal/waxseal/smtp"
)

const (
	benchDomain   = "bench.signed"
	benchWarmUp   = 100
	benchMessages = 500
	benchSize     = 10 << 10
	benchRounds   = 3
	// benchAnchor has the trust anchor for the process that delivers for us.
	benchAnchor = "WAXSEAL_BENCH_ANCHOR"
)

// benchSettings let Postfix keep its TLS sessions as long as ours, over
// few connections, in processes that live through the measurement.
const benchSettings = `smtp_tls_connection_reuse = yes
smtp_connection_cache_destinations = bench.signed
smtp_connection_reuse_count_limit = 100
smtp_destination_concurrency_limit = 4
initial_destination_concurrency = 4
max_use = 1000000
in_flow_delay = 0
`

// BenchmarkPostfixDelivers measures the CPU time per message of 10 KB over kept TLS
// sessions under DANE, to one server: ours for Plan from the cache and Deliver, and
// that of Postfix's smtp, tlsproxy and scache. Queue and reception count on neither
// side.
func BenchmarkPostfixDelivers(b *testing.B) {
	if os.Getenv(benchAnchor) != "" {
		benchDeliver(b)
		return
	}
	program(b, "postfix")
	program(b, "unbound")
	if !alone(b) {
		return
	}
	ca := newAuthority(b, "authority")
	cert := ca.issue(b, certificateFor("mx."+benchDomain))
	w, _, anchor := newWorld(b, benchDomain+". MX 10 mx."+benchDomain+".\nmx."+benchDomain+". A "+address(0)+"\n"+
		"_25._tcp.mx."+benchDomain+". TLSA "+tlsaOf(cert.Leaf, 3, 1, 1)+"\n", "")
	connections := serveSink(b, cert)
	serveWorld(b, w, anchor)
	p := startPostfix(b, benchSettings)
	var ours, theirs []float64
	sent := p.deliver(b, 0, benchWarmUp)
	for range benchRounds {
		before, dialled := serviceTime(b), connections.Load()
		sent = p.deliver(b, sent, benchMessages)
		theirs = append(theirs, micros(serviceTime(b)-before))
		b.Logf("Postfix: %.0f us per message, %d connections", theirs[len(theirs)-1], connections.Load()-dialled)
		dialled = connections.Load()
		ours = append(ours, deliverApart(b, anchor))
		b.Logf("Waxseal: %.0f us per message, %d connections", ours[len(ours)-1], connections.Load()-dialled)
	}
	b.ReportMetric(least(ours), "waxseal-us/message")
	b.ReportMetric(least(theirs), "postfix-us/message")
	b.ReportMetric(least(ours)/least(theirs), "ratio")
}

func least(v []float64) float64 {
	m := v[0]
	for _, x := range v {
		m = min(m, x)
	}
	return m
}

func micros(d time.Duration) float64 { return d.Seconds() * 1e6 / benchMessages }

// benchText is a message of benchSize bytes.
func benchText() string {
	line := strings.Repeat("0123456789", 7) + "\r\n"
	return receiveHeader + "\r\n" + strings.Repeat(line, (benchSize-len(receiveHeader)-2)/len(line)+1)
}

// serveSink takes mail and forgets it. It returns the count of connections.
func serveSink(t testing.TB, cert *tls.Certificate) *atomic.Int64 {
	t.Helper()
	n := new(atomic.Int64)
	w := new(witness)
	server := &smtp.Server{
		Hostname: "mx." + benchDomain, TLSConfig: &tls.Config{Certificates: []tls.Certificate{*cert}},
		Handler: smtp.HandlerFunc(func(_ context.Context, c *smtp.Conn) (smtp.Session, *smtp.Reply) {
			n.Add(1)
			return &mailSession{witness: w, conn: c}, nil
		}),
	}
	serveAt(t, address(0)+":25", server)
	return n
}

// deliver lets Postfix deliver n messages more than those it has sent.
func (p *postfix) deliver(t testing.TB, sent, n int) int {
	t.Helper()
	k := openPostfix(t)
	defer k.Quit(context.Background())
	tx := &smtp.Transaction{From: mailbox(t, "a@out.signed"), To: []smtp.Recipient{{Path: mailbox(t, "b@"+benchDomain)}}}
	text := benchText()
	for range n {
		if d, err := k.Send(t.Context(), tx, strings.NewReader(text)); err != nil || !d.Recipients[0].Delivered() {
			t.Fatalf("%v %+v", err, d)
		}
	}
	p.await(t, "the delivery", func(log string) bool { return strings.Count(log, "status=sent") == sent+n })
	return sent + n
}

// serviceTime is the CPU time of all of Postfix that takes part in sending.
func serviceTime(t testing.TB) time.Duration {
	t.Helper()
	const tick = 10 * time.Millisecond // USER_HZ
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(stat), "(")
		name, rest, _ := strings.Cut(rest, ") ")
		if name != "smtp" && name != "tlsproxy" && name != "scache" {
			continue
		}
		f := strings.Fields(rest) // from the state on, which is field 3 of proc(5)
		for _, i := range [...]int{14 - 3, 15 - 3} {
			n, err := strconv.Atoi(f[i])
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	return time.Duration(sum) * tick
}

// deliverApart delivers by ourselves, in a process of its own so that the server's
// time does not count, and returns what a message took.
func deliverApart(t testing.TB, anchor string) float64 {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^"+t.Name()+"$", "-test.benchtime=1x", "-test.v")
	cmd.Env = append(os.Environ(), benchAnchor+"="+anchor)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &output)
	}
	m := regexp.MustCompile(`took ([\d.]+) us`).FindStringSubmatch(output.String())
	if m == nil {
		t.Fatalf("no result:\n%s", &output)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// benchDeliver is the process that deliverApart starts.
func benchDeliver(b *testing.B) {
	anchors, err := dnssec.ParseAnchors(strings.NewReader(os.Getenv(benchAnchor)))
	if err != nil {
		b.Fatal(err)
	}
	source := &upstream.Client{Servers: []resolver.Server{{Addr: unboundHost + ":53"}}, DNSSEC: true}
	planner := &outbound.Planner{Resolver: &resolver.Cache{Resolver: &dnssec.Validator{Source: source, Anchors: anchors}}}
	kept := new(outbound.Connections)
	defer kept.Close(context.Background())
	d := &outbound.Deliverer{Client: smtp.Client{Hostname: "out.signed"}, Connections: kept}
	text := benchText()
	m := &outbound.Message{
		From: mailbox(b, "waxseal@out.signed"), To: []smtp.Recipient{{Path: mailbox(b, "b@"+benchDomain)}},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}
	deliver := func(n int) {
		for range n {
			plan := planner.Plan(b.Context(), benchDomain)
			if got := d.Deliver(b.Context(), plan, m); !got.Delivered || !got.Authenticated {
				b.Fatalf("%s: %s: %s, %+v", plan.MX.Reason, plan.Reason, got.Reason, plan.Hosts)
			}
		}
	}
	deliver(benchWarmUp)
	before := ownTime(b)
	deliver(benchMessages)
	b.Logf("took %.1f us", micros(ownTime(b)-before))
}

func ownTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
