package dkim

import (
	"bytes"
	"context"
	"testing"

	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

func FuzzSignature(f *testing.F) {
	for _, s := range []string{
		"", "v=1; a=rsa-sha256; b=AAAA; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; d=example.com; h=From; s=s",
		"a=ed25519-sha256;c=relaxed/simple;d=b\u00fccher.example;i=x@b\u00fccher.example;s=s;t=1;x=2;l=0;q=dns/txt", "i=1; cv=none; a=; d=a.; s=.", "b=;;", "d=\x00",
	} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(1))
		f.Add([]byte(s), uint8(2))
	}
	f.Fuzz(func(t *testing.T, value []byte, form uint8) {
		in := bytes.Clone(value)
		s, err := ParseSignature(Form(form%3), value)
		if s == nil || !bytes.Equal(in, value) {
			t.Fatal("no signature, or the input was changed")
		}
		if err != nil {
			return
		}
		if s.Domain == "" || s.Selector == "" || s.KeyName != s.Selector+separator+string(s.Domain) || len(s.Value) == 0 || len(s.Value) > MaxRSABits/8 {
			t.Errorf("an incomplete signature was accepted: %+v", s)
		}
	})
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{
		"", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "p=", "v=DKIM1; p=MAA=", "k=rsa; h=sha1:sha256; s=email; t=y:s; p=AA A=",
		"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, txt string) {
		r, err := ParseRecord(txt)
		if err != nil {
			return
		}
		r.Verify([32]byte{}, []byte("no signature"))
		again, err := FormatRecord(r.Public)
		if err != nil {
			t.Fatal(err)
		}
		if r2, err := ParseRecord(again); err != nil || r2.Bits != r.Bits {
			t.Errorf("%q became %q: %v", txt, again, err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(crlf(rfc6376Signature+rfc6376Received+rfcMessage)), uint8(0))
	f.Add([]byte(crlf(rfc8463Signatures+rfcMessage)), uint8(7))
	f.Add([]byte("DKIM-Signature: b=\r\nDKIM-Signature\r\n : x\r\n\r\n \r\n"), uint8(1))
	z := newZone(f, rfc6376Key+"\n"+rfc8463Keys)
	v := &Verifier{Resolver: z, Time: at(1e9), Keys: new(KeyCache)}
	f.Fuzz(func(t *testing.T, msg []byte, chunk uint8) {
		in := bytes.Clone(msg)
		head, body, _ := bytes.Cut(msg, []byte("\r\n\r\n"))
		h, err := message.ParseHeader(head)
		if err != nil {
			return
		}
		var b Body
		p := v.Begin(context.Background(), h, &b)
		for n := int(chunk) + 1; len(body) > 0; {
			n = min(n, len(body))
			b.Write(body[:n])
			body = body[n:]
		}
		b.Close()
		got := p.Wait()
		if len(got) != h.Count("DKIM-Signature") || !bytes.Equal(in, msg) {
			t.Fatal("not one verdict for each field, or the message was changed")
		}
		for _, one := range got {
			if one.Result == "" || one.Result == Pass && one.DNSSEC != resolver.Insecure || (one.Result == Pass) != (one.Reason == "") {
				t.Errorf("unfit verdict %+v", one)
			}
		}
	})
}
