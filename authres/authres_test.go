package authres

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/message"
)

var parseTests = []struct{ name, in, want string }{
	// RFC 8601, Appendix B.
	{"b1", " example.org 1; none", `{"authserv_id":"example.org","version":1,"results":null}`},
	{
		"b3", " example.com;\r\n          spf=pass smtp.mailfrom=example.net",
		`{"authserv_id":"example.com","results":[{"method":"spf","result":"pass","props":[{"type":"smtp","name":"mailfrom","value":"example.net"}]}]}`,
	},
	{
		"b4", " example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net",
		`{"authserv_id":"example.com","results":[{"method":"auth","result":"pass","comment":"cram-md5","props":[{"type":"smtp","name":"auth","value":"sender@example.net"}]},{"method":"spf","result":"pass","props":[{"type":"smtp","name":"mailfrom","value":"example.net"}]}]}`,
	},
	{
		"b6", " example.com;\r\n dkim=pass reason=\"good signature\"\r\n header.i=@mail-router.example.net;\r\n dkim=fail reason=\"bad signature\"\r\n header.i=@newyork.example.com",
		`{"authserv_id":"example.com","results":[{"method":"dkim","result":"pass","reason":"good signature","props":[{"type":"header","name":"i","value":"@mail-router.example.net"}]},{"method":"dkim","result":"fail","reason":"bad signature","props":[{"type":"header","name":"i","value":"@newyork.example.com"}]}]}`,
	},
	{
		"b7", " foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462",
		`{"authserv_id":"foo.example.net","version":1,"results":[{"method":"dkim","method_version":1,"result":"fail","comment":"Because I like it","props":[{"type":"policy","name":"expired","value":"1362471462"}]}]}`,
	},

	// What large systems write.
	{
		"google", " mx.google.com;\r\n       dkim=pass header.i=@a.example header.s=20230601 header.b=Xy1+/a=;\r\n       spf=pass (google.com: domain of a@b.example designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@b.example;\r\n       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=a.example",
		`{"authserv_id":"mx.google.com","results":[{"method":"dkim","result":"pass","props":[{"type":"header","name":"i","value":"@a.example"},{"type":"header","name":"s","value":"20230601"},{"type":"header","name":"b","value":"Xy1+/a="}]},{"method":"spf","result":"pass","comment":"google.com: domain of a@b.example designates 192.0.2.1 as permitted sender","props":[{"type":"smtp","name":"mailfrom","value":"a@b.example"}]},{"method":"dmarc","result":"pass","comment":"p=NONE sp=NONE dis=NONE","props":[{"type":"header","name":"from","value":"a.example"}]}]}`,
	},
	{
		"microsoft", " spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=a.example; dkim=pass (signature was verified)\r\n header.d=a.example;dmarc=pass action=none\r\n header.from=a.example;compauth=pass reason=100",
		`{"authserv_id":"","results":[{"method":"spf","result":"pass","comment":"sender IP is 192.0.2.1","props":[{"type":"smtp","name":"mailfrom","value":"a.example"}]},{"method":"dkim","result":"pass","comment":"signature was verified","props":[{"type":"header","name":"d","value":"a.example"}]},{"method":"dmarc","result":"pass","props":[{"name":"action","value":"none"},{"type":"header","name":"from","value":"a.example"}]},{"method":"compauth","result":"pass","reason":"100"}]}`,
	},
	{"microsoft-empty-ip", " spf=none (sender IP is )\r\n smtp.mailfrom=a@b.example; ", `{"authserv_id":"","results":[{"method":"spf","result":"none","comment":"sender IP is","props":[{"type":"smtp","name":"mailfrom","value":"a@b.example"}]}]}`},
	{"ironport", " mtab.example; spf=None\r\n smtp.pra=a@b.example; dmarc=pass (p=reject\r\n dis=none) d=b.example", `{"authserv_id":"mtab.example","results":[{"method":"spf","result":"none","props":[{"type":"smtp","name":"pra","value":"a@b.example"}]},{"method":"dmarc","result":"pass","comment":"p=reject dis=none","props":[{"name":"d","value":"b.example"}]}]}`},
	{"microsoft-2020", " spf=none (sender IP is 192.0.2.1)\r\n smtp.mailfrom=a.example; lists.b.example; dkim=none (message not signed)", "authres: malformed result at offset 67"},
	{
		"microsoft-arc", " mx.microsoft.com 1; spf=fail (sender ip is\r\n 192.0.2.1) smtp.rcpttodomain=b.example smtp.mailfrom=a.example; dkim=none\r\n (message not signed); arc=pass (0 oda=0 ltdi=1 spf=[1,1,smtp.mailfrom=a.example])",
		`{"authserv_id":"mx.microsoft.com","version":1,"results":[{"method":"spf","result":"fail","comment":"sender ip is 192.0.2.1","props":[{"type":"smtp","name":"rcpttodomain","value":"b.example"},{"type":"smtp","name":"mailfrom","value":"a.example"}]},{"method":"dkim","result":"none","comment":"message not signed"},{"method":"arc","result":"pass","comment":"0 oda=0 ltdi=1 spf=[1,1,smtp.mailfrom=a.example]"}]}`,
	},
	{
		"yahoo", " atlas.yahoo.example;\r\n dkim=pass header.i=@a.example header.s=s;\r\n dmarc=pass(p=REJECT) header.from=a.example;",
		`{"authserv_id":"atlas.yahoo.example","results":[{"method":"dkim","result":"pass","props":[{"type":"header","name":"i","value":"@a.example"},{"type":"header","name":"s","value":"s"}]},{"method":"dmarc","result":"pass","comment":"p=REJECT","props":[{"type":"header","name":"from","value":"a.example"}]}]}`,
	},
	{
		"opendkim", " mx.example;\r\n\tdkim=pass (2048-bit key; unprotected) header.d=a.example header.i=@a.example header.b=\"ab/cd\";\r\n\tdkim-atps=neutral",
		`{"authserv_id":"mx.example","results":[{"method":"dkim","result":"pass","comment":"2048-bit key; unprotected","props":[{"type":"header","name":"d","value":"a.example"},{"type":"header","name":"i","value":"@a.example"},{"type":"header","name":"b","value":"ab/cd"}]},{"method":"dkim-atps","result":"neutral"}]}`,
	},
	{
		"null-sender", " mx.example; spf=none smtp.helo=a.example smtp.mailfrom=; dkim=none",
		`{"authserv_id":"mx.example","results":[{"method":"spf","result":"none","props":[{"type":"smtp","name":"helo","value":"a.example"},{"type":"smtp","name":"mailfrom","value":""}]},{"method":"dkim","result":"none"}]}`,
	},

	// The grammar's corners.
	{"only-id", "example.org", `{"authserv_id":"example.org","results":null}`},
	{"quoted-id", `"ex ample;\"" ; none`, `{"authserv_id":"ex ample;\"","results":null}`},
	{"nested", "(a(b\\)c)d) x.example (e) ; (f(g)) spf=(h)pass (i;)", `{"authserv_id":"x.example","results":[{"method":"spf","result":"pass","comment":"h"}]}`},
	{"quoted-local", `x.example; spf=pass smtp.mailfrom="a; b=c"@d.example`, `{"authserv_id":"x.example","results":[{"method":"spf","result":"pass","props":[{"type":"smtp","name":"mailfrom","value":"\"a; b=c\"@d.example"}]}]}`},
	{"quoted-folded", "x.example; spf=pass reason=\"a\r\n b\\\"c\"", `{"authserv_id":"x.example","results":[{"method":"spf","result":"pass","reason":"a b\"c"}]}`},
	{"case", "X.example; SPF=Pass SMTP.MailFrom=A@b.Example", `{"authserv_id":"X.example","results":[{"method":"spf","result":"pass","props":[{"type":"smtp","name":"mailfrom","value":"A@b.Example"}]}]}`},
	{"utf8", "x.example; spf=pass smtp.mailfrom=gr\u00e5@b\u00fc.example", "{\"authserv_id\":\"x.example\",\"results\":[{\"method\":\"spf\",\"result\":\"pass\",\"props\":[{\"type\":\"smtp\",\"name\":\"mailfrom\",\"value\":\"gr\u00e5@b\u00fc.example\"}]}]}"},
	{"empty-results", "x.example;;;spf=pass;;", `{"authserv_id":"x.example","results":[{"method":"spf","result":"pass"}]}`},
	{"unknown", "x.example; x-foo=maybe x-bar.baz=1", `{"authserv_id":"x.example","results":[{"method":"x-foo","result":"maybe","props":[{"type":"x-bar","name":"baz","value":"1"}]}]}`},

	// Refused.
	{"empty", "", "authres: no authserv-id at offset 0"},
	{"blank", " \r\n ", "authres: no authserv-id at offset 4"},
	{"empty-id", `""; none`, "authres: no authserv-id at offset 2"},
	{"none-and-more", "x.example; none; spf=pass", "authres: malformed result at offset 17"},
	{"more-and-none", "x.example; spf=pass; none", "authres: malformed result at offset 25"},
	{"version-word", "x.example y; none", "authres: malformed version at offset 10"},
	{"version-long", "x.example 12345; none", "authres: malformed version at offset 14"},
	{"no-result", "x.example; spf", "authres: malformed result at offset 14"},
	{"no-value", "x.example; spf=; dkim=pass", "authres: malformed result at offset 15"},
	{"no-name", "x.example; spf=pass smtp.=a", "authres: malformed property at offset 25"},
	{"no-pvalue", "x.example; spf=pass smtp.mailfrom= smtp.helo=a.example", "authres: malformed property at offset 35"},
	{"no-pvalue-typeless", "x.example; spf=pass smtp.mailfrom= reason=a", "authres: malformed property at offset 35"},
	{"no-equals", "x.example; spf=pass smtp.mailfrom", "authres: malformed property at offset 33"},
	{"cve-2020-12272", "x.example; dkim=pass header.d=bank.example(.evil.example); none", "authres: text or comment touches a value at offset 42"},
	{"cve-2020-12272-open", "x.example; dkim=pass header.d=bank.example(.evil.example; spf=pass", "authres: text or comment touches a value at offset 42"},
	{"quote-inside", `x.example; spf=pass smtp.mailfrom=a"b"@c.example`, "authres: text or comment touches a value at offset 35"},
	{"quote-after", `x.example; spf=pass reason="a"b`, "authres: text or comment touches a value at offset 30"},
	{"value-touched", "x.example; spf=pass.fail smtp.mailfrom=a", "authres: text or comment touches a value at offset 19"},
	{"open-quote", `x.example; spf=pass reason="a`, "authres: quoted string is not closed at offset 27"},
	{"open-comment", "x.example; spf=pass (a\\)", "authres: comment is not closed at offset 20"},
	{"nul", "x.example; spf=pass reason=\"\x00\"", "authres: character that is not allowed there at offset 28"},
	{"bare-lf", "x.example; spf=pass\n dkim=pass", "authres: character that is not allowed there at offset 19"},
	{"bare-cr", "x.example; spf=pass (\r)", "authres: character that is not allowed there at offset 21"},
	{"unfolded", "x.example; spf=pass\r\ndkim=pass", "authres: character that is not allowed there at offset 19"},
	{"deep", "x.example; " + strings.Repeat("(", 32<<10) + strings.Repeat(")", 32<<9), "authres: comments nested over 20 deep at offset 31"},
	{"results", "x.example" + strings.Repeat(";a=b", MaxResults+1), "authres: over 500 results at offset 2010"},
	{"props", "x.example; a=b" + strings.Repeat(" c.d=e", MaxProps+1), "authres: over 100 properties at offset 620"},
	{"large", strings.Repeat("a", 5<<20), "authres: field over 65536 bytes at offset 65536"},
}

func TestParse(t *testing.T) {
	for _, tt := range parseTests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse([]byte(tt.in))
			got := ""
			if err != nil {
				var e *Error
				if got = err.Error(); !errors.As(err, &e) {
					t.Errorf("%T is not *Error", err)
				}
			} else if b, err := json.Marshal(f); err == nil {
				got = string(b)
			}
			if got != tt.want {
				t.Errorf("\ngot  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	evil := "a\r\nX-Evil: b\x00\"; dkim=pass header.d=bank.example (c"
	for _, tt := range []struct {
		name string
		f    Field
		want string
	}{
		{"none", Field{AuthServID: "mx.example"}, " mx.example; none"},
		{"version", Field{AuthServID: "mx.example", Version: 1}, " mx.example 1; none"},
		{"two", Field{AuthServID: "mx.example", Results: []Result{
			{Method: "spf", Value: "pass", Comment: "mx.example: domain of a@b.example designates 192.0.2.1 as permitted sender", Props: []Prop{{"smtp", "mailfrom", "a@b.example"}, {"smtp", "remote-ip", "2001:db8::1"}}},
			{Method: "dkim", MethodVersion: 1, Value: "fail", Reason: "body hash did not verify", Props: []Prop{{"header", "b", "ab/c="}, {"header", "i", "@b.example"}}},
		}}, " mx.example;\r\n\tspf=pass (mx.example: domain of a@b.example designates 192.0.2.1 as\r\n\tpermitted sender) smtp.mailfrom=a@b.example\r\n\tsmtp.remote-ip=\"2001:db8::1\";\r\n\tdkim/1=fail reason=\"body hash did not verify\" header.b=\"ab/c=\"\r\n\theader.i=@b.example"},
		{"evil-id", Field{AuthServID: evil}, " \"a  X-Evil: b?\\\"; dkim=pass header.d=bank.example (c\";\r\n\tnone"},
		{
			"evil",
			Field{AuthServID: "x", Results: []Result{{Method: evil, Value: "pass; dkim", Reason: evil, Comment: evil, Props: []Prop{{evil, evil, evil}, {"smtp", "mailfrom", ""}}}}},
			" x;\r\n\tax-evilbdkimpassheaderdbankexamplec=passdkim (a X-Evil: b?\";\r\n\tdkim=pass header.d=bank.example [c)\r\n\treason=\"a  X-Evil: b?\\\"; dkim=pass header.d=bank.example (c\"\r\n\tax-evilbdkimpassheaderdbankexamplec.ax-evilbdkimpassheaderdbankexamplec=\"a  X-Evil: b?\\\"; dkim=pass header.d=bank.example (c\"\r\n\tsmtp.mailfrom=\"\"",
		},
		{"strange", Field{AuthServID: "x", Results: []Result{{Method: "spf", Value: "pass", Props: []Prop{{"smtp", "mailfrom", "a\u202eb\u2028c\u00fc@b.example"}}}}}, " x;\r\n\tspf=pass smtp.mailfrom=a?b?c\u00fc@b.example"},
		{"empty", Field{Results: []Result{{}}}, " unknown;\r\n\tunknown=unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.f.Format(), tt.want); diff != "" {
				t.Errorf("got (-) want (+):\n%s", diff)
			}
		})
	}
}

func TestForged(t *testing.T) {
	fields := []string{
		"From: a@b.example", // 0
		"Authentication-Results: mx.b\u00fc.example; spf=pass",                   // 1
		"Authentication-Results: other.example; spf=pass",                        // 2
		"AUTHENTICATION-results :\r\n (c) \"MX.xn--b-eha.EXAMPLE\" (d)",          // 3
		"Authentication-Results: mx.xn--b-eha.example. 1; none",                  // 4
		"Authentication-Results: other.example; mx.xn--b-eha.example; spf=pass",  // 5: refused
		"Authentication-Results: mx.(x)xn--b-eha.example; spf=pass",              // 6: refused
		"Authentication-Results: sub.mx.xn--b-eha.example; spf=pass",             // 7: another service
		"X: mx.xn--b-eha.example",                                                // 8
		"Authentication-Results\x00: mx.xn--b-eha.example; none",                 // 9
		"Subject: a\nAuthentication-Results: mx.xn--b-eha.example",               // 10
		"Authentication-Results: \"mx.xn--b-eha\\.example\"; none",               // 11
		"Authentication-Results: mx.xn--b-eha.example/1; none",                   // 12: well-formed, and no host name
		"Authentication-Results: \" mx.xn--b-eha.example\"; none",                // 13
		"Authentication-Results: =?utf-8?q?mx=2Exn=2D=2Db-eha=2Eexample?=; none", // 14
		"Authentication-Results: =?x?b?bXgueG4tLWItZWhhLmV4YW1wbGU7IG5vbmU=?=",   // 15
		"Authentication-Results: (=?q?=29mx=2E...?=) third.example; none",        // 16
		"Authentication-Results: mx.(\\))xn--b-eha.example; none",                // 17
		"Authentication-Results: mx.(\\)xn--b-eha.example; none",                 // 18
	}
	h, err := message.ParseHeader([]byte(strings.Join(fields, "\r\n") + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"mx.xn--b-eha.example", "MX.B\u00dc.example"} {
		got := Forged(h, id)
		if want := []int{18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 6, 5, 4, 3, 1}; !cmp.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", id, got, want)
		}
		kept := strings.Join([]string{fields[0], fields[2], fields[7], fields[8]}, "\r\n") + "\r\n"
		if diff := cmp.Diff(string(Remove(h, got)), kept); diff != "" {
			t.Errorf("got (-) want (+):\n%s", diff)
		}
	}
	if got := Remove(h, nil); &got[0] != &h.Raw[0] {
		t.Error("nothing to remove, yet copied")
	}
	if got := Find(h, "other.example"); len(got) != 1 || got[0].Results[0].Value != "pass" {
		t.Errorf("got %v", got)
	}
}

func TestProp(t *testing.T) {
	r := Result{Props: []Prop{{"header", "d", "a"}, {"header", "d", "b"}}}
	if v, ok := r.Prop("header", "d"); v != "a" || !ok {
		t.Errorf("got %q, %v", v, ok)
	}
	if v, ok := r.Prop("smtp", "d"); v != "" || ok {
		t.Errorf("got %q, %v", v, ok)
	}
}

// What was read and written once, with all that is too strange replaced, is
// read and written again without any change.
func FuzzParse(f *testing.F) {
	for _, tt := range parseTests {
		f.Add([]byte(tt.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		x, err := Parse(in)
		if err != nil || x.AuthServID == "" {
			return
		}
		y := checkFormat(t, x)
		z := checkFormat(t, y)
		if y != nil && !cmp.Equal(y, z) {
			t.Errorf("parse(format(%+v)) = %+v", y, z)
		}
	})
}

func FuzzFormat(f *testing.F) {
	f.Add("mx.example", "dkim", "pass", "good; signature", "a (b) c", "header", "d", "a.example")
	f.Add("\r\nA: b", "; a=b", "pass\n", "\"\\", ")(", ".", "\x00", "a\"@b; c=d")
	f.Fuzz(func(t *testing.T, id, method, result, reason, comment, typ, name, val string) {
		r := Result{Method: method, Value: result, Reason: reason, Comment: comment, Props: []Prop{{typ, name, val}, {typ, name, val}}}
		checkFormat(t, &Field{AuthServID: id, Results: []Result{r, r}})
	})
}

// checkFormat formats x and looks at the outcome from outside. It returns what
// Parse makes of it.
func checkFormat(t *testing.T, x *Field) *Field {
	const name = FieldName + ":"
	raw := append(x.AppendTo(nil, name), "\r\nFrom: a@b.example\r\n"...)
	h, err := message.ParseHeader(raw)
	if err != nil || len(h.Fields) != 2 || !h.Fields[0].Is(FieldName) || h.Fields[0].Hides(FieldName) {
		t.Fatalf("%q is not one field", raw)
	}
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") || strings.TrimSpace(line) == "" && line != "" {
			t.Errorf("bad line %q", line)
		}
	}
	y, err := Parse(h.Fields[0].Value())
	if err != nil {
		if len(raw) > MaxFieldBytes {
			return nil
		}
		t.Fatalf("%q: %v", raw, err)
	}
	if len(y.Results) != len(x.Results) {
		t.Fatalf("%d results became %d in %q", len(x.Results), len(y.Results), raw)
	}
	return y
}

// The field in parseTests that Google writes.
func googleField(b *testing.B) []byte {
	for _, tt := range parseTests {
		if tt.name == "google" {
			return []byte(tt.in)
		}
	}
	b.Fatal("no such test")
	return nil
}

func BenchmarkParse(b *testing.B) {
	in := googleField(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendTo(b *testing.B) {
	f, err := Parse(googleField(b))
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = f.AppendTo(dst[:0], FieldName+":")
	}
}
