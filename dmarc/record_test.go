package dmarc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseRecord(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"version-alone", "v=DMARC1", "v=DMARC1 (no policy)"},
		{"version-semicolon", "v=DMARC1;", "v=DMARC1 (no policy)"},
		{"spaces", "v \t= DMARC1 ; p =  none ;", "v=DMARC1; p=none"},
		{"no-spaces", "v=DMARC1;p=reject;sp=none;np=quarantine", "v=DMARC1; p=reject; sp=none; np=quarantine"},
		{"any-order", "v=DMARC1;rua=mailto:a@x.example;aspf=s;t=y;p=reject;adkim=s", "v=DMARC1; p=reject; adkim=s; aspf=s; t=y; rua=mailto:a@x.example"},
		{"names-any-case", "V=DMARC1; P=Reject; ADKIM=S", "v=DMARC1; p=reject; adkim=s"},
		{"version-case", "v=dmarc1; p=none", `error: dmarc: "v=dmarc1; p=none": begins with another version than v=DMARC1`},
		{"version-2", "v=DMARC2; p=none", `error: dmarc: "v=DMARC2; p=none": begins with another version than v=DMARC1`},
		{"version-longer", "v=DMARC10; p=none", `error: dmarc: "v=DMARC10; p=none": begins with another version than v=DMARC1`},
		{"version-no-separator", "v=DMARC1 p=none", `error: dmarc: "v=DMARC1 p=none": begins with another version than v=DMARC1`},
		{"version-later", "p=none; v=DMARC1", `error: dmarc: "p=none; v=DMARC1": does not begin with v=DMARC1`},
		{"space-before", " v=DMARC1; p=none", `error: dmarc: " v=DMARC1; p=none": begins with another version than v=DMARC1`},
		{"empty", "", `error: dmarc: "": does not begin with v=DMARC1`},
		{"spf", "v=spf1 -all", `error: dmarc: "v=spf1 -all": does not begin with v=DMARC1`},
		{"version-twice", "v=DMARC1; v=DMARC1; p=none", `v=DMARC1; p=none | ignored: a second tag "v"`},
		{"empty-tags", "v=DMARC1;;; p=none;;", "v=DMARC1; p=none"},
		{"no-equals", "v=DMARC1; p=none; nonsense", `v=DMARC1; p=none | ignored: no = in "nonsense"`},
		{"unknown-tag", "v=DMARC1; p=none; x=y; pp=reject; bimi=1", "v=DMARC1; p=none"},
		{"other-white-space", "v=DMARC1; p=none\r\n", `v=DMARC1 | not a value of p: "none\r\n" (no policy)`},
		{"nul", "v=DMARC1; p=reject\x00; rua=mailto:a@x.example", `v=DMARC1; p=none; rua=mailto:a@x.example | not a value of p: "reject\x00"`},
		{"utf8", "v=DMARC1; p=reject; adkim=ß", `v=DMARC1; p=reject | ignored: not a value of adkim: "ß"`},
		{"bad-modes", "v=DMARC1; p=reject; adkim=strict; aspf=; psd=yes; t=1", `v=DMARC1; p=reject | ignored: not a value of adkim: "strict"; ignored: not a value of aspf: ""; ignored: not a value of psd: "yes"; ignored: not a value of t: "1"`},
		{"twice", "v=DMARC1; p=reject; adkim=s; adkim=s", `v=DMARC1; p=reject | ignored: not a value of adkim: "s"`},
		{"psd", "v=DMARC1; p=reject; psd=Y", "v=DMARC1; p=reject; psd=y"},
		{"psd-u", "v=DMARC1; p=reject; psd=u", "v=DMARC1; p=reject"},
		{"removed", "v=DMARC1; p=none; pct=50; rf=afrf; ri=3600", `v=DMARC1; p=none | ignored: RFC 9989 removed the tag "rf"; ignored: RFC 9989 removed the tag "ri"; ignored: RFC 9989 removed the tag "pct"`},
		{"p-missing", "v=DMARC1; sp=reject; rua=mailto:a@x.example", "v=DMARC1; p=none; sp=reject; rua=mailto:a@x.example"},
		{"p-missing-no-rua", "v=DMARC1; sp=reject; ruf=mailto:a@x.example", "v=DMARC1; ruf=mailto:a@x.example (no policy)"},
		{"sp-invalid", "v=DMARC1; p=reject; sp=; rua=mailto:a@x.example", `v=DMARC1; p=none; rua=mailto:a@x.example | not a value of sp: ""`},
		{"np-invalid", "v=DMARC1; p=reject; np=drop", `v=DMARC1 | not a value of np: "drop" (no policy)`},

		{"rua-list", "v=DMARC1; p=none; rua=mailto:a@x.example , mailto:b@y.example,https://x.example/r", "v=DMARC1; p=none; rua=mailto:a@x.example,mailto:b@y.example,https://x.example/r"},
		{"rua-size", "v=DMARC1; p=none; rua=mailto:a@x.example!10m,mailto:b@x.example!5,mailto:c@x.example!1K", "v=DMARC1; p=none; rua=mailto:a@x.example,mailto:b@x.example,mailto:c@x.example"},
		{"rua-bad-size", "v=DMARC1; p=none; rua=mailto:a@x.example!m", `v=DMARC1; p=none | ignored: not a URI in rua: "mailto:a@x.example!m"`},
		{"rua-no-scheme", "v=DMARC1; p=none; rua=a@x.example,mailto:b@x.example", `v=DMARC1; p=none; rua=mailto:b@x.example | ignored: not a URI in rua: "a@x.example"`},
		{"rua-no-domain", "v=DMARC1; p=none; rua=mailto:a,mailto:@x.example,mailto:a@,mailto:", `v=DMARC1; p=none | ignored: not a URI in rua: "mailto:a"; ignored: not a URI in rua: "mailto:@x.example"; ignored: not a URI in rua: "mailto:a@"; ignored: not a URI in rua: "mailto:"`},
		{"rua-bytes", "v=DMARC1; p=none; rua=mailto:<a@x.example>,mailto:a b@x.example,mailto:a%4@x.example", `v=DMARC1; p=none | ignored: not a URI in rua: "mailto:<a@x.example>"; ignored: not a URI in rua: "mailto:a b@x.example"; ignored: not a URI in rua: "mailto:a%4@x.example"`},
		{"rua-encoded", "v=DMARC1; p=none; rua=mailto:a%21%2Bb@x.example?subject=x", "v=DMARC1; p=none; rua=mailto:a%21%2Bb@x.example?subject=x"},
		{"rua-encoded-crlf", "v=DMARC1; p=none; rua=mailto:a%0D%0Ab@x.example", `v=DMARC1; p=none | ignored: not a URI in rua: "mailto:a%0D%0Ab@x.example"`},

		{"fo", "v=DMARC1; p=none; ruf=mailto:a@x.example; fo=1:d:s", "v=DMARC1; p=none; ruf=mailto:a@x.example; fo=1:d:s"},
		{"fo-order", "v=DMARC1; p=none; ruf=mailto:a@x.example; fo=s:0", "v=DMARC1; p=none; ruf=mailto:a@x.example; fo=0:s"},
		{"fo-without-ruf", "v=DMARC1; p=none; fo=1", "v=DMARC1; p=none"},
		{"fo-exclusive", "v=DMARC1; p=none; ruf=mailto:a@x.example; fo=0:1", `v=DMARC1; p=none; ruf=mailto:a@x.example | ignored: not a value of fo: "0:1"`},
		{"fo-unknown", "v=DMARC1; p=none; ruf=mailto:a@x.example; fo=d:x", `v=DMARC1; p=none; ruf=mailto:a@x.example | ignored: not a value of fo: "d:x"`},
		{"fo-twice", "v=DMARC1; p=none; ruf=mailto:a@x.example; fo=d:d", `v=DMARC1; p=none; ruf=mailto:a@x.example | ignored: not a value of fo: "d:d"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec, err := ParseRecord(tt.in)
			got := rec.String()
			if len(rec.Notes) > 0 {
				got += " | " + strings.Join(rec.Notes, "; ")
			}
			if rec.NoPolicy {
				got += " (no policy)"
			}
			var e *Error
			if errors.As(err, &e) {
				got = "error: " + err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRecordURI(t *testing.T) {
	rec, _ := ParseRecord("v=DMARC1; p=none; rua=MAILTO:d%2Bx@X.Example!1m,mailto:%C3%A9@b%C3%BCcher.example,mailto:%FF@x.example")
	got := fmt.Sprintf("%q", rec.AggregateURIs)
	want := `[{"MAILTO:d%2Bx@X.Example" "mailto" "d+x@X.Example" "x.example"} {"mailto:%C3%A9@b%C3%BCcher.example" "mailto" "é@bücher.example" "xn--bcher-kva.example"}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRecordJSON(t *testing.T) {
	rec, _ := ParseRecord("v=DMARC1; p=reject; np=none; ruf=mailto:a@x.example; fo=1:s; t=y; pct=5")
	got, err := json.Marshal(rec)
	want := `{"p":"reject","np":"none","adkim":"r","aspf":"r","psd":"u","t":true,"ruf":[{"uri":"mailto:a@x.example"}],"fo":"1:s","notes":["ignored: RFC 9989 removed the tag \"pct\""]}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// TestHostileRecords checks that the largest TXT records cost next to nothing.
func TestHostileRecords(t *testing.T) {
	const size = 65000
	for _, part := range []string{";", "a=b;", "p=x;", "rua=,;", "x", "%", ",", "mailto:a@x.example,", "fo=0:;", "=;", " ;", "\x00="} {
		for _, head := range []string{"v=DMARC1;", "v=DMARC1; rua=", "v=DMARC1; ruf=mailto:a@x.example; fo="} {
			rec, err := ParseRecord(head + strings.Repeat(part, size/len(part)))
			if err != nil || len(rec.Notes) > maxNotes || len(rec.AggregateURIs) > maxReportURIs {
				t.Errorf("%q: %d notes, %d URIs, %v", part, len(rec.Notes), len(rec.AggregateURIs), err)
			}
		}
	}
}

func TestCache(t *testing.T) {
	var c RecordCache
	first := c.parse("v=DMARC1; p=none")
	if again := c.parse("v=DMARC1; p=none"); again != first {
		t.Error("a text is parsed twice")
	}
	if got := c.parse("v=DMARC1; p=reject").Policy; got != PolicyReject {
		t.Errorf("got %s, want reject", got)
	}
	if got := c.Len(); got != 2 {
		t.Errorf("Len is %d, want 2", got)
	}
	for i := range 2 * cacheShards * cacheShardSize {
		c.parse("v=DMARC1; p=none; x=" + strings.Repeat("y", i%900) + string(rune('a'+i%26)))
	}
	c.parse("v=DMARC1; p=none; x=" + strings.Repeat("y", maxCachedRecord))
	for i := range c.shards {
		if n := len(c.shards[i].m); n > cacheShardSize {
			t.Errorf("shard %d has %d records, want at most %d", i, n, cacheShardSize)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, s := range []string{
		"v=DMARC1; p=none; rua=mailto:a@example.com",
		"v=DMARC1;p=reject;sp=quarantine;np=none;adkim=s;aspf=s;psd=y;t=y;fo=0:d:s;ruf=mailto:a@example.com!10m,https://x",
		"v = DMARC1 ;; pct=50; rf=afrf; ri=1; p==; =x; p",
		"v=DMARC1; rua=mailto:%41%2C@example.com?x=y!1",
		"V=DMARC1\t;P=NONE;p=none", "v=DMARC1 p=none", "v=dmarc1", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		rec, err := ParseRecord(in)
		if err != nil {
			return
		}
		if rec.Policy.rank() == 0 && rec.Policy != PolicyNone || len(rec.Notes) > maxNotes {
			t.Errorf("policy %q, %d notes", rec.Policy, len(rec.Notes))
		}
		text := rec.String()
		again, err := ParseRecord(text)
		if err != nil || again.String() != text || again.NoPolicy != rec.NoPolicy {
			t.Errorf("parse(%q) gives %q, %v", text, again.String(), err)
		}
	})
}
