package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	mrand "math/rand/v2"
	"strings"
	"time"

	peerdkim "github.com/emersion/go-msgauth/dkim"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// The names of the bed. None is special-use (RFC 6761): libunbound, which OpenDKIM
// has inside, answers those by itself.
const (
	senderDomain   = "sender.example.org"
	senderHost     = "out." + senderDomain
	selector       = "s2026"
	forgerDomain   = "forger.example.org"
	receiverHost   = "mx.receiver.example.org"
	receiverDomain = "receiver.example.org"
	captureDomain  = "capture.example.org"
)

const (
	messageSize = 10 << 10
	keyBits     = 2048
	ecdsaP256   = 13 // RFC 6605
)

// world makes the sender's key and message, signs the zones and serves them.
func (b *bed) world() error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	var signed bytes.Buffer
	err = peerdkim.Sign(&signed, strings.NewReader(letter()), &peerdkim.SignOptions{
		Domain: senderDomain, Selector: selector, Signer: key,
		HeaderKeys:             []string{"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"},
		HeaderCanonicalization: peerdkim.CanonicalizationRelaxed, BodyCanonicalization: peerdkim.CanonicalizationRelaxed,
	})
	if err != nil {
		return err
	}
	b.letter = bytes.ReplaceAll(signed.Bytes(), []byte("\r\n"), []byte("\n"))
	public := base64.StdEncoding.EncodeToString(der)
	return b.serveZones(fmt.Sprintf(`sender TXT "v=spf1 mx include:_spf.provider.example.org -all"
sender MX 10 mx.sender
mx.sender A 198.51.100.1
out.sender A %s
out.sender TXT "v=spf1 a -all"
_spf.provider TXT "v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/28 ip6:2001:db8::/32 -all"
forger TXT "v=spf1 -all"
_dmarc.sender TXT "v=DMARC1; p=none"
%s._domainkey.sender TXT "v=DKIM1; k=rsa; p=%s" "%s"
`, clientHost, selector, public[:200], public[200:]))
}

// letter is the message before it is signed.
func letter() string {
	var b strings.Builder
	b.WriteString("Received: from app7.int.sender.example.org (app7.int.sender.example.org [10.1.2.3])\r\n" +
		"\tby out.sender.example.org (Postfix) with ESMTP id 4W7xkN0PLcz1yQm\r\n" +
		"\tfor <reader@receiver.example.org>; Mon, 16 Nov 2026 09:12:31 +0000 (UTC)\r\n" +
		"From: \"Example News\" <news@sender.example.org>\r\n" +
		"To: Reader <reader@receiver.example.org>\r\n" +
		"Subject: Your weekly summary, with a subject that is long enough to be\r\n folded once\r\n" +
		"Date: Mon, 16 Nov 2026 09:12:30 +0000\r\n" +
		"Message-ID: <20261116091230.7f3a9c@sender.example.org>\r\n" +
		"List-Id: <weekly.sender.example.org>\r\n" +
		"List-Unsubscribe: <https://sender.example.org/u/0123456789abcdef>\r\n" +
		"X-Mailer: Example Sender 7.1\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n")
	words := strings.Fields("the and of to a in that mail server is was for with as his on be at by this key had not are but from or have record an")
	rng := mrand.New(mrand.NewPCG(1, messageSize))
	for column := 0; b.Len() < messageSize; {
		w := words[rng.IntN(len(words))]
		if column += len(w) + 1; column > 72 {
			b.WriteString("\r\n")
			column = len(w)
		} else {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	b.WriteString("\r\n")
	return b.String()
}

// serveZones serves a root, org and example.org, which has these records, signed.
func (b *bed) serveZones(records string) error {
	example, ds, err := zone("example.org.", records)
	if err != nil {
		return err
	}
	org, ds, err := zone("org.", "example.org. NS ns.example.org.\nns.example.org. A 127.0.0.1\n"+ds)
	if err != nil {
		return err
	}
	root, anchor, err := zone(".", "org. NS ns.org.\nns.org. A 127.0.0.1\n"+ds)
	if err != nil {
		return err
	}
	if err := b.write("anchor", anchor); err != nil {
		return err
	}
	b.names, err = zonefile.Serve(nameServer, &zonesign.World{Zones: []*zonesign.Signed{root, org, example}})
	return err
}

// zone signs a zone and returns its DS records, too.
func zone(origin, records string) (*zonesign.Signed, string, error) {
	own := "@ NS ns\nns A 127.0.0.1\n"
	if origin == "." {
		own = "@ NS ns.\nns. A 127.0.0.1\n"
	}
	z := zonesign.Zone{
		Origin: origin, Text: "$TTL 86400\n" + own + records,
		Inception: time.Now().Add(-time.Hour), Expiration: time.Now().Add(7 * 24 * time.Hour),
	}
	for _, flags := range []uint16{zonesign.KSK, zonesign.ZSK} {
		k, err := zonesign.NewKey(origin, ecdsaP256, flags, fmt.Sprintf("bench %d %s", flags, origin))
		if err != nil {
			return nil, "", err
		}
		z.Keys = append(z.Keys, k)
	}
	s, err := zonesign.Sign(z)
	if err != nil {
		return nil, "", err
	}
	return s, s.DS(), nil
}
