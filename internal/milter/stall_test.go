package milter

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestStalls has mail servers that stop in every stage.
func TestStalls(t *testing.T) {
	for _, row := range []struct {
		name    string
		packets []string // without the negotiation if the first is "-"
		half    string
		want    time.Duration
	}{
		{"before-negotiation", []string{"-"}, "", time.Minute},
		{"after-negotiation", nil, "", time.Hour},
		{"in-length", nil, "\x00\x00", time.Minute},
		{"in-packet", nil, "\x00\x00\x00\x09Cabc", time.Minute},
		{"after-connect", []string{clientPacket}, "", time.Hour},
		{"after-helo", []string{clientPacket, "Hx\x00"}, "", time.Hour},
		{"after-macros", []string{clientPacket, "Hx\x00", "DMi\x00Q\x00"}, "", time.Hour},
		{"after-mail", []string{"M<>\x00"}, "", time.Hour},
		{"after-recipient", []string{"M<>\x00", "R<a@b>\x00"}, "", time.Hour},
		{"in-header", []string{"M<>\x00", "LA\x00b\x00"}, "", 5 * time.Minute},
		{"in-field", []string{"M<>\x00"}, "\x00\x00\x00\x09LA\x00", time.Minute},
		{"in-macros", []string{"M<>\x00"}, "\x00\x00\x00\x09DE", time.Minute},
		{"after-chunk", []string{"M<>\x00", "LA\x00b\x00", "Bbody"}, "", 5 * time.Minute},
		{"in-chunk", []string{"M<>\x00", "LA\x00b\x00"}, "\x00\x00\xff\xffBabc", time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var f faults
				s := &Server{Handler: &judge{}, Report: f.report}
				m := dial(t, s)
				if len(row.packets) == 0 || row.packets[0] != "-" {
					m.negotiate(postfix)
					m.send(row.packets...)
				}
				if row.half != "" {
					io.WriteString(m.conn, row.half)
				}
				begin := time.Now()
				m.closed()
				if got := time.Since(begin); got != row.want {
					t.Errorf("closed after %v, want %v", got, row.want)
				}
				synctest.Wait()
				if got := strings.Join(f.list(), "; "); !strings.Contains(got, string(Timeout)) {
					t.Errorf("reported %q", got)
				}
			})
		})
	}
}

// TestProgress has a judgement that takes longer than mail servers wait.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &judge{end: func(context.Context) { time.Sleep(35 * time.Second) }}
		m := connect(t, &Server{Handler: j}, postfix)
		m.begin("")
		m.endHeader()
		begin := time.Now()
		if diff := cmp.Diff(m.ask("E"), []string{"p", "p", "p", "a"}); diff != "" {
			t.Error(diff)
		}
		if got := time.Since(begin); got != 35*time.Second {
			t.Errorf("answered after %v", got)
		}
	})
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &judge{
			end:    func(ctx context.Context) { <-ctx.Done() },
			answer: func(*Message) *Answer { return &Answer{Action: TempFail} },
		}
		m := connect(t, &Server{Handler: j, Limits: Limits{Progress: time.Hour}}, postfix)
		m.begin("")
		m.endHeader()
		time.Sleep(time.Minute) // the body counts too
		begin := time.Now()
		if got := m.ask("E"); !cmp.Equal(got, []string{"t"}) {
			t.Errorf("got %q", got)
		}
		if got := time.Since(begin); got != 3*time.Minute {
			t.Errorf("answered after %v", got)
		}
	})
}

// TestNoVerdict has a judgement that ignores its context.
func TestNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f faults
		j := &judge{end: func(context.Context) { time.Sleep(time.Hour) }}
		m := connect(t, &Server{Handler: j, Limits: Limits{Progress: time.Hour}, Report: f.report}, postfix)
		m.begin("")
		m.endHeader()
		if got := m.ask("E"); !cmp.Equal(got, []string{"y451 4.7.0 the message cannot be checked now, try again later"}) {
			t.Errorf("got %q", got)
		}
		m.closed()
		synctest.Wait()
		if diff := cmp.Diff(f.list(), []string{"milter: no judgement in time: 4m0s"}); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Hour)
	})
}

// TestUnreadReply has a mail server that does not take the answer.
func TestUnreadReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f faults
		m := connect(t, &Server{Handler: &judge{}, Report: f.report}, postfix)
		m.begin("")
		m.send("E")
		time.Sleep(2 * time.Minute)
		if len(f.list()) != 1 {
			t.Errorf("reports %q", f.list())
		}
	})
}

// pipes is a listener of in-memory connections.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "test"} }

func (p *pipes) dial(t *testing.T) *mta {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	m := &mta{t: t, conn: ours}
	m.negotiate(postfix)
	return m
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f faults
		s := &Server{Handler: &judge{}, Report: f.report, Limits: Limits{Connections: 3}}
		ctx, cancel := context.WithCancel(t.Context())
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, p) }()
		idle, finishing, stuck := p.dial(t), p.dial(t), p.dial(t)
		over, full := net.Pipe()
		p.conns <- full
		(&mta{t: t, conn: over}).closed()
		idle.send(clientPacket)
		finishing.begin("")
		stuck.begin("")
		synctest.Wait()
		cancel()
		idle.closed()
		finishing.endHeader()
		if got := finishing.ask("E"); !cmp.Equal(got, []string{"a"}) {
			t.Errorf("got %q", got)
		}
		finishing.closed()
		begin := time.Now()
		stuck.closed()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := time.Since(begin); got != 30*time.Second {
			t.Errorf("stuck for %v", got)
		}
		want := []string{"milter: too many connections", "milter: connection closed within a message: io: read/write on closed pipe"}
		if diff := cmp.Diff(f.list(), want); diff != "" {
			t.Error(diff)
		}
	})
}

// TestMailServerGone has a mail server that dies within a message.
func TestMailServerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f faults
		j := &judge{}
		m := connect(t, &Server{Handler: j, Report: f.report}, postfix)
		m.begin("")
		m.endHeader()
		synctest.Wait()
		m.conn.Close()
		synctest.Wait()
		if diff := cmp.Diff(j.notes(), []string{"abort joe@sender.example"}); diff != "" {
			t.Error(diff)
		}
		if len(f.list()) != 1 {
			t.Errorf("reports %q", f.list())
		}
	})
}

// TestReset has mail servers that are killed: between messages that is nothing to
// report.
func TestReset(t *testing.T) {
	for _, row := range []struct {
		name   string
		within bool
		want   []string
	}{
		{"between-messages", false, nil},
		{"within-a-message", true, []string{string(Closed)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var f faults
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			s := &Server{Handler: &judge{}, Report: f.report}
			go func() { ended <- s.Serve(ctx, l) }()
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			m := &mta{t: t, conn: conn}
			m.negotiate(waits)
			if row.within {
				m.begin("")
				m.endHeader() // it is seen to be in the message
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
			for deadline := time.Now().Add(30 * time.Second); s.Connections() > 0 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond) // the connection's end has no channel to wait on
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			var got []string
			for _, report := range f.list() {
				if strings.Contains(report, string(Closed)) {
					report = string(Closed)
				}
				got = append(got, report)
			}
			if diff := cmp.Diff(got, row.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}
