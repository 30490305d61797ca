// Package ascii has the few byte-level tests and conversions that every parser
// of mail needs. All of them look at US-ASCII only; other bytes never match
// and never change.
package ascii

// Text is what the functions accept: received bytes or strings.
type Text interface{ ~string | ~[]byte }

// Lower returns b in lower case.
func Lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + ('a' - 'A')
	}
	return b
}

// IsWSP reports whether b is WSP (RFC 5234, Appendix B.1): space or tab.
func IsWSP(b byte) bool { return b == ' ' || b == '\t' }

// IsFWS reports whether b can be part of folding white space (RFC 5322,
// Section 3.2.2): WSP, CR or LF. Form feed, NBSP and NUL are not white space.
func IsFWS(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// IsDigit reports whether b is a decimal digit.
func IsDigit(b byte) bool { return b >= '0' && b <= '9' }

// IsAlpha reports whether b is a letter.
func IsAlpha(b byte) bool { c := b | 0x20; return c >= 'a' && c <= 'z' }

// IsPrint reports whether b is a visible character (RFC 5234 VCHAR).
func IsPrint(b byte) bool { return b > 0x20 && b < 0x7f }

// Is7Bit reports whether every byte of s is US-ASCII.
func Is7Bit[T Text](s T) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// EqualFold reports whether a and b are equal when ASCII case is ignored.
func EqualFold[A, B Text](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && Lower(a[i]) != Lower(b[i]) {
			return false
		}
	}
	return true
}

// HasPrefixFold reports whether s begins with prefix when ASCII case is ignored.
func HasPrefixFold[A, B Text](s A, prefix B) bool {
	return len(s) >= len(prefix) && EqualFold(s[:len(prefix)], prefix)
}

// ToLower returns s in lower case; s itself if there is nothing to change.
func ToLower(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return string(AppendLower(make([]byte, 0, len(s)), s))
		}
	}
	return s
}

// AppendLower appends s in lower case to dst.
func AppendLower[T Text](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		dst = append(dst, Lower(s[i]))
	}
	return dst
}

// TrimWSP returns s without the WSP at its two ends.
func TrimWSP[T Text](s T) T {
	i, j := 0, len(s)
	for i < j && IsWSP(s[i]) {
		i++
	}
	for j > i && IsWSP(s[j-1]) {
		j--
	}
	return s[i:j]
}

// TrimFWS returns s without the folding white space at its two ends.
func TrimFWS[T Text](s T) T {
	i, j := 0, len(s)
	for i < j && IsFWS(s[i]) {
		i++
	}
	for j > i && IsFWS(s[j-1]) {
		j--
	}
	return s[i:j]
}

// AppendWithoutFWS appends s to dst with all folding white space left out.
func AppendWithoutFWS[T Text](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		if !IsFWS(s[i]) {
			dst = append(dst, s[i])
		}
	}
	return dst
}
