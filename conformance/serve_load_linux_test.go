package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/waxseal/waxseal/smtp"
)

const (
	filterPort = "127.0.0.1:8891"

	loaders       = 4 // clients of Postfix at a time
	perConnection = 5 // messages
)

// filterSettings let Postfix refuse for the time being what cannot be filtered.
const filterSettings = `smtpd_milters = inet:` + filterPort + `
milter_default_action = tempfail
message_size_limit = 120000000
`

// filterZone has a domain whose mail comes from this machine, and one whose mail
// does not.
const filterZone = `load.signed. TXT "v=spf1 ip4:127.0.0.1 -all"
s1._domainkey.load.signed. TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
_dmarc.load.signed. TXT "v=DMARC1; p=reject"
other.signed. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.other.signed. TXT "v=DMARC1; p=reject"
`

// startFilter starts waxseal as Postfix's filter, which enforces.
func startFilter(t testing.TB, program, extra string) *serving {
	t.Helper()
	zone := filepath.Join(t.TempDir(), "zone")
	write(t, zone, filterZone)
	return startServing(t, program, fmt.Sprintf(`hostname = "out.signed"
[dns]
zones = [%q]
[policy]
mode = "enforce"
[milter]
listen = %q
trusted_networks = []
%s`, zone, filterPort, extra), filterPort)
}

// ledger is what became of messages, by their numbers.
type ledger struct {
	next atomic.Int64

	mu       sync.Mutex
	accepted map[string]bool
	refused  map[string]string // reply
	unknown  map[string]error  // the connection broke
	arrived  map[string]int
	bare     []string // that arrived without our result
}

func newLedger() *ledger {
	return &ledger{accepted: map[string]bool{}, refused: map[string]string{}, unknown: map[string]error{}, arrived: map[string]int{}}
}

func (l *ledger) counts() (accepted, refused, arrived int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted), len(l.refused), len(l.arrived)
}

// arrivals takes what Postfix delivers.
type arrivals struct{ *ledger }

func (arrivals) Mail(context.Context, smtp.Path, *smtp.MailOptions) *smtp.Reply { return nil }
func (arrivals) Rcpt(context.Context, smtp.Path, *smtp.RcptOptions) *smtp.Reply { return nil }
func (arrivals) Reset()                                                         {}

var (
	numberField = regexp.MustCompile(`\nMessage-ID: <(\w+)@`)
	ourResult   = regexp.MustCompile(`^Authentication-Results: out\.signed;(?:.*\r\n[ \t])*.*\bdmarc=pass\b`)
)

func (a arrivals) Data(_ context.Context, message io.Reader) *smtp.Reply {
	text, err := io.ReadAll(message)
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	header, _, _ := bytes.Cut(text, []byte("\r\n\r\n"))
	m := numberField.FindSubmatch(header)
	if m == nil {
		return nil // a bounce
	}
	id := string(m[1])
	a.arrived[id]++
	if !ourResult.Match(header) {
		a.bare = append(a.bare, id)
	}
	return nil
}

// receive serves what is behind Postfix.
func (l *ledger) receive(t testing.TB) {
	extensions := smtp.DefaultExtensions()
	extensions.MaxSize = 0
	serveAt(t, finalServer, &smtp.Server{
		Hostname: "final.signed", LMTP: true, Extensions: &extensions,
		Handler: smtp.HandlerFunc(func(context.Context, *smtp.Conn) (smtp.Session, *smtp.Reply) { return arrivals{l}, nil }),
	})
}

// send sends one message and notes its fate; it reports whether the connection may
// go on.
func (l *ledger) send(t testing.TB, k *smtp.ClientConn, from, body string) bool {
	id := fmt.Sprintf("n%d", l.next.Add(1))
	text := "From: joe@" + from + "\r\nTo: b@rcpt.signed\r\nMessage-ID: <" + id + "@load.signed>\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\n\r\n" + body
	tx := &smtp.Transaction{From: mailbox(t, "joe@"+from), To: []smtp.Recipient{{Path: mailbox(t, "b@rcpt.signed")}}}
	d, err := k.Send(context.Background(), tx, strings.NewReader(text))
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(d.Recipients) == 1 && d.Recipients[0].Delivered():
		l.accepted[id] = true
		return true
	case err == nil:
		l.refused[id] = finalReply(d)
	default:
		l.unknown[id] = err
	}
	return false
}

// finalReply is the reply that decided over the only recipient.
func finalReply(d *smtp.Delivery) string {
	for _, r := range []*smtp.Reply{d.Mail, d.Recipients[0].Rcpt, d.Data, d.Recipients[0].Final} {
		if r != nil && !r.Positive() && r.Code != 354 {
			return r.String()
		}
	}
	return "no reply"
}

// load sends messages until the context ends.
func (l *ledger) load(ctx context.Context, t testing.TB) (wait func()) {
	var wg sync.WaitGroup
	for range loaders {
		wg.Go(func() {
			for ctx.Err() == nil {
				k := openPostfix(t)
				for i := 0; i < perConnection && ctx.Err() == nil && l.send(t, k, "load.signed", "hello\r\n"); i++ {
				}
				k.Quit(context.Background())
			}
		})
	}
	return wg.Wait
}

// more waits until so many messages more are accepted.
func (l *ledger) more(t testing.TB, n int) {
	t.Helper()
	before, _, _ := l.counts()
	awaitTrue(t, "accepting messages", func() bool { now, _, _ := l.counts(); return now >= before+n })
}

// refuses waits until a message more is refused.
func (l *ledger) refuses(t testing.TB) {
	t.Helper()
	_, before, _ := l.counts()
	awaitTrue(t, "a refusal", func() bool { _, now, _ := l.counts(); return now > before })
}

// check holds, once Postfix has delivered, that no message is lost, doubled or
// refused for good, and that each that went through was judged.
func (l *ledger) check(t *testing.T) {
	t.Helper()
	awaitTrue(t, "delivery of what was accepted", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for id := range l.accepted {
			if l.arrived[id] == 0 {
				return false
			}
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, n := range l.arrived {
		if n != 1 {
			t.Errorf("%s arrived %d times", id, n)
		}
		if reply, refused := l.refused[id]; refused {
			t.Errorf("%s arrived and was refused: %s", id, reply)
		}
	}
	for id, reply := range l.refused {
		if !strings.HasPrefix(reply, "4") {
			t.Errorf("%s was refused: %s", id, reply)
		}
	}
	if len(l.unknown) > 0 || len(l.bare) > 0 {
		t.Errorf("without an answer: %v; without a result of ours: %v", l.unknown, l.bare)
	}
	t.Logf("%d accepted and delivered once, %d refused for the time being", len(l.accepted), len(l.refused))
}

// TestServeLoad kills, reloads and stops waxseal while Postfix takes in mail.
func TestServeLoad(t *testing.T) {
	program(t, "postfix")
	waxseal := buildWaxseal(t)
	if !alone(t) {
		return
	}
	s := startFilter(t, waxseal, "")
	startPostfix(t, filterSettings)
	l := newLedger()
	l.receive(t)
	ctx, stop := context.WithCancel(context.Background())
	wait := l.load(ctx, t)
	defer wait()
	defer stop()

	for range 5 { // crashes
		l.more(t, 20)
		s.kill()
		l.refuses(t)
		s.start()
	}
	l.reload(t, s)
	for range 3 { // ends in good order
		l.more(t, 20)
		s.stop()
		s.start()
	}
	l.more(t, 20)
	stop()
	wait()
	l.check(t)
}

// reload lets a waxseal under load read good and broken configurations.
func (l *ledger) reload(t *testing.T, s *serving) {
	t.Helper()
	l.more(t, loaders*perConnection) // no connection is left from before
	_, before, _ := l.counts()
	good, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		config, said := string(good)+"\n", `"configuration reloaded"`
		if i%2 == 1 {
			config, said = "nonsense", `"configuration not reloaded, the old one stays in force"`
		}
		write(t, s.config, config)
		s.signal(syscall.SIGHUP)
		s.await(said, i/2+1)
		l.more(t, 5)
	}
	write(t, s.config, string(good))
	if _, after, _ := l.counts(); after != before {
		t.Errorf("%d messages were refused during reloads", after-before)
	}
}
