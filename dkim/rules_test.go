package dkim

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// craft puts a DKIM-Signature with these tags in front of msg, where BH stands
// for the hash of the first bytes of the body by simple canonicalization, and
// signs it truly, whatever the tags say.
func craft(tb testing.TB, k *Key, tags, msg string) string {
	tb.Helper()
	_, body := split(tb, msg)
	var b Body
	limit := int64(-1)
	if _, l, ok := strings.Cut(tags, " l="); ok {
		fmt.Sscanf(l, "%d", &limit)
	}
	d := b.Want(Simple, limit)
	b.Write([]byte(body))
	b.Close()
	sum, _ := b.Sum(d)
	tags = strings.ReplaceAll(tags, "BH", base64.StdEncoding.EncodeToString(sum[:]))
	field := "DKIM-Signature: " + tags + "; b="
	own, err := message.ParseHeader([]byte(field + "\r\n"))
	if err != nil {
		tb.Fatal(err)
	}
	_, h, _ := strings.Cut(tags, " h=")
	h, _, _ = strings.Cut(h, ";")
	head, _ := split(tb, msg)
	hashed := AppendSigned(nil, head, strings.Split(strings.ReplaceAll(h, " ", ""), ":"), Simple)
	value, err := k.Sum(sha256.Sum256(AppendUnsigned(hashed, &own.Fields[0], Simple)))
	if err != nil {
		tb.Fatal(err)
	}
	return field + base64.StdEncoding.EncodeToString(value) + "\r\n" + msg
}

func TestRules(t *testing.T) {
	keys, zoneText := testKeys()
	ed := &keys[0]
	p := strings.TrimPrefix(strings.Split(zoneText, `"`)[1], "v=DKIM1; k=ed25519; p=")
	weak := records(Key{Domain: "example.com", Selector: "weak", Private: parsePEM(t, weakRSA)})
	z := newZone(t, zoneText+weak+fmt.Sprintf(`
testing._domainkey.example.com. TXT "v=DKIM1; k=ed25519; t=y; p=%[1]s"
strict._domainkey.example.com. TXT "v=DKIM1; k=ed25519; t=x:s; p=%[1]s"
service._domainkey.example.com. TXT "v=DKIM1; k=ed25519; s=tlsrpt; p=%[1]s"
anyservice._domainkey.example.com. TXT "v=DKIM1; k=ed25519; s=x:*; g=nobody; n=note; p=%[1]s"
sha1._domainkey.example.com. TXT "v=DKIM1; k=ed25519; h=sha1; p=%[1]s"
unversioned._domainkey.example.com. TXT "k=ed25519; p=%[1]s"
revoked._domainkey.example.com. TXT "v=DKIM1; k=ed25519; p="
nop._domainkey.example.com. TXT "v=DKIM1; k=ed25519"
base64._domainkey.example.com. TXT "v=DKIM1; k=ed25519; p=%%%%%%"
short._domainkey.example.com. TXT "v=DKIM1; k=ed25519; p=AAAA"
unknown._domainkey.example.com. TXT "v=DKIM1; k=new; p=AAAA"
notags._domainkey.example.com. TXT "omgwhatsgoingon"
late._domainkey.example.com. TXT "k=ed25519; v=DKIM1; p=%[1]s"
spf._domainkey.example.com. TXT "v=spf1 -all"
spf._domainkey.example.com. TXT "v=DKIM1; k=ed25519; p=%[1]s"
two._domainkey.example.com. TXT "v=DKIM1; k=ed25519; p=%[1]s"
two._domainkey.example.com. TXT "v=DKIM1; k=ed25519; n=2; p=%[1]s"
ed._domainkey.xn--bcher-kva.example. TXT "v=DKIM1; k=ed25519; p=%[1]s"
empty._domainkey.example.com. A 192.0.2.1
`, p))
	z.fails["slow._domainkey.example.com"] = &resolver.Error{Reason: resolver.Timeout, Name: "slow", Type: resolver.TypeTXT}
	z.fails["bogus._domainkey.example.com"] = &resolver.Error{Reason: resolver.BogusAnswer, Detail: "signature expired"}
	v := &Verifier{Resolver: z, Time: at(1_000_000_000)}
	with := func(edits ...string) string {
		return strings.NewReplacer(edits...).Replace("v=1; a=ed25519-sha256; d=example.com; s=ed; h=From; bh=BH")
	}
	body := "body\r\n"
	for _, tt := range []struct {
		name, tags string
		want       string // result and reason
	}{
		{"plain", with(), "pass"},
		{"version_2", with("v=1", "v=2"), `permerror tag has an unusable value: v=: "2" is not 1`},
		{"no_version", with("v=1; ", ""), "permerror required tag is missing: v="},
		{"no_domain", with("d=example.com; ", ""), "permerror required tag is missing: d="},
		{"no_selector", with("s=ed; ", ""), "permerror required tag is missing: s="},
		{"no_bh", with("; bh=BH", ""), "permerror required tag is missing: bh="},
		{"no_algorithm", with("a=ed25519-sha256; ", ""), "permerror required tag is missing: a="},
		{"algorithm", with("ed25519-sha256", "rsa-md5"), `permerror tag has an unusable value: a=: unknown algorithm "rsa-md5"`},
		{"sha1", with("ed25519-sha256", "rsa-sha1"), "policy rsa-sha1 is not acceptable (RFC 8301)"},
		{"mismatch", with("ed25519-sha256", "rsa-sha256"), "permerror key is not for this signature: no rsa key at ed._domainkey.example.com"},
		{"duplicate", with("s=ed", "s=ed; s=ed"), `permerror malformed tag list: duplicate tag "s" at offset 44`},
		{"empty_tag", with("s=ed", "s=ed;"), `permerror malformed tag list: no = in tag "" at offset 44`},
		{"from_unsigned", with("h=From", "h=To"), "permerror From is not signed"},
		{"from_case", with("h=From", "h=to : fRoM"), "pass"},
		{"identity", with("s=ed", "s=ed; i=a@Sub.example.com"), "pass"},
		{"identity_outside", with("s=ed", "s=ed; i=a@notexample.com"), `permerror i= is not in the domain of d=: "a@notexample.com"`},
		{"identity_parent", with("s=ed", "s=ed; i=@com"), `permerror i= is not in the domain of d=: "@com"`},
		{"identity_no_at", with("s=ed", "s=ed; i=example.com"), `permerror i= is not in the domain of d=: "example.com"`},
		{"nul", with("d=example.com", "d=example.com\x00.evil.example"), `permerror malformed tag list: malformed tag value "d" at offset 23`},
		{"space", with("d=example.com", "d=example.com evil"), `permerror tag has an unusable value: d=: "example.com evil" is not a domain name`},
		{"paren", with("d=example.com", "d=example.net(.example.com"), `permerror tag has an unusable value: d=: "example.net(.example.com" is not a domain name`},
		{"final_dot", with("d=example.com", "d=example.com."), `permerror tag has an unusable value: d=: "example.com." is not a domain name`},
		{"bad_selector", with("s=ed", "s=e/d"), `permerror tag has an unusable value: s=: "e/d" is not a selector`},
		{"long_name", with("s=ed", "s="+strings.Repeat("a.", 120)+"a"), "permerror tag has an unusable value: s=: selector and domain make a name over 253 bytes"},
		{"domain_case", with("d=example.com", "d=EXAMPLE.com", "s=ed", "s=eD"), "pass"},
		{"u_label", with("d=example.com", "d=b\u00fccher.example"), "pass"},
		{"a_label", with("d=example.com", "d=xn--BCHER-kva.example"), "pass"},
		{"canon", with("h=From", "c=nowsp; h=From"), `permerror tag has an unusable value: c=: unknown canonicalization "nowsp"`},
		{"canon_half", with("h=From", "c=simple; h=From"), "pass"},
		{"query", with("h=From", "q=http:dns/txt; h=From"), "pass"},
		{"query_unknown", with("h=From", "q=http; h=From"), `permerror tag has an unusable value: q=: no known query method in "http"`},
		{"time", with("h=From", "t=999999999; x=1000000001; h=From"), "pass"},
		{"expired", with("h=From", "t=1; x=999999999; h=From"), "fail signature expired at 2001-09-09T01:46:39Z"},
		{"x_before_t", with("h=From", "t=3; x=2; h=From"), "permerror tag has an unusable value: x=: not after t="},
		{"future", with("h=From", "t=1000001000; h=From"), "neutral signature is from the future: 2001-09-09T02:03:20Z"},
		{"skew", with("h=From", "t=1000000200; h=From"), "pass"},
		{"huge_time", with("h=From", "x="+strings.Repeat("9", 76)+"; h=From"), "pass"},
		{"bad_time", with("h=From", "t=-1; h=From"), `permerror tag has an unusable value: t=: "-1" is not a number`},
		{"length_short", with("h=From", " l=4; h=From"), "policy l= leaves 2 of 6 body bytes unsigned"},
		{"length_zero", with("h=From", " l=0; h=From"), "policy l= leaves 6 of 6 body bytes unsigned"},
		{"length_all", with("h=From", " l=6; h=From"), "pass"},
		{"length_long", with("h=From", " l=7; h=From"), "fail the body was cut: l=7, and it has 6 bytes"},
		{"body", with("BH", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), "fail body hash does not match: the body was changed"},
		{"bh_base64", with("BH", "!"), "permerror tag has an unusable value: bh=: not the base64 of a SHA-256 hash"},
		{"bh_short", with("BH", "AAAA"), "permerror tag has an unusable value: bh=: not the base64 of a SHA-256 hash"},
		{"unknown_tag", with("s=ed", "s=ed; zz=1; _x="), `permerror malformed tag list: malformed tag name "_x" at offset 50`},
		{"no_record", with("s=ed", "s=none"), "permerror no key: there is no TXT record at none._domainkey.example.com"},
		{"no_txt", with("s=ed", "s=empty"), "permerror no key: there is no TXT record at empty._domainkey.example.com"},
		{"timeout", with("s=ed", "s=slow"), "temperror key lookup failed: timeout"},
		{"bogus", with("s=ed", "s=bogus"), "temperror key lookup failed: bogus: signature expired"},
		{"weak", with("s=ed", "s=weak", "ed25519-sha256", "rsa-sha256"), "policy RSA key is too short: 512 bits, at least 1024 needed"},
		{"testing", with("s=ed", "s=testing"), "pass"},
		{"strict", with("s=ed", "s=strict; i=@example.com"), "pass"},
		{"strict_sub", with("s=ed", "s=strict; i=@sub.example.com"), "permerror key says t=s and i= is in a subdomain"},
		{"service", with("s=ed", "s=service"), `permerror key is not for this signature: s=: not for mail: "tlsrpt"`},
		{"any_service", with("s=ed", "s=anyservice"), "pass"},
		{"key_hash", with("s=ed", "s=sha1"), `permerror key is not for this signature: h=: no hash that may be used in "sha1"`},
		{"unversioned", with("s=ed", "s=unversioned"), "pass"},
		{"revoked", with("s=ed", "s=revoked"), "permerror key is revoked: p=: empty"},
		{"no_p", with("s=ed", "s=nop"), "permerror not a DKIM key record: p=: missing"},
		{"key_base64", with("s=ed", "s=base64"), "permerror key cannot be read: p=: not base64"},
		{"key_short", with("s=ed", "s=short"), "permerror key cannot be read: p=: an Ed25519 key has 32 bytes, not 3"},
		{"key_unknown", with("s=ed", "s=unknown"), `permerror key cannot be read: k=: unknown key type "new"`},
		{"key_no_tags", with("s=ed", "s=notags"), `permerror not a DKIM key record: no = in tag "omgwhatsgoingon" at offset 0`},
		{"key_late_version", with("s=ed", "s=late"), "permerror not a DKIM key record: v=: not DKIM1 at the beginning"},
		{"key_beside_spf", with("s=ed", "s=spf"), "pass"},
		{"two_keys", with("s=ed", "s=two"), "permerror several keys: 2 of the records at two._domainkey.example.com fit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := verify(t, v, craft(t, ed, tt.tags, "From: a@example.com\r\nTo: b\r\n\r\n"+body))
			if len(got) != 1 {
				t.Fatalf("got %d verdicts", len(got))
			}
			if s := strings.TrimSpace(string(got[0].Result) + " " + got[0].Reason); s != tt.want {
				t.Errorf("\n got %s\nwant %s", s, tt.want)
			}
			if got[0].Testing != (tt.name == "testing") {
				t.Error("the testing flag is wrong")
			}
		})
	}
}

// Ten good-looking signatures of other domains, or a thousand broken ones of the
// author's, on either side do not hide the good one.
func TestGarbage(t *testing.T) {
	keys, zoneText := testKeys()
	z := newZone(t, zoneText)
	z.asked = make(chan string, 100)
	v := &Verifier{Resolver: z, Time: at(1e9)}
	good := craft(t, &keys[0], "v=1; a=ed25519-sha256; d=example.com; s=ed; h=From; bh=BH", "From: A <a@mail.example.com>\r\n\r\nbody\r\n")
	garbage := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	foreign := "DKIM-Signature: v=1; a=rsa-sha256; d=x%d.example.net; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
	own := "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s%d; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
	broken := "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s%d; h=from; bh=; b=AAAA\r\n"
	sha1 := "DKIM-Signature: v=1; a=rsa-sha1; d=example.com; s=s%d; h=from; bh=AA==; b=AAAA\r\n"
	for _, tt := range []struct {
		name, msg string
		at, total int
		asked     int
	}{
		{"foreign", garbage(1000, foreign) + good, 1000, 1001, MaxSignatures},
		{"foreign_below", strings.Replace(good, "From:", garbage(1000, foreign)+"From:", 1), 0, 1001, MaxSignatures},
		{"own", garbage(1000, own) + good, 1000, 1001, MaxSignatures},
		{"own_below", strings.Replace(good, "From:", garbage(1000, own)+"From:", 1), 0, 1001, MaxSignatures},
		{"broken", garbage(9000, broken) + good, 9000, 9001, 1},
		{"sha1", garbage(9000, sha1) + good, 9000, 9001, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			got := verify(t, v, tt.msg)
			if len(got) != tt.total || got[tt.at].Result != Pass {
				t.Errorf("got %d verdicts, %+v", len(got), got[min(tt.at, len(got)-1)])
			}
			if len(z.asked) != tt.asked {
				t.Errorf("%d names were looked up, want %d", len(z.asked), tt.asked)
			}
			for len(z.asked) > 0 {
				<-z.asked
			}
			t.Logf("%s", time.Since(start))
		})
	}
}

// The parts of a repeated name are taken from the bottom up (RFC 6376, Section
// 5.4.2), and a name beyond them is nothing.
func TestHeaderIndex(t *testing.T) {
	h, _ := split(t, "A: 1\r\nb: 2\r\na : 3\r\nnot a field\r\nA: 4\r\nDKIM-Signature: own\r\n\r\n")
	x := NewHeaderIndex(h)
	defer x.Release()
	for range 2 {
		x.begin()
		var got []string
		for _, name := range []string{"a", "A", "B", "A", "a", "b", "c", "", "dkim-signature", "not a field"} {
			if f := x.take([]byte(name), &h.Fields[5]); f != nil {
				got = append(got, strings.TrimSpace(string(f.Value())))
			} else {
				got = append(got, "-")
			}
		}
		if s := strings.Join(got, " "); s != "4 3 2 1 - - - - - -" {
			t.Errorf("got %s", s)
		}
	}
}

func TestAppendField(t *testing.T) {
	for _, tt := range []struct{ name, in, simple, relaxed string }{
		{"rfc6376_3.4.5_a", "A: X\r\n", "A: X\r\n", "a:X\r\n"},
		{"rfc6376_3.4.5_b", "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		{"empty", "Subject:\r\n", "Subject:\r\n", "subject:\r\n"},
		{"empty_white", "Subject: \r\n \r\n", "Subject: \r\n \r\n", "subject:\r\n"},
		{"no_crlf", "A: X", "A: X\r\n", "a:X\r\n"},
		{"bare", "A: X \r Y\n Z\r\r\n", "A: X \r Y\n Z\r\r\n", "a:X \r Y\n Z\r\r\n"},
		{"not_white", "A:\f\u00a0 X \x00 \r\n", "A:\f\u00a0 X \x00 \r\n", "a:\f\u00a0 X \x00\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := message.ParseHeader([]byte(tt.in))
			got := [2]string{
				string(AppendField(nil, &h.Fields[0], Simple)), string(AppendField(nil, &h.Fields[0], Relaxed)),
			}
			if want := [2]string{tt.simple, tt.relaxed}; got != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
}

func TestAppendUnsigned(t *testing.T) {
	for _, tt := range []struct{ name, in, simple, relaxed string }{
		{"end", "S: bh=x; b=a b\r\n c\r\n", "S: bh=x; b=", "s:bh=x; b="},
		{"middle", "S: a=1;  b =  a b\r\n c ; bh=b=; \r\n", "S: a=1;  b =; bh=b=; ", "s:a=1; b =; bh=b=;"},
		{"none", "S: bh=x \r\n", "S: bh=x ", "s:bh=x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := message.ParseHeader([]byte(tt.in))
			got := [2]string{
				string(AppendUnsigned(nil, &h.Fields[0], Simple)), string(AppendUnsigned(nil, &h.Fields[0], Relaxed)),
			}
			if want := [2]string{tt.simple, tt.relaxed}; got != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
}

// Verification allocates the same for a body of any size, and little.
func TestAllocations(t *testing.T) {
	keys, zoneText := testKeys()
	v := &Verifier{Resolver: newCachedZone(t, zoneText), Keys: new(KeyCache)}
	for _, size := range []int{2 << 10, 1 << 20} {
		msg := sign(t, &Signer{Keys: keys[1:]}, benchHeader+prose(size))
		h, body := split(t, msg)
		raw := []byte(body)
		got := testing.AllocsPerRun(20, func() {
			var b Body
			p := v.Begin(t.Context(), h, &b)
			b.Write(raw)
			b.Close()
			p.Wait()
		})
		most := 25.0
		if underRace {
			most = 40 // the pools are emptied meanwhile
		}
		if got > most {
			t.Errorf("%d bytes: %v allocations", size, got)
		}
	}
}
