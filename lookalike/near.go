package lookalike

// minEdit is the length from which a label that differs in one keystroke is a
// likeness and not another word.
const minEdit = 6

// isNear reports whether one insertion, deletion, replacement or exchange of
// neighbours makes a of b: a Damerau distance of exactly one.
func isNear(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 || a == b {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) > len(b) {
		return a[i+1:] == b[i:]
	}
	if a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// nearLabel returns the protected label that text is one keystroke from. What
// two such texts have in common is found among the protected labels with one
// letter left out.
func (x *index) nearLabel(text string) (label, bool) {
	if len(text) < minEdit || len(text) > maxLabelText {
		return label{}, false
	}
	if l, ok := nearest(x.edits[text], text); ok {
		return l, true
	}
	var buf [maxLabelText]byte
	for i := range len(text) {
		if i > 0 && text[i] == text[i-1] {
			continue // leaves the same as the letter before
		}
		shorter := append(append(buf[:0], text[:i]...), text[i+1:]...)
		if l, ok := nearest(x.edits[string(shorter)], text); ok {
			return l, true
		}
	}
	return label{}, false
}

func nearest(list []label, text string) (label, bool) {
	for _, l := range list {
		if isNear(l.text, text) {
			return l, true
		}
	}
	return label{}, false
}

// maxLabelText bounds the U-labels that are compared; no longer one fits a
// label (RFC 1035, Section 2.3.4).
const maxLabelText = 256

// likeness is how one label looks like another.
type likeness string

const (
	bySkeleton likeness = "skeleton"
	byEdit     likeness = "edit"
)

// alike reports how label a looks like label b, "" if it does not.
func alike(a, b string) likeness {
	switch {
	case a == b || a == "" || b == "":
		return ""
	case Skeleton(a) == Skeleton(b) && !plainShort(a, b):
		return bySkeleton
	case min(len(a), len(b)) >= minEdit && isNear(a, b):
		return byEdit
	}
	return ""
}

// plainShort reports whether both labels are short and of ASCII letters: then
// they are two abbreviations sooner than one in disguise.
func plainShort(a, b string) bool {
	return len(a) < minEdit && isLetters(a) && isLetters(b)
}

func isLetters(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}
