package dkim

// Reason says why a signature, a key record or a private key cannot be used.
type Reason string

// The reasons.
const (
	MalformedTags   Reason = "malformed tag list"
	MissingTag      Reason = "required tag is missing"
	BadTag          Reason = "tag has an unusable value"
	FromNotSigned   Reason = "From is not signed"
	IdentityOutside Reason = "i= is not in the domain of d="
	RecordTooLong   Reason = "key record is too long"
	NotAKey         Reason = "not a DKIM key record"
	Revoked         Reason = "key is revoked"
	BadKey          Reason = "key cannot be read"
	WeakKey         Reason = "RSA key is too short"
	HugeKey         Reason = "RSA key is too long"
	NoKey           Reason = "no key"
	SeveralKeys     Reason = "several keys"
	KeyMismatch     Reason = "key is not for this signature"
	BadPrivateKey   Reason = "not a private key that DKIM can use"
	BadSigner       Reason = "signer is not complete"
	NoFrom          Reason = "message has no From field"
)

// Error is returned for what cannot be used.
type Error struct {
	Reason Reason
	Tag    string // the tag, where one is to blame
	Detail string // what is wrong with it, for a person; may be empty
}

func (e *Error) Error() string { return "dkim: " + e.text() }

// text is the message without the package, as evidence quotes it.
func (e *Error) text() string {
	s := string(e.Reason)
	if e.Tag != "" {
		s += ": " + e.Tag + "="
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// textOf returns the text of err for evidence, which names no package.
func textOf(err error) string {
	if e, ok := err.(*Error); ok {
		return e.text()
	}
	return err.Error()
}
