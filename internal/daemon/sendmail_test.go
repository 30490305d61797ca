package daemon

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
)

// Offers of mail servers: version, actions, flags.
var (
	sendmail8  = [3]uint32{6, 0x1ff, 0x1fffff}
	sendmail80 = [3]uint32{2, 0x3f, 0x7f}              // 8.13 and before
	noHold     = [3]uint32{6, 0x1ff &^ 0x20, 0x1fffff} // without quarantine
)

// converse plays a mail server: it sends the packets, in which | stands for NUL, and
// returns all that the filter answers, shortened to what matters.
func converse(t *testing.T, at net.Addr, offer [3]uint32, packets []string) []string {
	t.Helper()
	conn, err := net.Dial(at.Network(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := "O"
	for _, n := range offer {
		hello += string(binary.BigEndian.AppendUint32(nil, n))
	}
	go func() {
		for _, p := range append(append([]string{hello}, packets...), "Q") {
			p = strings.ReplaceAll(p, "|", "\x00")
			_, _ = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(p))), p...))
		}
	}()
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	var replies []string
	for len(all) > 0 {
		n := 4 + binary.BigEndian.Uint32(all)
		replies = append(replies, shorten(all[4:n]))
		all = all[n:]
	}
	return replies[1:]
}

// shorten makes a reply readable: places of fields as numbers, names, and the
// beginning of what was inserted or said.
func shorten(p []byte) string {
	kind, data := string(p[:1]), p[1:]
	place := ""
	if kind == "i" || kind == "m" {
		place = fmt.Sprint(binary.BigEndian.Uint32(data), " ")
		data = data[4:]
	}
	name, value, _ := strings.Cut(strings.TrimRight(string(data), "\x00"), "\x00")
	const beginning = 16
	return strings.TrimSpace(kind + place + name + " " + value[:min(len(value), beginning)])
}

// mtaSite has a bank that signs, and returns a message of it as the packets of a
// mail server: the signature holds only if every byte of the header was seen.
func mtaSite(t *testing.T, config string) (s *site, fields []string) {
	s = newSite(t, config)
	key, err := dkim.ParsePrivateKey([]byte(strings.Repeat("b", 32)))
	if err != nil {
		t.Fatal(err)
	}
	record, err := dkim.FormatRecord(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	s.write("zone", zone+"s._domainkey.bank.example. TXT \""+record+"\"\n")
	const text = "From: boss@bank.example\r\nTo: ann@example.org\r\nSubject:  two  spaces \r\nX-Fold: a\r\n\tb\r\n"
	h, err := message.ParseHeader([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	signer := dkim.Signer{
		Keys:   []dkim.Key{{Domain: "bank.example", Selector: "s", Private: key}},
		Header: dkim.Simple, Body: dkim.Simple, Fields: []string{"From", "To", "Subject", "X-Fold"},
	}
	sig, err := signer.Sign(h, strings.NewReader("hello\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range bytes.SplitAfter(append(sig, text...), []byte("\r\n")) {
		switch {
		case len(f) == 0:
		case f[0] == ' ' || f[0] == '\t':
			last := len(fields) - 1
			fields[last] = strings.TrimSuffix(fields[last], "|") + "\n" + string(bytes.TrimRight(f, "\r\n")) + "|"
		default:
			name, value, _ := strings.Cut(strings.TrimRight(string(f), "\r\n"), ":")
			fields = append(fields, "L"+name+"|"+value+"|")
		}
	}
	return s, fields
}

// withoutSpace is how a mail server hands over fields that has not agreed to keep
// the space in front of the value.
func withoutSpace(fields []string) []string {
	var out []string
	for _, f := range fields {
		out = append(out, strings.Replace(f, "| ", "|", 1))
	}
	return out
}

func packets(parts ...any) []string {
	var all []string
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			all = append(all, p)
		case []string:
			all = append(all, p...)
		}
	}
	return all
}

const (
	fromBank     = "Cmx.bank.example|4\xa9\x37192.0.2.1|"
	fromStranger = "C[203.0.113.9]|4\xa9\x37203.0.113.9|"
	spoof        = "LFrom| boss@bank.example|"
)

// TestMailServers plays mail servers other than Postfix. The first conversation is
// what Sendmail 8.17.1 was seen to say: each command has its macros before it, those
// of the helo are empty, RSET is not told, macros that were asked for at the end of
// the body do not come.
func TestMailServers(t *testing.T) {
	s, bank := mtaSite(t, "[policy]\nmode = \"enforce\"\n")
	addrs, stop := start(t, s.daemon())
	defer stop()
	accepted := []string{"i0 Authentication-Results  mx.example.org;", "a"}
	refused := []string{"y550 5.7.26 DMARC policy of bank.example rejects this message: neither SPF (fail, bank.example) nor DKIM (no signature) passes for a domain aligned with the From address"}
	signed := []string{"i0 DKIM-Signature  v=1; a=ed25519-", "a"}
	old := func(client string, rest ...any) []string {
		return packets("DCj|mx.example.org|_|mx.bank.example [192.0.2.1]|", client, "DH", "Hmx.bank.example|", packets(rest...))
	}
	for _, row := range []struct {
		name    string
		offer   [3]uint32
		packets []string
		want    [][]string // one for each message
	}{
		{
			"sendmail-8.17", sendmail8, packets(
				"DCj|mx.example.org|{daemon_name}|MTA|{daemon_addr}|127.0.0.1|{client_addr}|203.0.113.9|{client_name}|[203.0.113.9]|{client_ptr}|[203.0.113.9]|{client_port}|43319|",
				fromStranger, "DH", "Hmx.bank.example|",
				"DMi|Q1|{client_addr}|203.0.113.9|", "M<joe@bank.example>|", "DR{rcpt_mailer}|esmtp|{rcpt_host}|[127.0.0.1]|{rcpt_addr}|ann@example.org|", "R<ann@example.org>|",
				bank, "N", "Bhello\r\n", "DE{msg_id}|<1@bank.example>|", "E",
				"DMi|Q2|{client_addr}|203.0.113.9|", "M<joe@bank.example>|SIZE=10|", // then RSET
				"DMi|Q3|{client_addr}|203.0.113.9|", "M<joe@mild.example>|", "R<ann@example.org>|",
				"LAuthentication-Results| mx.example.org; dmarc=pass|", "LAuthentication-Results| other.example; dmarc=pass|", "Lauthentication-results|\n mx.example.org; x=y|",
				"LFrom| boss@mild.example|", "N", "Bhello\r\n", "DE{msg_id}|<1@bank.example>|", "E",
				"DMi|Q4|{client_addr}|203.0.113.9|", "M<>|", "R<ann@example.org>|", bank, "N", "Bhel", "Blo\r\n", "E",
			),
			[][]string{
				accepted,
				{"m3 authentication-results", "m1 Authentication-Results", "i0 Authentication-Results  mx.example.org;", "qDMARC policy of mild.example", "a"},
				accepted,
			},
		},
		{
			"no-quarantine", noHold, old(fromBank, "DMi|Q1|", "M<joe@mild.example>|", "R<ann@example.org>|", "LFrom| boss@mild.example|", "N", "E"),
			[][]string{accepted},
		},
		{
			"version-2", sendmail80, old(fromStranger, "DMi|Q1|", "M<joe@bank.example>|", "R<ann@example.org>|", withoutSpace(bank), "N", "Bhello\r\n", "E"),
			[][]string{append(strings.Split(strings.Repeat("c", 4+len(bank)+2), ""), "i0 Authentication-Results mx.example.org;", "a")},
		},
		{
			"version-2-body-in-last-command", sendmail80, old(fromStranger, "DMi|Q1|", "M<joe@bank.example>|", "R<ann@example.org>|", withoutSpace(bank), "N", "Ehello\r\n"),
			[][]string{append(strings.Split(strings.Repeat("c", 4+len(bank)+1), ""), "i0 Authentication-Results mx.example.org;", "a")},
		},
		{
			"ipv6", sendmail8, old("Clocalhost|6\x00\x19IPv6:::1|", "DMi|Q1|", "M<ann@example.org>|", "R<joe@bank.example>|", "LFrom| ann@example.org|", "N", "E"),
			[][]string{signed},
		},
		{
			"mapped-ipv4", sendmail8, old("Clocalhost|6\x00\x19::ffff:127.0.0.1|", "DMi|Q1|", "M<ann@example.org>|", "R<joe@bank.example>|", "LFrom| ann@example.org|", "N", "E"),
			[][]string{signed},
		},
		{
			// A filter that bridges OpenSMTPD's own protocol may know of no macros.
			"no-macros", sendmail8, packets(fromBank, "Hmx.bank.example|", "M<joe@bank.example>|", "R<ann@example.org>|", spoof, "N", "Bhello\r\n", "E", "A",
				fromStranger, "Hmx.bank.example|", "M<joe@bank.example>|", "R<ann@example.org>|", spoof, "N", "Bpay\r\n", "E"),
			[][]string{accepted, refused},
		},
		{
			"no-macros-no-helo", sendmail8, packets(fromStranger, "M<joe@bank.example>|", "R<ann@example.org>|", spoof, "N", "E"),
			[][]string{refused},
		},
		{
			"no-angle-brackets", sendmail8, packets(fromStranger, "Hmx.bank.example|", "Mjoe@bank.example|", "Rann@example.org|", bank, "N", "Bhello\r\n", "E"),
			[][]string{accepted},
		},
		{
			"user", sendmail8, old(fromStranger, "DMi|Q1|{auth_type}|PLAIN|{auth_authen}|ann|", "M<ann@example.org>|", "R<joe@bank.example>|", "LFrom| ann@example.org|", "N", "E"),
			[][]string{signed},
		},
		{
			// Who has authenticated is asked again for each message and each client.
			"user-is-gone", sendmail8, old(fromStranger, "DMi|Q1|{auth_authen}|ann|", "M<ann@example.org>|", "R<joe@bank.example>|", "LFrom| ann@example.org|", "N", "E",
				"DMi|Q2|{auth_authen}||", "M<joe@bank.example>|", "R<ann@example.org>|", spoof, "N", "E",
				"DMi|Q3|{auth_authen}|ann|", "M<joe@bank.example>|", "K", fromStranger, "Hmx.bank.example|", "M<joe@bank.example>|", "R<ann@example.org>|", spoof, "N", "E"),
			[][]string{signed, refused, refused},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			var want []string
			for _, w := range row.want {
				want = append(want, w...)
			}
			if diff := cmp.Diff(converse(t, addrs[0], row.offer, row.packets), want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUnknownClients holds what a client is whose address the mail server does not
// tell, such as the one behind sendmail -bs: nobody that we sign for, and nobody whom
// SPF could refuse.
func TestUnknownClients(t *testing.T) {
	s, bank := mtaSite(t, "[policy]\nmode = \"enforce\"\n")
	addrs, stop := start(t, s.daemon())
	defer stop()
	for _, row := range []struct{ name, connect string }{
		{"unknown", "Clocalhost|U"},
		{"socket", "Clocalhost|L\x00\x00/var/run/x|"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := converse(t, addrs[0], sendmail8, packets("DCj|mx.example.org|{client_addr}|0|{client_port}|0|", row.connect, "DH", "Hlocalhost|",
				"DMi|Q1|", "M<ann@example.org>|", "R<joe@bank.example>|", "LFrom| ann@example.org|", "N", "E",
				"DMi|Q2|", "M<joe@bank.example>|", "R<ann@example.org>|", bank, "N", "Bhello\r\n", "E",
				"DMi|Q3|", "M<joe@bank.example>|", "R<ann@example.org>|", "LFrom| joe@bank.example|", "N", "E"))
			want := []string{
				"i0 Authentication-Results  mx.example.org;", "a", "i0 Authentication-Results  mx.example.org;", "a",
				"y451 4.7.26 DMARC of bank.example cannot be evaluated now",
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Error(diff)
			}
		})
	}
}
