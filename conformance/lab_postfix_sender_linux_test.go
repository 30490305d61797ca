package conformance

import (
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/smtp"
)

// labSenderSettings let Postfix forget between messages that the last one failed and
// what TLSA records there were.
const labSenderSettings = `smtp_destination_concurrency_failed_cohort_limit = 1000
max_use = 1
`

// TestPostfixLabSender lets a Postfix that obeys DANE send in the place of the bank's
// server. Where the clinic has no TLSA records it encrypts if it can. Unbound
// validates in all columns, which matters only where the attack is on DNS.
func TestPostfixLabSender(t *testing.T) {
	program(t, "postfix")
	program(t, "unbound")
	if !alone(t) {
		return
	}
	addAddress(t, lab.ClinicIP)
	b := &labBed{postfix: startPostfix(t, labSenderSettings)}
	b.serveGate(t)
	cells := labCells(
		"tls_legit nothing STARTTLS DANE",
		"tls_rolled_key STARTTLS DANE",
		"tls_passive nothing STARTTLS DANE",
		"tls_stripped STARTTLS DANE",
		"tls_self_signed STARTTLS DANE",
		"tls_rogue_ca STARTTLS DANE",
		"tls_weakest_digest DANE",
		"tls_fake_mx DANE",
		"smtp_injection nothing STARTTLS DANE",
		"smtp_responses nothing STARTTLS DANE",
		"dns_poisoned_mx DANE",
		"dns_denied_tlsa DANE",
	)
	play := labPlay{mode: "lab sender", cells: cells, other: differences(t, "testdata/postfix_lab.tsv")}
	play.peers = func(t *testing.T) lab.Peers {
		return lab.Peers{Send: func(_ context.Context, s *lab.Stage, m *outbound.Message) (*outbound.Delivery, error) {
			return b.send(t, s, m)
		}}
	}
	play.run(t)
}

// labBed is what stands around a Postfix that sends in the lab.
type labBed struct {
	postfix *postfix
	stage   atomic.Pointer[lab.Stage]
}

// serveGate leads from the clinic's address to where the lab has its server, past
// the attackers.
func (b *labBed) serveGate(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", lab.ClinicIP+":25")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.pass(c)
		}
	}()
}

func (b *labBed) pass(client net.Conn) {
	defer client.Close()
	server, err := b.stage.Load().Dial(context.Background(), lab.BankOut)
	if err != nil {
		return
	}
	defer server.Close()
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(client, server)
		client.Close()
	}()
	_, _ = io.Copy(server, client)
	_ = server.(*net.TCPConn).CloseWrite()
	<-over
}

var (
	labStatus  = regexp.MustCompile(`smtp\[\d+\]: .*to=<ann@[^>]+>, .*status=(\w+) \((.*)\)`)
	labVersion = regexp.MustCompile(`TLS connection established to .*: (TLSv\S+) with cipher (\S+)`)
)

// send hands Postfix a message and reads from its log what became of it. Unbound is
// a new one each time, for the zones are others.
func (b *labBed) send(t *testing.T, s *lab.Stage, m *outbound.Message) (*outbound.Delivery, error) {
	b.stage.Store(s)
	names, err := zonefile.Serve(rootServer, s.Source())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { names.Close() })
	startUnbound(t, s.World.Anchor())
	before := len(b.postfix.lines(t))
	if err := submit(t, m); err != nil {
		return nil, err
	}
	b.postfix.await(t, "the delivery", func(log string) bool { return labStatus.MatchString(log[before:]) })
	log := b.postfix.lines(t)[before:]
	status := labStatus.FindStringSubmatch(log)
	d := &outbound.Delivery{Result: postfixResults[status[1]], Reason: status[2]}
	d.Delivered = d.Result == outbound.Delivered
	if v := labVersion.FindStringSubmatch(log); v != nil {
		d.TLS = &outbound.TLSState{Version: v[1], Cipher: v[2]}
	}
	return d, nil
}

// submit hands a message to Postfix.
func submit(t *testing.T, m *outbound.Message) error {
	t.Helper()
	k := openPostfix(t)
	defer k.Quit(context.Background())
	text, err := m.Open()
	if err != nil {
		return err
	}
	defer text.Close()
	d, err := k.Send(t.Context(), &smtp.Transaction{From: m.From, To: m.To}, text)
	if err == nil && !d.Recipients[0].Delivered() {
		err = errors.New("Postfix does not take the message")
	}
	return err
}
