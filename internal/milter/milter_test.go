package milter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/message"
)

func TestNegotiate(t *testing.T) {
	for _, row := range []struct {
		name  string
		offer [3]uint32
		want  [3]uint32
	}{
		{"postfix", postfix, [3]uint32{6, 0x131, wantFlags}},
		{"newer", [3]uint32{7, 0xffffffff, 0xffffffff}, [3]uint32{6, 0x131, wantFlags}},
		{"sendmail", sendmail, [3]uint32{6, 0x131, wantFlags &^ leadingSpace}},
		{"version-two", oldMTA, [3]uint32{2, 0x31, 0}},
		{"version-three", [3]uint32{3, 0x3f, 0x17f}, [3]uint32{3, 0x31, noUnknown}},
		{"no-quarantine", [3]uint32{6, 0x11, 0}, [3]uint32{6, 0x11, 0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := dial(t, &Server{Handler: &judge{}})
			reply := m.negotiate(row.offer)
			var got [3]uint32
			for i := range got {
				got[i] = binary.BigEndian.Uint32([]byte(reply[4*i:]))
			}
			if got != row.want {
				t.Errorf("got %#x, want %#x", got, row.want)
			}
			if asked := len(reply) > 12; asked != (row.want[1]&actSetMacros != 0) {
				t.Errorf("macros asked for: %t", asked)
			}
		})
	}
}

func TestRefusedOffers(t *testing.T) {
	for _, row := range []struct{ name, packet string }{
		{"too-old", "O\x00\x00\x00\x01\x00\x00\x00\x0f\x00\x00\x00\x00"},
		{"no-header-changes", "O\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00\x00\x00"},
		{"too-short", "O\x00\x00\x00\x06\x00\x00\x01\xff"},
		{"no-negotiation", clientPacket},
		{"unknown-command", "?"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var f faults
			m := dial(t, &Server{Handler: &judge{}, Report: f.report})
			m.send(row.packet)
			m.closed()
			if len(f.list()) != 1 {
				t.Errorf("reports %q", f.list())
			}
		})
	}
}

// TestConnectionOutlivesMessages is the fault of other filters: from the second
// message on they no longer know the client.
func TestConnectionOutlivesMessages(t *testing.T) {
	j := &judge{}
	m := connect(t, &Server{Handler: j}, postfix)
	m.send("DCj\x00mx.example\x00", clientPacket, "DH{tls_version}\x00TLSv1.3\x00", "Hmail.sender.example\x00")
	message := func(macros, mail, subject string) {
		m.send("DM"+macros, "M"+mail+"\x00", "R<ann@receiver.example>\x00", "LSubject\x00 "+subject+"\x00")
		m.endHeader()
		m.send("Bone\r\n", "DEi\x00Q"+subject+"\x00")
		if got := m.ask("E"); !cmp.Equal(got, []string{"a"}) {
			t.Errorf("end of body: %q", got)
		}
	}
	message("{auth_authen}\x00joe\x00", "<joe@a.example>", "1")
	m.send("A") // Postfix sends one after each message
	message("", "<>", "2")
	m.send("A")
	m.begin("{auth_authen}\x00joe\x00") // RSET after RCPT
	m.send("A")
	message("", "<bob@b.example>", "3")
	message("", "<@relay.example:bob@c.example>", "4") // without an abort
	m.send("DH", "Hagain.example\x00")                 // as after STARTTLS
	message("", "<bob@d.example>", "5")
	want := []string{
		`mail.sender.example 192.0.2.1 joe@a.example [] [ann@receiver.example] "Subject: 1\r\n" "one\r\n" i=Q1 auth=joe tls=TLSv1.3`,
		`mail.sender.example 192.0.2.1  [] [ann@receiver.example] "Subject: 2\r\n" "one\r\n" i=Q2 auth= tls=TLSv1.3`,
		`mail.sender.example 192.0.2.1 bob@b.example [] [ann@receiver.example] "Subject: 3\r\n" "one\r\n" i=Q3 auth= tls=TLSv1.3`,
		`mail.sender.example 192.0.2.1 bob@c.example [] [ann@receiver.example] "Subject: 4\r\n" "one\r\n" i=Q4 auth= tls=TLSv1.3`,
		`again.example 192.0.2.1 bob@d.example [] [ann@receiver.example] "Subject: 5\r\n" "one\r\n" i=Q5 auth= tls=`,
	}
	if diff := cmp.Diff(j.notes(), want); diff != "" {
		t.Error(diff)
	}
	m.send("Q")
	m.closed()
}

func TestNextClient(t *testing.T) {
	j := &judge{}
	m := connect(t, &Server{Handler: j}, postfix)
	m.send("DC{client_addr}\x00192.0.2.1\x00", clientPacket, "Hone.example\x00", "K", "Cunknown\x00U")
	m.begin("")
	m.ask("E") // neither header nor body
	if diff := cmp.Diff(j.notes(), []string{` invalid IP joe@sender.example ["SIZE=10"] [ann@receiver.example] "" "" i= auth= tls=`}); diff != "" {
		t.Error(diff)
	}
}

func TestClientAddress(t *testing.T) {
	for _, row := range []struct {
		name, connect, macro, want string
		fault                      bool
	}{
		{"inet", "Ch\x004\x00\x19192.0.2.1\x00", "", "192.0.2.1", false},
		{"inet6-postfix", "Ch\x006\x00\x192001:db8::1\x00", "", "2001:db8::1", false},
		{"inet6-sendmail", "Ch\x006\x00\x19IPv6:2001:db8::1\x00", "", "2001:db8::1", false},
		{"mapped", "Ch\x006\x00\x19::ffff:192.0.2.1\x00", "", "192.0.2.1", false},
		{"unix", "Ch\x00L\x00\x00/run/socket\x00", "", "invalid IP", false},
		{"unknown", "Ch\x00U", "", "invalid IP", false},
		{"only-macro", "Ch\x00U", "192.0.2.9", "192.0.2.9", false},
		{"same-macro", "Ch\x004\x00\x19192.0.2.1\x00", "192.0.2.1", "192.0.2.1", false},
		{"other-macro", "Ch\x004\x00\x19192.0.2.1\x00", "192.0.2.9", "192.0.2.1", true},
		{"odd-macro", "Ch\x004\x00\x19192.0.2.1\x00", "unknown", "192.0.2.1", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var f faults
			var got netip.Addr
			j := &judge{now: func(m *Message) *Answer { got = m.Client.Addr; return nil }}
			m := connect(t, &Server{Handler: j, Report: f.report}, postfix)
			m.send(row.connect)
			if row.macro != "" {
				m.begin("{client_addr}\x00" + row.macro + "\x00")
			} else {
				m.begin("")
			}
			m.endHeader()
			m.ask("E")
			if got.String() != row.want || len(f.list()) > 0 != row.fault {
				t.Errorf("got %s, reports %q; want %s, %t", got, f.list(), row.want, row.fault)
			}
		})
	}
}

func TestHeaderBytes(t *testing.T) {
	for _, row := range []struct {
		name              string
		offer             [3]uint32
		field, value, raw string
	}{
		{"space", postfix, "Subject", " x", "Subject: x\r\n"},
		{"no-space", postfix, "Subject", "x", "Subject:x\r\n"},
		{"two-spaces", postfix, "Subject", "  x", "Subject:  x\r\n"},
		{"folded", postfix, "Subject", " x\n\ty\n z", "Subject: x\r\n\ty\r\n z\r\n"},
		{"folded-crlf", postfix, "Subject", " x\r\n\ty", "Subject: x\r\n\ty\r\n"},
		{"empty", postfix, "Subject", "", "Subject:\r\n"},
		{"bare-cr", postfix, "Subject", " a\rFrom: b", "Subject: a\rFrom: b\r\n"},
		{"eaten", sendmail, "Subject", "x", "Subject: x\r\n"},
		{"eaten-one-of-two", sendmail, "Subject", " x", "Subject:  x\r\n"},
		{"tab-stays", sendmail, "Subject", "\tx", "Subject:\tx\r\n"},
		{"fold-first", sendmail, "Subject", "\n x", "Subject:\r\n x\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, ok := appendField(nil, []byte(row.field), []byte(row.value), row.offer[2]&leadingSpace != 0)
			if string(b) != row.raw || !ok {
				t.Errorf("got %q, %t; want %q", b, ok, row.raw)
			}
		})
	}
}

// TestForgedBoundary has names and values that would make two fields of one.
func TestForgedBoundary(t *testing.T) {
	for _, row := range []struct{ name, packet string }{
		{"newline", "LSubject\x00 a\nFrom: b\x00"},
		{"final-newline", "LSubject\x00 a\n\x00"},
		{"colon-in-name", "LFrom: x\x00 a\x00"},
		{"newline-in-name", "LX\r\nFrom\x00 a\x00"},
		{"space-before-name", "L Subject\x00 a\x00"},
		{"no-name", "L\x00 a\x00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var f faults
			j := &judge{}
			m := connect(t, &Server{Handler: j, Report: f.report}, postfix)
			m.begin("")
			m.send(row.packet)
			want := []string{"y451 4.6.0 a header field cannot be read"}
			m.endHeader()
			if got := m.ask("E"); !cmp.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			m.send("A")
			m.begin("") // the connection goes on
			m.ask("E")
			if n := j.notes(); len(n) != 1 || len(f.list()) != 1 {
				t.Errorf("saw %q, reports %q", n, f.list())
			}
		})
	}
}

func TestChanges(t *testing.T) {
	fields := []string{"Received\x00 a", "X\x00 1", "authentication-results\x00 1", "Authentication-Results\x00 2", "X\x00 2", "AUTHENTICATION-RESULTS\x00 3"}
	answer := &Answer{
		Delete:     []int{2, 5, 1, 5},
		Insert:     []byte("A: one\r\n two\r\nB:three\r\n"),
		Quarantine: "DMARC\r\nsays %so",
	}
	for _, row := range []struct {
		name  string
		offer [3]uint32
		want  []string
	}{
		{"postfix", postfix, []string{
			"m\x00\x00\x00\x03AUTHENTICATION-RESULTS\x00", "m\x00\x00\x00\x01authentication-results\x00", "m\x00\x00\x00\x01X\x00",
			"i\x00\x00\x00\x00B\x00three", "i\x00\x00\x00\x00A\x00 one\n two", "qDMARC  says %so", "a",
		}},
		{"space-added-by-mta", sendmail, []string{
			"m\x00\x00\x00\x03AUTHENTICATION-RESULTS\x00", "m\x00\x00\x00\x01authentication-results\x00", "m\x00\x00\x00\x01X\x00",
			"i\x00\x00\x00\x00B\x00three", "i\x00\x00\x00\x00A\x00one\n two", "qDMARC  says %so", "a",
		}},
		{"no-quarantine", [3]uint32{6, 0x11, 0x1fffff}, []string{
			"m\x00\x00\x00\x03AUTHENTICATION-RESULTS\x00", "m\x00\x00\x00\x01authentication-results\x00", "m\x00\x00\x00\x01X\x00",
			"i\x00\x00\x00\x00B\x00three", "i\x00\x00\x00\x00A\x00 one\n two", "a",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := connect(t, &Server{Handler: &judge{answer: func(*Message) *Answer { return answer }}}, row.offer)
			m.begin("")
			for _, f := range fields {
				m.send("L" + f + "\x00")
			}
			m.endHeader()
			if diff := cmp.Diff(m.ask("E"), row.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("word ", 100)
	for _, row := range []struct {
		name   string
		answer *Answer
		want   string
	}{
		{"none", nil, "a"},
		{"accept", &Answer{}, "a"},
		{"discard", &Answer{Action: Discard}, "d"},
		{"reject", &Answer{Action: Reject, Code: 550, Enhanced: "5.7.26", Text: "no"}, "y550 5.7.26 no"},
		{"percent", &Answer{Action: Reject, Code: 550, Enhanced: "5.7.26", Text: "100% no"}, "y550 5.7.26 100%% no"},
		{"injection", &Answer{Action: Reject, Code: 550, Enhanced: "5.7.26", Text: "a\r\n250 ok\x00é"}, "y550 5.7.26 a  250 ok???"},
		{"tempfail", &Answer{Action: TempFail, Code: 451, Enhanced: "4.7.24", Text: "later"}, "y451 4.7.24 later"},
		{"no-enhanced", &Answer{Action: TempFail, Code: 451, Text: "later"}, "y451 4.7.1 later"},
		{"other-class", &Answer{Action: Reject, Code: 550, Enhanced: "4.7.1", Text: "no"}, "y550 5.7.1 no"},
		{"no-code", &Answer{Action: Reject}, "r"},
		{"wrong-code", &Answer{Action: Reject, Code: 250, Text: "ok"}, "r"},
		{"wrong-temporary", &Answer{Action: TempFail, Code: 550}, "t"},
		{"no-text", &Answer{Action: Reject, Code: 550}, "y550 5.7.1 message refused by local policy"},
		{"long", &Answer{Action: Reject, Code: 550, Text: long}, "y550-5.7.1 " + long[:399] + "\r\n550 5.7.1 " + strings.TrimSpace(long[400:])},
		{"change-and-reject", &Answer{Action: Reject, Insert: []byte("A: b\r\n")}, "r"},
		{"bad-insert", &Answer{Insert: []byte("no field\r\n")}, "y451 4.7.0 the message cannot be checked now, try again later"},
		{"unended-insert", &Answer{Insert: []byte("A: b")}, "y451 4.7.0 the message cannot be checked now, try again later"},
		{"bad-delete", &Answer{Delete: []int{7}}, "y451 4.7.0 the message cannot be checked now, try again later"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := connect(t, &Server{Handler: &judge{answer: func(*Message) *Answer { return row.answer }}}, postfix)
			m.begin("")
			m.endHeader()
			if got := m.ask("E"); len(got) != 1 || got[0] != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestEarlyAnswer(t *testing.T) {
	j := &judge{now: func(m *Message) *Answer {
		if m.Header.Count("Bad") > 0 {
			return &Answer{Action: Reject, Code: 552, Enhanced: "5.3.4", Text: "too large"}
		}
		return &Answer{}
	}}
	const refused = "y552 5.3.4 too large"
	for _, row := range []struct {
		name  string
		offer [3]uint32
	}{{"at-once", waits}, {"at-the-end", postfix}} {
		t.Run(row.name, func(t *testing.T) {
			m := connect(t, &Server{Handler: j}, row.offer)
			for _, row := range []struct{ field, want string }{{"Bad", refused}, {"Good", "a"}, {"Bad", refused}} {
				m.begin("")
				m.send("L" + row.field + "\x00 x\x00")
				got := m.endHeader()
				if got == nil {
					m.send("Bbody")
					got = m.ask("E")
				}
				if !cmp.Equal(got, []string{row.want}) {
					t.Errorf("got %q, want %q", got, row.want)
				}
				m.send("A")
			}
			if n := j.notes(); n != nil {
				t.Errorf("saw %q", n)
			}
		})
	}
}

// TestOldProtocol has a mail server that waits for a reply to everything.
func TestOldProtocol(t *testing.T) {
	j := &judge{answer: func(*Message) *Answer { return &Answer{Insert: []byte("A: b\r\n")} }}
	m := connect(t, &Server{Handler: j}, oldMTA)
	for range 2 {
		for _, p := range []string{clientPacket, "Hhelo.example\x00", "Ma@b.example\x00", "R<c@d.example>\x00", "LSubject\x00x\x00", "N", "Btext\r\n"} {
			if got := m.ask(p); !cmp.Equal(got, []string{"c"}) {
				t.Errorf("%q: got %q", p, got)
			}
		}
		if diff := cmp.Diff(m.ask("E"), []string{"i\x00\x00\x00\x00A\x00b", "a"}); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff(j.notes()[0], `helo.example 192.0.2.1 a@b.example [] [c@d.example] "Subject: x\r\n" "text\r\n" i= auth= tls=`); diff != "" {
		t.Error(diff)
	}
}

func TestSkip(t *testing.T) {
	m := connect(t, &Server{Handler: &judge{}}, [3]uint32{6, 0x1ff, 0x1fffff &^ noReplyBody})
	m.begin("")
	m.endHeader()
	for _, row := range []struct{ chunk, want string }{{"more", "c"}, {"enough", "s"}} {
		if got := m.ask("B" + row.chunk); !cmp.Equal(got, []string{row.want}) {
			t.Errorf("%s: got %q, want %q", row.chunk, got, row.want)
		}
	}
	if got := m.ask("E"); !cmp.Equal(got, []string{"a"}) {
		t.Errorf("got %q", got)
	}
}

func TestFaultsStayInMessage(t *testing.T) {
	const later = "y451 4.7.0 the message cannot be checked now, try again later"
	broken := true
	breaks := func() {
		if broken {
			panic("broken")
		}
	}
	for _, row := range []struct {
		name  string
		judge *judge
	}{
		{"begin", &judge{now: func(*Message) *Answer { breaks(); return nil }}},
		{"write", &judge{write: func([]byte) error { breaks(); return nil }}},
		{"write-error", &judge{write: func([]byte) error {
			if broken {
				return errors.New("full")
			}
			return nil
		}}},
		{"end", &judge{answer: func(*Message) *Answer { breaks(); return nil }}},
		{"write-and-abort", &judge{write: func([]byte) error { breaks(); return nil }, abort: func() { breaks() }}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var f faults
			m := connect(t, &Server{Handler: row.judge, Report: f.report}, postfix)
			for broken = true; ; broken = false {
				want := later
				if !broken {
					want = "a"
				}
				m.begin("")
				m.endHeader()
				m.send("Bbody")
				got := m.ask("E")
				m.send("A")
				if !cmp.Equal(got, []string{want}) {
					t.Errorf("broken %t: got %q, want %q", broken, got, want)
				}
				if !broken {
					break
				}
			}
			if len(f.list()) == 0 {
				t.Error("nothing reported")
			}
		})
	}
}

func TestHeaderLimits(t *testing.T) {
	var limit *message.Error
	var fields int
	j := &judge{now: func(m *Message) *Answer { limit, fields = m.Limit, len(m.Header.Fields); return nil }}
	m := connect(t, &Server{Handler: j}, postfix)
	for _, row := range []struct {
		name   string
		count  int
		size   int
		reason message.Reason
		fields int
	}{
		{"fields", message.MaxFields + 5, 1, message.TooManyFields, message.MaxFields},
		{"bytes", 100, 100_000, message.HeaderTooLarge, 83},
		{"one", 2, message.MaxFieldBytes, message.FieldTooLarge, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			m.begin("")
			packet := "LX\x00" + strings.Repeat("x", row.size) + "\x00"
			for range row.count / 100 {
				m.send(strings.Split(strings.Repeat(packet+"\xff", 100), "\xff")[:100]...)
			}
			for range row.count % 100 {
				m.send(packet)
			}
			m.endHeader()
			m.ask("E")
			if limit == nil || limit.Reason != row.reason || fields != row.fields {
				t.Errorf("got %v, %d fields; want %s, %d", limit, fields, row.reason, row.fields)
			}
		})
	}
}

func TestRecipientLimit(t *testing.T) {
	m := connect(t, &Server{Handler: &judge{}, Limits: Limits{Recipients: 2}}, postfix)
	m.begin("")
	m.send("R<b@c.example>\x00", "R<c@c.example>\x00")
	m.endHeader()
	if got := m.ask("E"); !cmp.Equal(got, []string{"y452 4.5.3 too many recipients"}) {
		t.Errorf("got %q", got)
	}
}

func TestMalformedPackets(t *testing.T) {
	for _, row := range []struct{ name, bytes string }{
		{"http", "GET / HTTP/1.1\r\n\r\n"},
		{"smtp", "EHLO example\r\n"},
		{"tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		{"empty-packet", "\x00\x00\x00\x00A"},
		{"huge", "\x7f\xff\xff\xffB"},
		{"header-without-message", "\x00\x00\x00\x06LA\x00b\x00c"},
		{"unended-header", "\x00\x00\x00\x04M<>\x00\x00\x00\x00\x04LA\x00b"},
		{"header-with-nul", "\x00\x00\x00\x04M<>\x00\x00\x00\x00\x07LA\x00b\x00c\x00"},
		{"rcpt-after-header", "\x00\x00\x00\x04M<>\x00\x00\x00\x00\x05LA\x00b\x00\x00\x00\x00\x04R<>\x00"},
		{"bad-family", "\x00\x00\x00\x04Ca\x00x"},
		{"bad-address", "\x00\x00\x00\x08Ca\x004\x00\x19x\x00"},
		{"no-port", "\x00\x00\x00\x04Ca\x004"},
		{"empty-mail", "\x00\x00\x00\x01M"},
		{"empty-helo", "\x00\x00\x00\x01H"},
		{"empty-macros", "\x00\x00\x00\x01D"},
		{"twice-negotiated", "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x00\x00\x00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var f faults
			m := connect(t, &Server{Handler: &judge{}, Report: f.report}, postfix)
			go fmt.Fprint(m.conn, row.bytes)
			m.closed()
			if len(f.list()) != 1 {
				t.Errorf("reports %q", f.list())
			}
		})
	}
}

// TestLargeBody has more than fits into any buffer, in chunks of every kind.
func TestLargeBody(t *testing.T) {
	total := 0
	j := &judge{write: func(p []byte) error { total += len(p); return errFull(total > 1<<30) }}
	m := connect(t, &Server{Handler: HandlerFunc(j.Begin)}, postfix)
	m.begin("")
	m.endHeader()
	chunk := string(bytes.Repeat([]byte("x"), 1<<20))
	want := 0
	for _, n := range []int{1, 4095, 4096, 4097, 65535, largePacket - 1, largePacket, largePacket + 1, 1 << 20} {
		m.send("B" + chunk[:n])
		want += n
	}
	m.ask("Etail")
	if want += 4; total != want {
		t.Errorf("got %d bytes, want %d", total, want)
	}
}

func errFull(full bool) error {
	if full {
		return errors.New("full")
	}
	return nil
}
