package lookalike

import (
	"unicode"
	"unicode/utf8"
)

// Limits on what is looked at of one message. Nobody sees more of a name.
const (
	MaxName      = 2048 // bytes of a display name
	MaxWords     = 128  // words of a display name
	MaxMailboxes = 16   // mailboxes of From and of Reply-To
	MaxFindings  = 64   // findings of one message
)

// gap is what stands between a word and the one before it.
type gap uint8

const (
	space  gap = iota // white space, a full stop, a hyphen: the words go together
	comma             // as in "Doe, Jane"
	barred            // other punctuation
)

// word is a run of letters, digits and what may pass for them. The offsets are
// those of the text and of the buffers of its words.
type word struct {
	start, end         int
	skeleton, leet     []byte // leet is nil where it is the same
	normalized         []byte
	looks              looks
	scripts            scripts
	letters            int
	gap                gap // before the word
	gapLen             int // in runes
	shown              string
	digits, substitute bool // has digits; has '$', '!' or '|' for a letter
}

// words is a text cut into words, with the memory they share.
type words struct {
	text string
	list []word
	fold folder
	cut  bool // the text goes on

	listArray [12]word
	bytes     [2][160]byte
}

// split cuts text into words.
func (w *words) split(text string) {
	if w.cut = len(text) > MaxName; w.cut {
		text = text[:MaxName]
	}
	w.text, w.list = text, w.listArray[:0]
	w.fold = folder{skeleton: w.bytes[0][:0], normalized: w.bytes[1][:0]}
	gap, gapLen := space, 0
	for i := 0; i < len(text); {
		n := w.wordLen(i)
		if n == 0 {
			r, size := utf8.DecodeRuneInString(text[i:])
			gap = max(gap, gapOf(r))
			gapLen++
			i += size
			continue
		}
		if len(w.list) == MaxWords {
			w.cut = true
			return
		}
		w.list = append(w.list, w.word(i, i+n, gap, gapLen))
		gap, gapLen = space, 0
		i += n
	}
}

// wordLen returns the length of the word at text[i], 0 if there is none.
func (w *words) wordLen(i int) int {
	n, inside := 0, false
	for i+n < len(w.text) {
		r, size := rune(w.text[i+n]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(w.text[i+n:])
		}
		if !inWord(r) && !(inside && w.joins(r, i+n+size)) && !(r == '$' && w.letterAt(i+n+size)) {
			break
		}
		n += size
		inside = true
	}
	return n
}

// joins reports whether r, which no word begins with, belongs to the word before
// it: an apostrophe, or a sign that stands for a letter.
func (w *words) joins(r rune, next int) bool {
	switch r {
	case '\'', '’', '!':
		return w.letterAt(next)
	case '$', '|':
		return true
	}
	return false
}

func (w *words) letterAt(i int) bool {
	r, _ := utf8.DecodeRuneInString(w.text[i:])
	return inWord(r) && r != utf8.RuneError
}

// inWord reports whether a word may begin with r.
func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return r != utf8.RuneError && (unicode.In(r, unicode.L, unicode.M, unicode.N) || isStyled(r) || isIgnorable(r))
}

func gapOf(r rune) gap {
	switch r {
	case ' ', '.', '-', '_', '"', 0xa0, '‐', '‑':
		return space
	case ',':
		return comma
	}
	if unicode.IsSpace(r) {
		return space
	}
	return barred
}

// word folds text[start:end].
func (w *words) word(start, end int, gap gap, gapLen int) word {
	f := &w.fold
	f.looks, f.last = 0, 0
	skeleton, normalized := len(f.skeleton), len(f.normalized)
	x := word{start: start, end: end, gap: gap, gapLen: gapLen, shown: w.text[start:end]}
	for _, r := range x.shown {
		switch {
		case r == '\'' || r == '’':
			continue
		case r == '$' || r == '!' || r == '|':
			x.substitute = true
		case r < utf8.RuneSelf && '0' <= r && r <= '9':
			x.digits = true
		default:
			if s := scriptOf(r); s != 0 {
				x.scripts |= s
				x.letters++
			}
		}
		f.rune(r)
	}
	x.looks = f.looks
	x.skeleton = f.skeleton[skeleton:len(f.skeleton):len(f.skeleton)]
	x.normalized = f.normalized[normalized:len(f.normalized):len(f.normalized)]
	if x.letters > 0 && (x.digits || x.substitute) {
		x.leet = w.leet(x.skeleton)
	}
	return x
}

// leet returns a skeleton with digits and signs read as the letters they are put
// for, nil if it has none.
func (w *words) leet(skeleton []byte) []byte {
	var out []byte
	for i, c := range skeleton {
		l := c
		switch c {
		case '3':
			l = 'e'
		case '4':
			l = 'a'
		case '5', '$':
			l = 's'
		case '7':
			l = 't'
		case '8':
			l = 'b'
		case '!':
			l = 'l'
		}
		if l != c && out == nil {
			out = append(make([]byte, 0, len(skeleton)), skeleton...)
		}
		if out != nil {
			out[i] = l
		}
	}
	return out
}

// clean reports whether nothing in the word is in disguise.
func (x *word) clean() bool {
	return x.looks&(ignorable|looseMark) == 0
}
