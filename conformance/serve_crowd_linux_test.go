package conformance

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	crowd     = 1000 // connections that do nothing
	crowdRoom = 1100 // that waxseal takes
	bigBody   = 50 << 20
	bigAtOnce = 10

	// What a crowd may cost waxseal. An idle connection has two goroutines' stacks
	// and a read buffer, a message under way its header and the state of its checks.
	crowdMemory = 48 << 20
	bigMemory   = 48 << 20
)

// bigSignature lets the body be hashed.
const bigSignature = "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=load.signed; s=s1; h=From; " +
	"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; " +
	"b=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFVH3kKY/BwUmvv0yJlvuSQnrkHkZJuTTKSVmRt4UrhVRw=="

func packet(text string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text
}

// The beginning of a conversation with a filter, stage by stage.
var milterStages = []struct{ name, bytes string }{
	{"connected", ""},
	{"mid-length", "\x00\x00"},
	{"negotiated", packet("O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff")},
	{"client-known", packet("Cmail.example\x004\x00\x19192.0.2.1\x00")},
	{"greeted", packet("Hmail.example\x00")},
	{"macros", packet("DMi\x00Q1\x00")},
	{"mail", packet("M<joe@load.signed>\x00")},
	{"recipient", packet("R<b@rcpt.signed>\x00")},
	{"field", packet("LFrom\x00 joe@load.signed\x00")},
	{"mid-field", packet("LSubject\x00 a\x00")[:9]},
	{"header-over", "ject\x00 a\x00" + packet("N")},
	{"mid-chunk", packet("B" + strings.Repeat("x", 60000))[:30000]},
	{"chunk", strings.Repeat("x", 30005)},
	{"reply-unread", packet("E")},
}

// stall connects and says all up to a stage.
func stall(t testing.TB, stage int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", filterPort)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, s := range milterStages[:stage+1] {
		if s.name == "negotiated" {
			all.Reset() // what was half of it
		}
		all.WriteString(s.bytes)
	}
	if _, err := io.WriteString(c, all.String()); err != nil {
		t.Fatal(err)
	}
	return c
}

// crowdBed is waxseal behind Postfix with room for a crowd.
type crowdBed struct {
	*ledger
	serving *serving
}

// judged holds that a message by Postfix still gets its verdict.
func (b *crowdBed) judged(t *testing.T) {
	t.Helper()
	k := openPostfix(t)
	defer k.Quit(context.Background())
	if !b.send(t, k, "load.signed", "hello\r\n") {
		t.Errorf("a message was not accepted: %v", b.refused)
	}
	if b.send(t, k, "other.signed", "hello\r\n") {
		t.Error("a forged message was accepted")
	}
}

// peak returns the most memory that the process has used since the last call.
func (s *serving) peak() int {
	s.t.Helper()
	proc := "/proc/" + strconv.Itoa(s.cmd.Process.Pid)
	text, err := os.ReadFile(proc + "/status")
	if err != nil {
		s.t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		s.t.Fatalf("no VmHWM in %s", text)
	}
	kilobytes, err := strconv.Atoi(string(m[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(proc+"/clear_refs", []byte("5"), 0); err != nil { // proc(5)
		s.t.Fatal(err)
	}
	return kilobytes << 10
}

// costs holds that something takes the process at most so much memory.
func (s *serving) costs(t *testing.T, most int, what func()) {
	t.Helper()
	s.peak()
	before := s.peak()
	what()
	after := s.peak()
	t.Logf("%d MB before, %d MB at most", before>>20, after>>20)
	if after-before > most {
		t.Errorf("memory grew from %d to %d bytes, want at most %d more", before, after, most)
	}
}

// TestServeCrowd has all who found the port and do not behave, beside a Postfix that
// does.
func TestServeCrowd(t *testing.T) {
	program(t, "postfix")
	waxseal := buildWaxseal(t)
	if !alone(t) {
		return
	}
	b := &crowdBed{newLedger(), startFilter(t, waxseal, fmt.Sprintf("connections = %d\n", crowdRoom))}
	startPostfix(t, filterSettings)
	b.receive(t)
	b.judged(t)
	t.Run("large", b.testLarge)
	t.Run("stalled", b.testStalled)
	t.Run("idle", b.testIdle)
	t.Run("garbage", b.testGarbage)
	b.judged(t)
	b.serving.stop()
}

// testIdle has connections that say nothing after their client, first many, then all
// that there is room for.
func (b *crowdBed) testIdle(t *testing.T) {
	var idle []net.Conn
	more := func(n int) {
		for range n {
			idle = append(idle, stall(t, 4))
		}
	}
	b.serving.costs(t, crowdMemory, func() {
		more(crowd)
		b.judged(t)
	})
	more(crowdRoom - crowd)
	k := openPostfix(t)
	if b.send(t, k, "load.signed", "hello\r\n") {
		t.Error("a message was accepted without a filter")
	}
	k.Quit(context.Background())
	b.serving.await("too many connections", 1)
	for _, c := range idle {
		c.Close()
	}
	awaitTrue(t, "room for a message", func() bool {
		k := openPostfix(t)
		defer k.Quit(context.Background())
		return b.send(t, k, "load.signed", "hello\r\n")
	})
	for id, reply := range b.refused {
		if !strings.HasPrefix(reply, "451 4.7.1 ") && !strings.HasPrefix(reply, "550 5.7.") {
			t.Errorf("%s: %s", id, reply)
		}
	}
}

// testStalled has connections that stop in every stage.
func (b *crowdBed) testStalled(t *testing.T) {
	var stalled []net.Conn
	b.serving.costs(t, crowdMemory, func() {
		for range 20 {
			for stage := range milterStages {
				stalled = append(stalled, stall(t, stage))
			}
		}
		b.judged(t)
	})
	for _, c := range stalled {
		c.Close()
	}
}

// testGarbage has what is no mail server at all.
func (b *crowdBed) testGarbage(t *testing.T) {
	offer := milterStages[2].bytes
	for _, row := range []struct{ name, bytes string }{
		{"http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		{"empty-packet", offer + "\x00\x00\x00\x00B"},
		{"endless-packet", offer + "\xff\xff\xff\xffB"},
		{"unknown-command", offer + packet("Z")},
		{"out-of-order", offer + packet("N")},
		{"twice-negotiated", offer + offer},
		{"broken-field", offer + packet("M<>\x00") + packet("Lno end")},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := net.Dial("tcp", filterPort)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, row.bytes); err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection was not closed: %v", err)
			}
			b.judged(t)
		})
	}
}

// testLarge has many messages of 50 MB at a time.
func (b *crowdBed) testLarge(t *testing.T) {
	line := strings.Repeat("0123456789", 7) + "\r\n"
	chunk := packet("B" + strings.Repeat(line, 65535/len(line)))
	b.serving.costs(t, bigMemory, func() {
		var wg sync.WaitGroup
		replies := make([]string, bigAtOnce)
		for i := range replies {
			c := stall(t, 8) // within the header
			wg.Go(func() {
				defer c.Close()
				replies[i] = large(c, chunk)
			})
		}
		wg.Wait()
		for _, r := range replies {
			// SPF fails: the client is not where the domain's mail comes from.
			if !strings.HasPrefix(r, "y550 5.7.") {
				t.Errorf("got %q, want a verdict", r)
			}
		}
	})
}

// large sends a body and returns the last reply.
func large(c net.Conn, chunk string) string {
	r := bufio.NewReader(c)
	fail := func(err error) string { return "error: " + err.Error() }
	_, _ = io.WriteString(c, packet("LDKIM-Signature\x00 "+bigSignature+"\x00")+packet("N"))
	if _, err := readPacket(r); err != nil { // to the negotiation
		return fail(err)
	}
	for n := 0; n < bigBody; n += len(chunk) {
		if _, err := io.WriteString(c, chunk); err != nil {
			return fail(err)
		}
	}
	_, _ = io.WriteString(c, packet("E"))
	for {
		reply, err := readPacket(r)
		if err != nil {
			return fail(err)
		}
		if reply[0] != 'p' && reply[0] != 'i' {
			return reply
		}
	}
}

func readPacket(r io.Reader) (string, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(r, b)
	return string(b), err
}
