package smtp

import (
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// TLSRequiredNo reports whether a message asks to be delivered even where a
// policy such as DANE or MTA-STS would forbid it: it has the field
// "TLS-Required: No" (RFC 8689, Section 3), once and with no other value. With
// REQUIRETLS in the envelope the field has no meaning, and that is for the
// caller to see to (RFC 8689, Section 4.1).
func TLSRequiredNo(h *message.Header) bool {
	const name = "TLS-Required"
	return h.Count(name) == 1 && ascii.EqualFold(ascii.TrimFWS(h.First(name).Value()), "No")
}

// RequireTLSNeeded is the reply to a message with REQUIRETLS for which no way
// to keep it is left (RFC 8689, Section 4.2.1, and the code 5.7.30 of Section
// 7).
func RequireTLSNeeded(text string) *Reply {
	return NewReply(550, EnhancedCode{5, 7, 30}, text)
}
