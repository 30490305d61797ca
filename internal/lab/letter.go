package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
)

// Secret is what an attacker wants to read. It is in every message.
const Secret = "the code of the safe is 4711"

// Letter is a message before it is written down.
type Letter struct {
	From    string // the whole field
	To      string // "" means the recipient
	Subject string
	Extra   string // further header fields, each with its CRLF, above all others
	Body    string // "" means a line with the secret
}

// Write returns the message.
func (w *World) Write(l Letter) []byte {
	if l.To == "" {
		l.To = w.Recipient()
	}
	if l.Body == "" {
		l.Body = "Dear Ann,\r\n\r\n" + Secret + ".\r\n"
	}
	return fmt.Appendf(nil, "%sFrom: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%d@lab.invalid>\r\n\r\n%s",
		l.Extra, l.From, l.To, l.Subject, w.Born.Format(time.RFC1123Z), w.Born.UnixNano(), l.Body)
}

// FromBank is a letter as the bank writes it.
func (w *World) FromBank() Letter {
	return Letter{From: "Alpenbank <service@" + w.Bank + ">", Subject: "Your statement"}
}

// Sign returns the message with signatures in front.
func (w *World) Sign(raw []byte, with ...dkim.Key) ([]byte, error) {
	m, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	fields, err := (&dkim.Signer{Keys: with}).Sign(m.Header, m.Body)
	return append(fields, raw...), err
}

// OddSignature is a signature that no careful signer makes.
type OddSignature struct {
	Key     dkim.Key
	Fields  []string  // h=; nil means From, Subject and Date, once each
	Length  int64     // l=; 0 means none
	Expires time.Time // x=
	D       string    // what d= says instead of the key's domain
}

// SignOddly returns the message with such a signature in front.
func (w *World) SignOddly(raw []byte, o OddSignature) ([]byte, error) {
	m, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	limit := int64(-1)
	if o.Length > 0 {
		limit = o.Length
	}
	if o.Fields == nil {
		o.Fields = []string{"from", "subject", "date"}
	}
	if o.D == "" {
		o.D = string(o.Key.Domain)
	}
	body := new(dkim.Body)
	hash := body.Want(dkim.Relaxed, limit)
	if err := body.ReadAll(m.Body); err != nil {
		return nil, err
	}
	sum, _ := body.Sum(hash)
	t := dkim.NewTagWriter(nil, "DKIM-Signature")
	t.Tag("v", "1")
	t.Tag("a", string(o.Key.Algorithm()))
	t.Tag("c", "relaxed/relaxed")
	t.Tag("d", o.D)
	t.Tag("s", o.Key.Selector)
	if !o.Expires.IsZero() {
		t.Tag("t", strconv.FormatInt(o.Expires.Add(-time.Hour).Unix(), 10))
		t.Tag("x", strconv.FormatInt(o.Expires.Unix(), 10))
	}
	if o.Length > 0 {
		t.Tag("l", strconv.FormatInt(o.Length, 10))
	}
	t.List("h", o.Fields)
	t.Tag("bh", base64.StdEncoding.EncodeToString(sum[:sha256.Size]))
	header := dkim.AppendSigned(nil, m.Header, o.Fields, dkim.Relaxed)
	field, err := t.Sign(&o.Key, header, dkim.Relaxed)
	return append(field, raw...), err
}

// Replace changes a message after it was signed. It panics if there is nothing to
// change: then the attack would not be one.
func Replace(raw []byte, old, by string) []byte {
	if !bytes.Contains(raw, []byte(old)) {
		panic("lab: no " + strconv.Quote(old) + " in the message")
	}
	return []byte(strings.Replace(string(raw), old, by, 1))
}
