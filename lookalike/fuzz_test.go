package lookalike

import (
	"testing"
	"unicode/utf8"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
)

func FuzzInspect(f *testing.F) {
	for _, s := range []string{
		"From: \"boss@waxworks.example\" <x@evil.test>\r\n",
		"From: =?utf-8?b?0JzQtXRh0Jxhc2s=?= <x@paypa1.test>\r\nReply-To: y@gmail.com, z@waxw0rks.test\r\n",
		"From: Jane Q. Doe - C o i n b a s e <x@waxworks-login.test>, y@paypal.com.evil.test\r\nSender: x@evil.test\r\n",
		"From: =?utf-8?b?QdyxbdyxYdyxetyxb9yxbg==?= via N37flix <x@acme.onmicrosoft.com>\r\nList-Id: <a.b>\r\nAuto-Submitted: no; x\r\n",
		"From: U$P$ PayPa| Pay\u00adPal \u202eba <x@xn--wxworks-2fg.test>\r\nReply-To: \r\n",
	} {
		f.Add([]byte(s), "pass", "sendgrid.net")
	}
	p := tester()
	f.Fuzz(func(t *testing.T, raw []byte, result, signer string) {
		h, err := message.ParseHeader(raw)
		if err != nil {
			return
		}
		in := Input{DMARC: result, Recipients: []string{"ann@waxworks.example", signer}}
		if d, err := domain.Parse(signer); err == nil {
			in.Identifiers = []Identifier{{Method: "dkim", Domain: d, Result: "pass"}, {Method: "spf", Domain: d, Result: "pass", Aligned: true, Mechanism: "include:" + signer}}
		}
		in.ReadHeader(h)
		fs := p.Inspect(in)
		checkFindings(t, in, fs)
		if score, action := Assess(fs); score < 0 || action == "" {
			t.Errorf("score %d, action %q", score, action)
		}
		for _, a := range in.Author.Addresses {
			once := Skeleton(a.Display)
			if twice := Skeleton(once); utf8.ValidString(a.Display) && twice != once {
				t.Errorf("%q: skeleton %q, then %q", a.Display, once, twice)
			}
		}
	})
}
