package lookalike

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Skeleton returns what s looks like: two texts with the same Skeleton may be
// taken for each other. It is made for comparing and not for showing.
//
// It is the skeleton of UTS #39, Section 4, taken over both cases of a letter at
// once and without combining marks, which makes it a coarser one: it is in lower
// case, "i", "I", "l", "1" and "|" are one, as are "o", "O" and "0", "m" and "rn",
// "w" and "vv". Small capitals and other styled letters count as plain ones.
func Skeleton(s string) string {
	var f folder
	for _, r := range s {
		f.rune(r)
	}
	return string(f.skeleton)
}

// looks says what made a text different from its plain letters.
type looks uint8

const (
	mapped    looks = 1 << iota // a letter that is confusable with others
	styled                      // a compatibility letter or small capital
	ignorable                   // a character that is not shown
	looseMark                   // a mark that does not belong to the letter before it
	soft                        // a letter that looks like an ASCII one only as a small capital
	unmapped                    // a letter that looks like no ASCII one
)

// folder works out the skeleton and the normalized form of a word, rune by rune.
type folder struct {
	skeleton   []byte
	normalized []byte // lower case, diacritics left out; what is in disguise stays so
	looks      looks
	last       rune // the letter before a mark
	small      bool // fold met a small capital
}

// maxFoldDepth bounds how often what a letter was mapped to is mapped again.
const maxFoldDepth = 4

func (f *folder) rune(r rune) {
	if r < utf8.RuneSelf {
		f.ascii(byte(r))
		f.last = r
		return
	}
	switch {
	case isIgnorable(r):
		f.looks |= ignorable
		f.normalized = utf8.AppendRune(f.normalized, r)
		return
	case unicode.In(r, unicode.Mn, unicode.Me):
		if r < 0x300 || r > 0x36f || !takesDiacritics(f.last) {
			f.looks |= looseMark
			f.normalized = utf8.AppendRune(f.normalized, r)
		}
		return
	}
	f.last = r
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	if base := norm.NFD.Properties(buf[:n]).Decomposition(); len(base) > 0 { // never for Hangul, which stays
		for b := base; len(b) > 0; {
			d, n := utf8.DecodeRune(b)
			b = b[n:]
			if !unicode.In(d, unicode.Mn, unicode.Me) {
				f.letter(d)
			}
		}
		return
	}
	f.letter(r)
}

// letter appends r, which has no diacritics, to both forms.
func (f *folder) letter(r rune) {
	if r < utf8.RuneSelf {
		f.ascii(byte(r))
		return
	}
	f.normalized = utf8.AppendRune(f.normalized, unicode.ToLower(r))
	before := len(f.skeleton)
	f.small = false
	f.fold(r, 0)
	switch {
	case isStyled(r):
		f.looks |= styled
	case isASCII(f.skeleton[before:]) && f.small:
		f.looks |= soft
	case isASCII(f.skeleton[before:]):
		f.looks |= mapped
	case unicode.IsLetter(r):
		f.looks |= unmapped
	}
}

// ascii appends a byte of ASCII to both forms.
func (f *folder) ascii(c byte) {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	f.normalized = append(f.normalized, c)
	f.class(c)
}

// class appends the byte that stands for all that look like c.
func (f *folder) class(c byte) {
	switch c {
	case 'i', '1', '|':
		c = 'l'
	case '0':
		c = 'o'
	case 'm':
		f.skeleton = append(f.skeleton, 'r')
		c = 'n'
	case 'w':
		f.skeleton = append(f.skeleton, 'v')
		c = 'v'
	}
	f.skeleton = append(f.skeleton, c)
}

// fold appends what r looks like. UTS #39 maps letters in their own case: a
// capital may look like a letter that its small form does not look like, so the
// letter as it stands goes first and its small form second.
func (f *folder) fold(r rune, depth int) {
	if r < utf8.RuneSelf {
		c := byte(r)
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		f.class(c)
		return
	}
	if isIgnorable(r) || unicode.In(r, unicode.Mn, unicode.Me) {
		return
	}
	if depth < maxFoldDepth {
		if c, ok := smallCapital(r); ok {
			f.small = true
			f.class(c)
			return
		}
		lower := unicode.ToLower(r)
		switch p := prototype(r); {
		case isCircled(r):
			f.fold('a'+(r-0x24b6)%26, depth+1)
			return
		case p != "":
			f.text(p, depth)
			return
		case lower != r:
			f.fold(lower, depth+1)
			return
		}
		var buf [utf8.UTFMax]byte
		n := utf8.EncodeRune(buf[:], r)
		if d := norm.NFKD.Properties(buf[:n]).Decomposition(); len(d) > 0 {
			for len(d) > 0 {
				x, n := utf8.DecodeRune(d)
				d = d[n:]
				f.fold(x, depth+1)
			}
			return
		}
	}
	f.skeleton = utf8.AppendRune(f.skeleton, r)
}

func (f *folder) text(s string, depth int) {
	for _, r := range s {
		f.fold(r, depth+1)
	}
}

// prototype returns the entry of r in confusables, "" if there is none.
func prototype(r rune) string {
	i, ok := slices.BinarySearchFunc(confusables[:], uint64(r), func(e, r uint64) int {
		return int(e>>24) - int(r)
	})
	if !ok {
		return ""
	}
	e := confusables[i]
	return prototypes[e>>8&0xffff:][:e&0xff]
}

// smallCapital returns the ASCII letter of a small capital that UTS #39 leaves
// alone, and of Cyrillic and Greek small letters that look like one.
func smallCapital(r rune) (byte, bool) {
	switch r {
	case 'ᴀ':
		return 'a', true
	case 'ʙ':
		return 'b', true
	case 'ᴅ':
		return 'd', true
	case 'ᴇ':
		return 'e', true
	case 'ꜰ':
		return 'f', true
	case 'ɢ':
		return 'g', true
	case 'ʜ':
		return 'h', true
	case 'ɪ':
		return 'l', true
	case 'ᴊ':
		return 'j', true
	case 'ᴋ':
		return 'k', true
	case 'ʟ':
		return 'l', true
	case 'ᴍ':
		return 'm', true
	case 'ɴ':
		return 'n', true
	case 'ᴘ':
		return 'p', true
	case 'ꞯ':
		return 'q', true
	case 'ʀ':
		return 'r', true
	case 'ꜱ':
		return 's', true
	case 'ᴛ':
		return 't', true
	case 'ᴜ':
		return 'u', true
	case 'ʏ':
		return 'y', true
	}
	return 0, false
}

// isStyled reports whether r is a form of a Latin letter that is made for
// mathematics, for other widths or for decoration.
func isStyled(r rune) bool {
	switch {
	case 0x1d400 <= r && r <= 0x1d7ff, // mathematical alphanumerics
		0xff21 <= r && r <= 0xff3a, 0xff41 <= r && r <= 0xff5a, // fullwidth
		isCircled(r),
		0x1f110 <= r && r <= 0x1f189, // enclosed and squared; flags begin at U+1F1E6
		0x249c <= r && r <= 0x24b5,   // in parentheses
		0x2100 <= r && r <= 0x214f && unicode.IsLetter(r) && r != 'Å' && r != 'Ω' && r != 'K':
		return true
	}
	_, ok := smallCapital(r)
	return ok || r == 'ᴄ' || r == 'ᴏ' || r == 'ᴠ' || r == 'ᴡ' || r == 'ᴢ'
}

// isCircled reports whether r is a letter in a circle. UTS #39 maps three of them
// to signs such as the one of copyright.
func isCircled(r rune) bool { return 0x24b6 <= r && r <= 0x24e9 }

// isIgnorable reports whether r is Default_Ignorable_Code_Point: nothing is
// shown for it.
func isIgnorable(r rune) bool {
	switch {
	case r < 0xad:
		return false
	case r == 0x34f, 0x17b4 <= r && r <= 0x17b5, 0x180b <= r && r <= 0x180f, r == 0x3164, r == 0xffa0,
		0x115f <= r && r <= 0x1160, 0x2060 <= r && r <= 0x206f, 0xfe00 <= r && r <= 0xfe0f, 0xe0000 <= r && r <= 0xe0fff:
		return true
	case 0x600 <= r && r <= 0x605, r == 0x6dd, r == 0x70f, 0x890 <= r && r <= 0x891, r == 0x8e2, r == 0x110bd, r == 0x110cd,
		0xfff9 <= r && r <= 0xfffb, 0x13430 <= r && r <= 0x1343f:
		return false // format characters that are shown
	}
	return unicode.Is(unicode.Cf, r)
}

// takesDiacritics reports whether a mark of U+0300 to U+036F after r is an
// ordinary diacritic, as some systems write all of them.
func takesDiacritics(r rune) bool {
	return unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return len(b) > 0
}
