package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnchors(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"good", "[dns]\nnegative_trust_anchors = [\"a.example\", \"b.example until 2026-12-01\"]\ntrust_anchor_tracking = \"on\"\n[state]\ndirectory = \"/s\"\n", ""},
		{"no-time", "[dns]\nnegative_trust_anchors = [\"b.example until soon\"]\n", `w.toml:11:27: dns.negative_trust_anchors[0]: "soon" is no time: write it like 2026-12-01 or 2026-12-01T12:00:00Z`},
		{"no-name", "[dns]\nnegative_trust_anchors = [\"a b\"]\n", "w.toml:11:27: dns.negative_trust_anchors[0]: "},
		{"off", "[dns]\ndnssec = \"off\"\nnegative_trust_anchors = [\"a.example\"]\n", "w.toml:12:1: dns.negative_trust_anchors: nothing is validated"},
		{"tracking-without-state", "[dns]\ntrust_anchor_tracking = \"on\"\n", "w.toml:11:1: dns.trust_anchor_tracking: state.directory is needed"},
		{"tracking-zones", "[dns]\ntrust_anchor_tracking = \"on\"\nzones = [\"z\"]\n", "w.toml:11:1: dns.trust_anchor_tracking: zone files"},
		{"tracking-word", "[dns]\ntrust_anchor_tracking = \"onn\"\n", `w.toml:11:1: dns.trust_anchor_tracking: "onn" is not known, use one of: auto, on, off; did you mean "on"?`},
		{"tls-level", "[tls_policy]\ndefault = \"none\"\n", `is not known, use one of: postfix, may, encrypt, dane`},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := minimum + row.text
			if strings.HasPrefix(row.text, "[tls_policy]\n") { // the minimum has that table
				text = strings.Replace(minimum, "[tls_policy]\n", row.text, 1)
			}
			_, err := Parse("w.toml", []byte(text))
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestNegativeAnchor(t *testing.T) {
	for text, want := range map[NegativeAnchor]time.Time{
		"B.example.":                           {},
		"b.example until 2026-12-01":           time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		"b.example until 2026-12-01T12:00:00Z": time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC),
	} {
		zone, until := text.Zone()
		if diff := cmp.Diff([]any{string(zone), until.UTC()}, []any{"b.example", want}); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
