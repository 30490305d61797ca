package lookalike

import (
	"slices"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestSkeleton(t *testing.T) {
	for _, r := range []struct {
		name, a, b string
		same       bool
	}{
		{"case", "PayPal", "PAYPAL", true},
		{"cyrillic", "раураl", "paypal", true},
		{"cyrillic-capital", "МЕТАМАЅК", "metamask", true},
		{"greek", "ΡαγΡαl", "PayPal", true},
		{"armenian", "ցооցӏе", "google", true},
		{"cherokee", "ᏢᎪᎩᏢᎪᏞ", "PAYPAL", true},
		{"capital-i", "WaIIet", "wallet", true},
		{"one", "wa11et", "wallet", true},
		{"i-and-l", "paypai", "paypal", true},
		{"zero", "g00gle", "google", true},
		{"rn", "rnicrosoft", "microsoft", true},
		{"vv", "vvalmart", "walmart", true},
		{"fullwidth", "ＰａｙＰａｌ", "paypal", true},
		{"math", "𝐏𝓪𝔂𝖯𝑎𝒍", "paypal", true},
		{"circled", "Ⓟⓐⓨⓟⓐⓛ", "paypal", true},
		{"small-capitals", "ᴘᴀʏᴘᴀʟ", "paypal", true},
		{"ligature", "ﬁnance", "finance", true},
		{"zero-width", "pay\u200bpal", "paypal", true},
		{"marks", "pa\u0301yp\u0730al", "paypal", true},
		{"precomposed", "páypäl", "paypal", true},
		{"tag", "pay\U000e0041pal", "paypal", true},
		{"other", "paypal", "paypol", false},
		{"order", "paypal", "palpay", false},
		{"russian", "почта", "noyta", false},
	} {
		t.Run(r.name, func(t *testing.T) {
			a, b := Skeleton(r.a), Skeleton(r.b)
			if (a == b) != r.same {
				t.Errorf("skeletons %q and %q: same is %v, want %v", a, b, a == b, r.same)
			}
		})
	}
}

// TestConfusables holds the generated table to what the code takes for granted.
func TestConfusables(t *testing.T) {
	if !slices.IsSortedFunc(confusables[:], func(a, b uint64) int { return int(a>>24) - int(b>>24) }) {
		t.Error("the code points are not in order")
	}
	for _, e := range confusables {
		r := rune(e >> 24)
		p := prototype(r)
		if !utf8.ValidString(p) || p == "" || p == string(r) {
			t.Errorf("%U has the prototype %q", r, p)
		}
	}
}

// Every code point has a skeleton that is its own skeleton: what a letter looks
// like looks like itself.
func TestSkeletonOfAll(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		once := Skeleton(string(r))
		if twice := Skeleton(once); twice != once {
			t.Errorf("%U: %q, then %q", r, once, twice)
		}
	}
}

func TestSkeletonIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		once := Skeleton(s)
		if twice := Skeleton(once); twice != once {
			t.Fatalf("got %q, then %q", once, twice)
		}
	})
}

// The distance is one exactly where a single change of a makes b, and it is the
// same from both sides.
func TestIsNear(t *testing.T) {
	letters := rapid.StringMatching(`[abc]{0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := letters.Draw(t, "a"), letters.Draw(t, "b")
		want := a != b && slices.Contains(oneChange(a), b)
		if isNear(a, b) != want || isNear(b, a) != want {
			t.Fatalf("isNear(%q, %q) is %v, and %v, want %v", a, b, isNear(a, b), isNear(b, a), want)
		}
	})
}

// oneChange lists what one change makes of s, with the letters a to c.
func oneChange(s string) []string {
	var out []string
	for i := range len(s) + 1 {
		for _, c := range "abc" {
			out = append(out, s[:i]+string(c)+s[i:])
			if i < len(s) {
				out = append(out, s[:i]+string(c)+s[i+1:])
			}
		}
		if i < len(s) {
			out = append(out, s[:i]+s[i+1:])
		}
		if i+1 < len(s) {
			out = append(out, s[:i]+s[i+1:i+2]+s[i:i+1]+s[i+2:])
		}
	}
	return out
}

// The index of labels finds what a comparison with each label finds.
func TestNearLabel(t *testing.T) {
	p := tester()
	p.once.Do(p.compile)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"waxworks", "paypal", "coinbase", "microsoft"}).Draw(t, "label")
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				text = text[:i] + text[i+1:]
			case 1:
				text = text[:i] + "x" + text[i:]
			case 2:
				text = text[:i] + "q" + text[i+1:]
			}
		}
		want := false
		for _, list := range p.index.exact {
			for _, l := range list {
				want = want || min(len(l.text), len(text)) >= minEdit-1 && max(len(l.text), len(text)) >= minEdit &&
					len(l.text) >= minEdit && len(text) >= minEdit && isNear(l.text, text)
			}
		}
		if _, got := p.index.nearLabel(text); got != want {
			t.Fatalf("%q: got %v, want %v", text, got, want)
		}
	})
}
