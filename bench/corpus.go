package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"strings"
	"time"

	peerdkim "github.com/emersion/go-msgauth/dkim"
)

// Domains and addresses of the corpus.
const (
	senderDomain = "example.com"
	authorDomain = "mail.example.com"
	clientIP     = "198.51.100.200"
	heloName     = "mx.example.com"
	mailFrom     = "bounces@example.com"
)

// key is a signing key and where its record is.
type key struct {
	selector string
	private  crypto.Signer
}

// corpus is what all classes are made of. The texts are the same in each run;
// the keys are not.
type corpus struct {
	rsa, ed key
	dns     map[string][]string // TXT records by name
}

func newCorpus() (*corpus, error) {
	const bits = 2048
	r, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, err
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(&r.PublicKey)
	if err != nil {
		return nil, err
	}
	b64 := base64.StdEncoding.EncodeToString
	c := &corpus{rsa: key{"r1", r}, ed: key{"e1", e}, dns: map[string][]string{}}
	c.dns["r1._domainkey."+senderDomain] = []string{"v=DKIM1; k=rsa; p=" + b64(der)}
	c.dns["e1._domainkey."+senderDomain] = []string{"v=DKIM1; k=ed25519; p=" + b64(e.Public().(ed25519.PublicKey))}
	for i := range maxHops {
		c.dns["r1._domainkey."+hopDomain(i+1)] = c.dns["r1._domainkey."+senderDomain]
	}
	c.dns["_dmarc."+senderDomain] = []string{"v=DMARC1; p=reject; sp=quarantine; rua=mailto:dmarc@example.com"}
	c.spfTree()
	return c, nil
}

const maxHops = 40

func hopDomain(i int) string { return fmt.Sprintf("hop%d.example.net", i) }

// spfTree publishes the SPF records of the tree that performance is measured
// on: eight includes of twenty terms, and the last term of the last matches.
func (c *corpus) spfTree() {
	var top strings.Builder
	top.WriteString("v=spf1")
	for i := range 8 {
		name := fmt.Sprintf("_spf%d.example.net", i)
		fmt.Fprintf(&top, " include:%s", name)
		var b strings.Builder
		b.WriteString("v=spf1")
		for j := range 18 {
			if j%4 == 3 {
				fmt.Fprintf(&b, " ip6:2001:db8:%x:%x::/64", i, j)
			} else {
				fmt.Fprintf(&b, " ip4:203.0.%d.%d/28", i, j*8)
			}
		}
		if i == 7 {
			b.WriteString(" ip4:" + clientIP)
		} else {
			b.WriteString(" ip4:192.0.2.1")
		}
		b.WriteString(" ~all")
		c.dns[name] = []string{b.String()}
	}
	top.WriteString(" -all")
	c.dns[senderDomain] = []string{top.String()}
}

// zone writes the records as a master file, with an SOA so that a cache may
// keep what does not exist.
func (c *corpus) zone() string {
	var b strings.Builder
	b.WriteString("$TTL 86400\n")
	for _, apex := range []string{"com", "net"} {
		fmt.Fprintf(&b, "%s. SOA ns.%s. hostmaster.%s. 1 3600 600 86400 3600\n%s. NS ns.%s.\n", apex, apex, apex, apex, apex)
	}
	for name, txts := range c.dns {
		for _, txt := range txts {
			fmt.Fprintf(&b, "%s. TXT", name)
			for len(txt) > 250 {
				fmt.Fprintf(&b, " %q", txt[:250])
				txt = txt[250:]
			}
			fmt.Fprintf(&b, " %q\n", txt)
		}
	}
	fmt.Fprintf(&b, "%s. A %s\n", authorDomain, clientIP)
	return b.String()
}

const header = "Received: from mx.example.com (mx.example.com [198.51.100.200])\r\n" +
	"\tby in.example.org (Postfix) with ESMTPS id 4W7xkQ2v6dz9sVb\r\n" +
	"\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n" +
	"\tfor <reader@example.org>; Mon, 16 Nov 2026 09:12:33 +0000 (UTC)\r\n" +
	"Received: from app7.int.example.com (app7.int.example.com [10.1.2.3])\r\n" +
	"\tby mx.example.com (Postfix) with ESMTP id 4W7xkN0PLcz1yQm\r\n" +
	"\tfor <reader@example.org>; Mon, 16 Nov 2026 09:12:31 +0000 (UTC)\r\n" +
	"Return-Path: <bounces@example.com>\r\n" +
	"From: \"Example News\" <news@mail.example.com>\r\n" +
	"To: Reader <reader@example.org>\r\n" +
	"Reply-To: <support@example.com>\r\n" +
	"Subject: Your weekly summary, with a subject that is long enough to be\r\n folded once\r\n" +
	"Date: Mon, 16 Nov 2026 09:12:30 +0000\r\n" +
	"Message-ID: <20261116091230.7f3a9c@mail.example.com>\r\n" +
	"List-Id: <weekly.mail.example.com>\r\n" +
	"List-Unsubscribe: <https://mail.example.com/u/0123456789abcdef>\r\n" +
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" +
	"X-Mailer: Example Sender 7.1\r\n" +
	"MIME-Version: 1.0\r\n"

var signedFields = []string{
	"From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-Id",
	"List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
}

// content returns an unsigned message of about n bytes: up to 10 KB prose, then
// an attachment in base64, which is what large mail is made of.
func content(n int) []byte {
	const plain = 10 << 10
	var b bytes.Buffer
	b.Grow(n + 200)
	b.WriteString(header)
	rng := mrand.New(mrand.NewPCG(1, uint64(n)))
	if n <= plain {
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
		prose(&b, n, rng)
		return b.Bytes()
	}
	b.WriteString("Content-Type: multipart/mixed; boundary=\"b7f3a9c\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n")
	b.WriteString("--b7f3a9c\r\nContent-Type: text/plain\r\n\r\n")
	prose(&b, plain, rng)
	b.WriteString("\r\n--b7f3a9c\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	var raw [57]byte // 76 characters a line
	line := make([]byte, 76)
	for b.Len() < n-len("--b7f3a9c--\r\n") {
		for i := range raw {
			raw[i] = byte(rng.Uint32())
		}
		base64.StdEncoding.Encode(line, raw[:])
		b.Write(line)
		b.WriteString("\r\n")
	}
	b.WriteString("--b7f3a9c--\r\n")
	return b.Bytes()
}

// prose writes words, lines of at most 72 characters, paragraphs, and now and
// then a double space, until b has n bytes.
func prose(b *bytes.Buffer, n int, rng *mrand.Rand) {
	words := strings.Fields("the and of to a in that mail server is was for with as his on be at by this key had not are but from or have record an they which one you were her all sender she there would their we him been has when who will more no if out signature")
	column := 0
	for b.Len() < n {
		w := words[rng.IntN(len(words))]
		switch {
		case column+len(w) > 72:
			b.WriteString("\r\n")
			column = 0
			if rng.IntN(8) == 0 {
				b.WriteString("\r\n")
			}
		case column > 0:
			b.WriteString(" ")
			if rng.IntN(40) == 0 {
				b.WriteString(" ")
			}
		}
		b.WriteString(w)
		column += len(w) + 1
	}
	b.WriteString("\r\n")
}

// sign puts a signature of each key in front, relaxed/relaxed, made by the peer
// so that nobody verifies only his own work.
func (c *corpus) sign(msg []byte, keys ...key) ([]byte, error) {
	for _, k := range keys {
		var out bytes.Buffer
		if err := peerSign(&out, bytes.NewReader(msg), k); err != nil {
			return nil, err
		}
		msg = out.Bytes()
	}
	return msg, nil
}

func peerSign(w io.Writer, r io.Reader, k key) error {
	return peerdkim.Sign(w, r, &peerdkim.SignOptions{
		Domain: senderDomain, Selector: k.selector, Signer: k.private, HeaderKeys: signedFields,
		HeaderCanonicalization: peerdkim.CanonicalizationRelaxed, BodyCanonicalization: peerdkim.CanonicalizationRelaxed,
		Expiration: time.Time{},
	})
}

// split returns the header with its last CRLF and the body.
func split(msg []byte) (head, body []byte) {
	i := bytes.Index(msg, []byte("\r\n\r\n"))
	return msg[:i+2], msg[i+4:]
}
