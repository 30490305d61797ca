package daemon

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// mta is a mail server at the other end of the milter: as much of one as hands
// messages over.
type mta struct {
	t    testing.TB
	conn net.Conn
}

// dialMTA connects as a mail server with a client at an address.
func dialMTA(t testing.TB, at net.Addr, client string) *mta {
	t.Helper()
	conn, err := net.Dial(at.Network(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	m := &mta{t, conn}
	var offer []byte
	// Version, actions and flags of Postfix, but for a reply to the header, which the
	// tests wait for.
	for _, n := range [...]uint32{6, 0x1ff, 0x1fffff &^ 0x40000} {
		offer = binary.BigEndian.AppendUint32(offer, n)
	}
	m.send("O" + string(offer))
	if got := m.receive(); got[0] != 'O' {
		t.Fatalf("negotiation: %q", got)
	}
	m.send("Cclient.example\x004\x00\x19"+client+"\x00", "Hclient.example\x00")
	return m
}

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

func (m *mta) receive() string {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(time.Minute))
	var size [4]byte
	if _, err := io.ReadFull(m.conn, size[:]); err != nil {
		m.t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(m.conn, b); err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// judgement is what became of a message: "accept", or the first words of the reply
// that refuses it, and the results that were written into it, by method.
type judgement struct {
	Reply   string
	Results map[string]string
}

// begin hands over a message up to the end of its header and returns what comes
// back.
func (m *mta) begin(from, header string) string {
	m.t.Helper()
	m.send("DMi\x00Q1\x00", "M<"+from+">\x00", "R<ann@example.org>\x00")
	for line := range strings.Lines(header) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		m.send("L" + name + "\x00" + value + "\x00")
	}
	m.send("N")
	return m.receive()
}

// end hands over the body of a message and returns the first packet of the answer.
func (m *mta) end() string {
	m.t.Helper()
	m.send("Bhello\r\n", "E")
	return m.receive()
}

// judge hands a message over.
func (m *mta) judge(from, header string) judgement {
	m.t.Helper()
	p := m.begin(from, header)
	if p[0] == 'c' {
		p = m.end()
	}
	return m.judgement(p)
}

// judgement reads an answer whose first packet is p.
func (m *mta) judgement(p string) judgement {
	m.t.Helper()
	got := judgement{Results: map[string]string{}}
	for ; strings.IndexByte("imp", p[0]) >= 0; p = m.receive() {
		if p[0] == 'i' {
			got.read(p[5:])
		}
	}
	switch p[0] {
	case 'a':
		got.Reply = "accept"
	case 'y':
		got.Reply, _, _ = strings.Cut(p[1:], " ")
	default:
		got.Reply = p
	}
	return got
}

// read takes the results from a header field that is inserted.
func (j *judgement) read(field string) {
	name, value, _ := strings.Cut(field, "\x00")
	if name != "Authentication-Results" {
		return
	}
	for _, part := range strings.Split(value, ";")[1:] {
		method, result, _ := strings.Cut(strings.TrimSpace(part), "=")
		j.Results[method] = strings.Fields(strings.TrimRight(result, "\x00") + " ")[0]
	}
}
