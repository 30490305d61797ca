package lookalike

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// nameCharacters looks for characters in the name that deceive the eye.
func (c *check) nameCharacters() {
	text := c.name.text
	if isASCIIText(text) {
		return
	}
	var rtl, east bool
	styledLetters := 0
	for i := range c.name.list {
		s := c.name.list[i].scripts
		rtl = rtl || s&rightToLeft != 0
		east = east || s&eastAsian != 0
	}
	hidden, turned := marks{}, marks{}
	var before rune
	overrides := false
	for i, r := range text {
		switch {
		case isOverride(r):
			overrides = true
			turned.note(i, r)
		case isDirection(r):
			turned.note(i, r)
		case isIgnorable(r) && !belongs(r, before, nextRune(text, i), rtl):
			hidden.note(i, r)
		case isStyled(r) && !(east && 0xff00 <= r && r <= 0xffef):
			styledLetters++
		}
		if !isIgnorable(r) {
			before = r
		}
	}
	if hidden.count > 0 {
		e := hidden.evidence(text)
		e.NotExempt = "the letters and signs beside them have no use for them"
		c.add(NameInvisible, High, "The sender's name has characters that are not shown.", e)
	}
	if turned.count > 0 {
		e, severity := turned.evidence(text), High
		e.NotExempt = "the name has no letter that runs from right to left, or the characters force all others"
		if rtl && !overrides {
			severity = Low
			e.NotExempt = "the name is in a script that runs from right to left, which seldom needs them"
		}
		c.add(NameBidi, severity, "The sender's name has characters that turn the direction of the text.", e)
	}
	c.nameScripts()
	if styledLetters >= minStyled {
		e := Evidence{Shown: text, End: len(text), CodePoints: codePoints(text, isStyled)}
		e.Skeleton = Skeleton(clip(text))
		e.NotExempt = "they are more than a sign and no part of an East Asian text"
		c.add(NameStyled, Low, "The sender's name is written with letters made for mathematics or decoration.", e)
	}
}

// minStyled is how many styled letters make a style; one is a sign.
const minStyled = 2

// nameScripts looks for words that mix scripts.
func (c *check) nameScripts() {
	for i := range c.name.list {
		w := &c.name.list[i]
		if !w.scripts.mixes() {
			continue
		}
		e := c.wordEvidence(i, 1)
		e.NotExempt = "no language writes " + w.scripts.String() + " in one word"
		c.add(NameMixed, Medium, "The sender's name mixes "+w.scripts.String()+" letters in the word "+quote(w.shown)+".", e)
	}
}

// marks collects characters of one kind.
type marks struct {
	start, end, count int
	points            []string
}

func (m *marks) note(i int, r rune) {
	if m.count == 0 {
		m.start = i
	}
	m.end = i + utf8.RuneLen(r)
	if m.count++; m.count <= MaxCodePoints {
		m.points = append(m.points, fmt.Sprintf("U+%04X", r))
	}
}

func (m *marks) evidence(text string) Evidence {
	return Evidence{Shown: text[m.start:m.end], Start: m.start, End: m.end, CodePoints: m.points}
}

// codePoints lists the characters of s that are meant.
func codePoints(s string, meant func(rune) bool) []string {
	var points []string
	for _, r := range s {
		if meant(r) && len(points) < MaxCodePoints {
			points = append(points, fmt.Sprintf("U+%04X", r))
		}
	}
	return points
}

// isOverride reports whether r writes text backwards that does not run so.
func isOverride(r rune) bool { return r == 0x202d || r == 0x202e }

// isDirection reports whether r is an embedding or isolate of UAX #9 or its end.
func isDirection(r rune) bool {
	return 0x202a <= r && r <= 0x202c || 0x2066 <= r && r <= 0x2069
}

// belongs reports whether a character that is not shown has a purpose between
// the characters around it.
func belongs(r, before, after rune, rtl bool) bool {
	switch {
	case r == 0x200c || r == 0x200d: // joiners
		return joins(before) && (joins(after) || isIgnorable(after)) || isEmoji(before) && (isEmoji(after) || isIgnorable(after))
	case r == 0x200e || r == 0x200f || r == 0x61c: // direction of signs beside the text
		return rtl
	case 0xfe00 <= r && r <= 0xfe0f: // variation selectors
		return before != 0 && (!unicode.IsLetter(before) || unicode.Is(unicode.Han, before))
	case 0xe0100 <= r && r <= 0xe01ef: // of ideographs
		return unicode.Is(unicode.Han, before)
	case 0xe0020 <= r && r <= 0xe007f: // tags, in the flags of regions
		return before == 0x1f3f4
	case 0x180b <= r && r <= 0x180f:
		return unicode.Is(unicode.Mongolian, before)
	case r == 0x3164 || r == 0xffa0 || r == 0x115f || r == 0x1160: // fillers
		return unicode.Is(unicode.Hangul, before) || unicode.Is(unicode.Hangul, after)
	case r == 0x17b4 || r == 0x17b5:
		return unicode.Is(unicode.Khmer, before)
	case r == 0xfeff: // a byte order mark that a program left at the start
		return before == 0
	}
	return false
}

// joins reports whether the letters of the script of r are written differently
// beside a joiner.
func joins(r rune) bool {
	if unicode.In(r, unicode.Mn, unicode.Mc) {
		return !unicode.In(r, unicode.Inherited)
	}
	s := scriptOf(r)
	return s == joining || s == rightToLeft || s == otherScript && r >= 0x900
}

// isEmoji reports whether r may be part of an emoji that joiners hold together.
func isEmoji(r rune) bool {
	return r >= 0x203c && r < 0x2e80 && unicode.IsOneOf([]*unicode.RangeTable{unicode.So, unicode.Sm, unicode.Po}, r) ||
		r >= 0x1f000 && r <= 0x1faff
}

func nextRune(s string, i int) rune {
	_, n := utf8.DecodeRuneInString(s[i:])
	r, _ := utf8.DecodeRuneInString(s[i+n:])
	return r
}

func isASCIIText(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// clip bounds what evidence works out of a long text.
func clip(s string) string {
	if len(s) <= maxQuoted {
		return s
	}
	cut := maxQuoted
	for s[cut]&0xc0 == 0x80 && cut > maxQuoted-4 {
		cut--
	}
	return s[:cut]
}
