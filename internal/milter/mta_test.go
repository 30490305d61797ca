package milter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/waxseal/waxseal/internal/accept"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mta is the other side of the protocol: as much of it as the tests need.
type mta struct {
	t     testing.TB
	conn  net.Conn
	flags uint32 // that were granted
}

// Offers of mail servers: version, actions, flags.
var (
	postfix  = [3]uint32{6, 0x1ff, 0x1fffff}
	oldMTA   = [3]uint32{2, 0x3f, 0x7f}
	sendmail = [3]uint32{6, 0x1ff, 0x1fffff &^ leadingSpace}
	waits    = [3]uint32{6, 0x1ff, 0x1fffff &^ noReplyEOH} // for a reply to the header
)

// connect begins a connection with s and the negotiation.
func connect(t testing.TB, s *Server, offer [3]uint32) *mta {
	t.Helper()
	m := dial(t, s)
	m.negotiate(offer)
	return m
}

// dial begins a connection with s.
func dial(t testing.TB, s *Server) *mta {
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		s.serve(accept.Stop{Soon: ctx, Now: ctx}, theirs, s.Limits.withDefaults())
		theirs.Close()
	})
	t.Cleanup(func() {
		ours.Close()
		cancel()
		wg.Wait()
	})
	return &mta{t: t, conn: ours}
}

func (m *mta) negotiate(offer [3]uint32) string {
	m.t.Helper()
	var b []byte
	for _, n := range offer {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	m.send("O" + string(b))
	reply, err := m.read()
	if err != nil || reply[0] != 'O' {
		m.t.Fatalf("negotiation: %q", reply)
	}
	m.flags = binary.BigEndian.Uint32([]byte(reply[9:]))
	return reply[1:]
}

// endHeader ends the header and returns the reply, if there is one.
func (m *mta) endHeader() []string {
	m.t.Helper()
	if m.flags&noReplyEOH == 0 {
		return m.ask("N")
	}
	m.send("N")
	return nil
}

// send sends packets for which there is no reply.
func (m *mta) send(packets ...string) {
	m.t.Helper()
	var b []byte
	for _, p := range packets {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	if _, err := m.conn.Write(b); err != nil {
		m.t.Fatal(err)
	}
}

// receive returns one packet of the filter, its last NUL cut.
func (m *mta) receive() string {
	m.t.Helper()
	p, err := m.read()
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSuffix(p, "\x00")
}

func (m *mta) read() (string, error) {
	var size [4]byte
	if _, err := io.ReadFull(m.conn, size[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(m.conn, b); err != nil {
		return "", err
	}
	return string(b), nil
}

// ask sends a packet and returns what comes back up to the final reply.
func (m *mta) ask(packet string) []string {
	m.t.Helper()
	m.send(packet)
	for all := []string{}; ; {
		p := m.receive()
		all = append(all, p)
		if strings.IndexByte("acdrsty", p[0]) >= 0 {
			return all
		}
	}
}

// closed waits for the end of the connection.
func (m *mta) closed() {
	m.t.Helper()
	if p, err := m.read(); !errors.Is(err, io.EOF) {
		m.t.Fatalf("got %q, %v; want the end of the connection", p, err)
	}
}

// begin sends what comes before the header.
func (m *mta) begin(macros string) {
	m.t.Helper()
	m.send("DM"+macros, "M<joe@sender.example>\x00SIZE=10\x00", "R<ann@receiver.example>\x00")
}

const clientPacket = "Cmail.sender.example\x004\x30\x39192.0.2.1\x00"

// judge is a Handler that keeps what it saw and answers as told.
type judge struct {
	now    func(m *Message) *Answer
	answer func(m *Message) *Answer
	write  func(p []byte) error
	abort  func()
	end    func(ctx context.Context)

	mu   sync.Mutex
	seen []string
}

func (j *judge) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seen = append(j.seen, fmt.Sprintf(format, args...))
}

// notes returns what was noted since the last call.
func (j *judge) notes() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.seen
	j.seen = nil
	return n
}

func (j *judge) Begin(ctx context.Context, m *Message) (Transaction, *Answer) {
	if j.now != nil {
		if a := j.now(m); a != nil {
			return nil, a
		}
	}
	return &judging{judge: j, m: m}, nil
}

type judging struct {
	*judge
	m    *Message
	body []byte
}

func (j *judging) Write(p []byte) (int, error) {
	if j.write != nil {
		if err := j.write(p); err != nil {
			return 0, err
		}
	}
	j.body = append(j.body, p...)
	return len(p), nil
}

func (j *judging) Skip() bool { return strings.Contains(string(j.body), "enough") }

func (j *judging) End(ctx context.Context) *Answer {
	j.note("%s %s %v %q %v %q %q i=%s auth=%s tls=%s", j.m.Client.Helo, j.m.Client.Addr, j.m.From, j.m.Args, j.m.To,
		j.m.Header.Raw, j.body, j.m.QueueID(), j.m.AuthUser(), j.m.TLSVersion())
	if j.judge.end != nil {
		j.judge.end(ctx)
	}
	if j.answer == nil {
		return nil
	}
	return j.answer(j.m)
}

func (j *judging) Abort() {
	j.note("abort %s", j.m.From)
	if j.abort != nil {
		j.abort()
	}
}

// faults gathers what a Server reports.
type faults struct {
	mu  sync.Mutex
	all []string
}

func (f *faults) report(m *Message, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, err.Error())
}

func (f *faults) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}
