package tlsrpt_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/tlsrpt"
)

func TestParseRecord(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string // nil for an error
	}{
		{"rfc-mailto", "v=TLSRPTv1;rua=mailto:reports@example.com", []string{"mailto:reports@example.com"}},
		{"rfc-https", "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt", []string{"https://reporting.example.com/v1/tlsrpt"}},
		{"both", "v=TLSRPTv1; rua=mailto:a@b.example , https://c.example/ ;", []string{"mailto:a@b.example", "https://c.example/"}},
		{"other-scheme", "v=TLSRPTv1; rua=ftp://a.example,mailto:a@b.example", []string{"mailto:a@b.example"}},
		{"only-other-scheme", "v=TLSRPTv1; rua=ftp://a.example", []string{}},
		{"extension", "v=TLSRPTv1; x=y; rua=mailto:a@b.example", []string{"mailto:a@b.example"}},
		{
			"many", "v=TLSRPTv1; rua=" + strings.Repeat("mailto:a@b.example,", 20) + "mailto:a@b.example",
			strings.Split(strings.Repeat("mailto:a@b.example,", 9)+"mailto:a@b.example", ","),
		},
		{"no-rua", "v=TLSRPTv1;", nil},
		{"empty-rua", "v=TLSRPTv1; rua=", nil},
		{"empty-uri", "v=TLSRPTv1; rua=mailto:a@b.example,", nil},
		{"two-ruas", "v=TLSRPTv1; rua=mailto:a@b.example; rua=mailto:c@d.example", nil},
		{"no-scheme", "v=TLSRPTv1; rua=a@b.example", nil},
		{"no-at", "v=TLSRPTv1; rua=mailto:b.example", nil},
		{"bang", "v=TLSRPTv1; rua=mailto:a!b@b.example", nil},
		{"inner-blank", "v=TLSRPTv1; rua=mailto:a @b.example", nil},
		{"version-case", "v=tlsrptv1; rua=mailto:a@b.example", nil},
		{"empty", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tlsrpt.ParseRecord(tt.in)
			if tt.want == nil {
				if err == nil {
					t.Errorf("got %v, want an error", r)
				}
				return
			}
			if diff := cmp.Diff(r, &tlsrpt.Record{RUA: tt.want}); diff != "" || err != nil {
				t.Errorf("%s%v", diff, err)
			}
		})
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("v=TLSRPTv1;rua=mailto:reports@example.com")
	f.Add("v=TLSRPTv1; rua=https://a.example/x?y, mailto:a@b.example;z=1")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := tlsrpt.ParseRecord(s)
		if err != nil || len(r.RUA) == 0 {
			return
		}
		again, err := tlsrpt.ParseRecord("v=TLSRPTv1; rua=" + strings.Join(r.RUA, ","))
		if diff := cmp.Diff(again, r); diff != "" || err != nil {
			t.Errorf("%s%v", diff, err)
		}
	})
}
