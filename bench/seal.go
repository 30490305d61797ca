package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// seal puts n ARC sets on a message (RFC 8617, Section 5.1), RSA and
// relaxed/relaxed. It shares no code with what is measured, so that a validator
// which agrees with it does not merely agree with itself.
func (c *corpus) seal(msg []byte, n int) ([]byte, error) {
	var sets []string // AAR, AMS, AS of each set, as received
	for i := 1; i <= n; i++ {
		head, body := split(msg)
		aar := fmt.Sprintf("ARC-Authentication-Results: i=%d; mx.%s; spf=pass smtp.mailfrom=%s;\r\n\tdkim=pass header.d=%s; dmarc=pass header.from=%s\r\n",
			i, hopDomain(i), mailFrom, senderDomain, authorDomain)
		bh := sha256.Sum256(relaxedBody(body))
		ams := fmt.Sprintf("ARC-Message-Signature: i=%d; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=r1; t=%d;\r\n\th=%s;\r\n\tbh=%s;\r\n\tb=",
			i, hopDomain(i), 1763284353+i, strings.Join(append([]string{"DKIM-Signature"}, signedFields...), ":\r\n\t"), base64.StdEncoding.EncodeToString(bh[:]))
		b, err := c.rsaSign(selected(head, append([]string{"DKIM-Signature"}, signedFields...)) + withoutCRLF(relaxedField(ams)))
		if err != nil {
			return nil, err
		}
		ams += b + "\r\n"
		cv := "pass"
		if i == 1 {
			cv = "none"
		}
		as := fmt.Sprintf("ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=%s; s=r1; t=%d;\r\n\tb=", i, cv, hopDomain(i), 1763284353+i)
		var input strings.Builder
		for _, f := range append(sets, aar, ams) {
			input.WriteString(relaxedField(f))
		}
		if b, err = c.rsaSign(input.String() + withoutCRLF(relaxedField(as))); err != nil {
			return nil, err
		}
		as += b + "\r\n"
		sets = append(sets, aar, ams, as)
		received := fmt.Sprintf("Received: from a.%s by b.%s with ESMTPS id %dX;\r\n\tMon, 16 Nov 2026 09:13:0%d +0000\r\n", hopDomain(i), hopDomain(i), i, i)
		msg = []byte(as + ams + aar + received + string(msg))
	}
	return msg, nil
}

// rsaSign returns b= of a signature over text, folded.
func (c *corpus) rsaSign(text string) (string, error) {
	h := sha256.Sum256([]byte(text))
	sig, err := c.rsa.private.Sign(rand.Reader, h[:], crypto.SHA256)
	if err != nil {
		return "", err
	}
	b64 := base64.StdEncoding.EncodeToString(sig)
	var out strings.Builder
	const width = 70
	for ; len(b64) > width; b64 = b64[width:] {
		out.WriteString(b64[:width] + "\r\n\t")
	}
	return out.String() + b64, nil
}

// fields splits a header into its fields, folding and final CRLF included.
func fields(head []byte) []string {
	var out []string
	for _, line := range strings.SplitAfter(string(head), "\r\n") {
		switch {
		case line == "":
		case len(out) > 0 && (line[0] == ' ' || line[0] == '\t'):
			out[len(out)-1] += line
		default:
			out = append(out, line)
		}
	}
	return out
}

// selected returns the named fields in relaxed form, each name from the bottom.
func selected(head []byte, names []string) string {
	all := fields(head)
	used := make([]bool, len(all))
	var out strings.Builder
	for _, name := range names {
		for i := len(all) - 1; i >= 0; i-- {
			n, _, _ := strings.Cut(all[i], ":")
			if !used[i] && strings.EqualFold(n, name) {
				used[i] = true
				out.WriteString(relaxedField(all[i]))
				break
			}
		}
	}
	return out.String()
}

// relaxedField is RFC 6376, Section 3.4.2 for one field.
func relaxedField(f string) string {
	name, value, _ := strings.Cut(f, ":")
	return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.Join(strings.Fields(value), " ") + "\r\n"
}

func withoutCRLF(s string) string { return strings.TrimSuffix(s, "\r\n") }

// relaxedBody is RFC 6376, Section 3.4.4.
func relaxedBody(body []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.SplitSeq(body, []byte("\r\n")) {
		space := false
		for _, c := range line {
			if c == ' ' || c == '\t' {
				space = true
				continue
			}
			if space {
				out.WriteByte(' ')
				space = false
			}
			out.WriteByte(c)
		}
		out.WriteString("\r\n")
	}
	text := bytes.TrimRight(out.Bytes(), "\r\n")
	if len(text) == 0 {
		return nil
	}
	return append(text, "\r\n"...)
}
