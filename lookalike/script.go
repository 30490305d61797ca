package lookalike

import "unicode"

// scripts is a set of scripts.
type scripts uint16

// The scripts that are told apart. All others are otherScript.
const (
	latin scripts = 1 << iota
	cyrillic
	greek
	armenian
	cherokee
	han
	kana
	hangul
	bopomofo
	rightToLeft // Hebrew, Arabic, Syriac, Thaana, N'Ko
	joining     // the scripts in which U+200C and U+200D have a meaning, but for Arabic
	otherScript
)

// eastAsian are the scripts that are written among Latin letters (the
// recommended combinations of UTS #39, Section 5.2).
const eastAsian = han | kana | hangul | bopomofo

// scriptOf returns the script of a letter; 0 for what belongs to none.
func scriptOf(r rune) scripts {
	if r < 0x80 {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return latin
		}
		return 0
	}
	switch {
	case !unicode.IsLetter(r), unicode.In(r, unicode.Common, unicode.Inherited):
		return 0
	case unicode.Is(unicode.Latin, r):
		return latin
	case unicode.Is(unicode.Cyrillic, r):
		return cyrillic
	case unicode.Is(unicode.Greek, r):
		return greek
	case unicode.Is(unicode.Han, r):
		return han
	case unicode.In(r, unicode.Hiragana, unicode.Katakana):
		return kana
	case unicode.Is(unicode.Hangul, r):
		return hangul
	case unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko):
		return rightToLeft
	case unicode.Is(unicode.Armenian, r):
		return armenian
	case unicode.Is(unicode.Cherokee, r):
		return cherokee
	case unicode.Is(unicode.Bopomofo, r):
		return bopomofo
	case unicode.In(r, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil,
		unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Mongolian, unicode.Tibetan):
		return joining
	}
	return otherScript
}

// mixes reports whether the scripts of one word are such as no language writes
// together.
func (s scripts) mixes() bool {
	if s&(s-1) == 0 {
		return false // one or none
	}
	return s&^(latin|eastAsian) != 0
}

// String names the scripts for a person.
func (s scripts) String() string {
	names := [...]string{"Latin", "Cyrillic", "Greek", "Armenian", "Cherokee", "Han", "Kana", "Hangul", "Bopomofo", "a right-to-left script", "an Indic script", "another script"}
	text := ""
	for i, name := range names {
		if s>>i&1 == 1 {
			if text != "" {
				text += " and "
			}
			text += name
		}
	}
	return text
}
