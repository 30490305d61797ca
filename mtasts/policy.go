package mtasts

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
)

// Mode says what a sender does with a host that fails the policy (RFC 8461,
// Section 5).
type Mode string

// The modes.
const (
	Enforce Mode = "enforce" // do not deliver
	Testing Mode = "testing" // deliver and report
	NoMode  Mode = "none"    // the domain has withdrawn its policy
)

// Policy is a valid policy (RFC 8461, Section 3.2).
type Policy struct {
	Version string   `json:"version"`
	Mode    Mode     `json:"mode"`
	MX      []string `json:"mx"`      // host names, or "*." and a name; canonical
	MaxAge  int64    `json:"max_age"` // seconds, at most those of the constant MaxAge

	// Warnings are what a lenient reading passed over, for the policy's owner.
	Warnings []string `json:"warnings,omitempty"`
}

// Lifetime returns how long after its fetch the policy holds.
func (p *Policy) Lifetime() time.Duration { return time.Duration(p.MaxAge) * time.Second }

// parser is a policy under way.
type parser struct {
	policy Policy
	have   struct{ version, mode, maxAge bool }
	line   int
	mx     int // mx fields seen, the dropped ones too
}

// ParsePolicy parses a policy body.
func ParsePolicy(body []byte) (*Policy, error) {
	if len(body) > MaxPolicy {
		return nil, &Error{Reason: TooLarge}
	}
	if !utf8.Valid(body) {
		return nil, &Error{Reason: PolicyInvalid, Detail: "not UTF-8"}
	}
	var p parser
	p.policy.MX = []string{}
	for rest := string(body); rest != ""; {
		// RFC 8461, Section 3.2: sts-policy-term = LF / CRLF.
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		p.line++
		if err := p.field(strings.TrimSuffix(line, "\r")); err != nil {
			return nil, err
		}
	}
	return p.finish()
}

func (p *parser) bad(format string, args ...any) *Error {
	return &Error{Reason: PolicyInvalid, Line: p.line, Detail: fmt.Sprintf(format, args...)}
}

func (p *parser) warn(format string, args ...any) {
	const most = 20
	if len(p.policy.Warnings) < most {
		p.policy.Warnings = append(p.policy.Warnings, fmt.Sprintf("line %d: ", p.line)+fmt.Sprintf(format, args...))
	}
}

// field parses sts-policy-field.
func (p *parser) field(line string) error {
	line = strings.TrimRight(line, " \t")
	if line == "" {
		p.warn("the line is empty")
		return nil
	}
	key, value, ok := strings.Cut(line, ":")
	if !ok || !validName(key) {
		return p.bad("%q is no key and value", shorten(line))
	}
	value = ascii.TrimWSP(value)
	switch key {
	case "version":
		return p.version(value)
	case "mode":
		return p.mode(value)
	case "max_age":
		return p.maxAge(value)
	case "mx":
		p.addMX(value)
	default: // RFC 8461, Section 3.2: ignored
		p.warn("the key %q is unknown and ignored", shorten(key))
	}
	return nil
}

// first reports whether a key is there for the first time: later ones are ignored
// (RFC 8461, Section 3.2).
func (p *parser) first(have *bool, key string) bool {
	if *have {
		p.warn("a second %s is ignored", key)
		return false
	}
	*have = true
	return true
}

func (p *parser) version(value string) error {
	if !p.first(&p.have.version, "version") {
		return nil
	}
	if value != "STSv1" {
		return p.bad("the version is %q, not STSv1", shorten(value))
	}
	p.policy.Version = value
	return nil
}

func (p *parser) mode(value string) error {
	if !p.first(&p.have.mode, "mode") {
		return nil
	}
	switch m := Mode(value); m {
	case Enforce, Testing, NoMode:
		p.policy.Mode = m
		return nil
	}
	return p.bad("the mode is %q, not enforce, testing or none", shorten(value))
}

func (p *parser) maxAge(value string) error {
	if !p.first(&p.have.maxAge, "max_age") {
		return nil
	}
	const maxDigits = 10 // RFC 8461, Section 3.2: 1*10 DIGIT
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || len(value) > maxDigits || !ascii.IsDigit(value[0]) {
		return p.bad("max_age is %q, not 1 to 10 digits", shorten(value))
	}
	if limit := uint64(MaxAge / time.Second); n > limit {
		p.warn("max_age is over the maximum and counts as %d", limit)
		n = limit
	}
	p.policy.MaxAge = int64(n)
	return nil
}

func (p *parser) addMX(value string) {
	p.mx++
	name, wildcard := strings.CutPrefix(value, "*.")
	n, err := domain.Parse(name)
	// An address as a name would never match; it has broken senders that handed it
	// on as one.
	if _, ip := netip.ParseAddr(name); err != nil || ip == nil || !ascii.Is7Bit(name) {
		p.warn("mx %q is not a host name in A-labels and is ignored", shorten(value))
		return
	}
	pattern := string(n)
	if wildcard {
		pattern = "*." + pattern
	}
	p.policy.MX = append(p.policy.MX, pattern)
}

// finish checks what a policy must have.
func (p *parser) finish() (*Policy, error) {
	p.line = 0
	switch {
	case !p.have.version:
		return nil, p.bad("there is no version")
	case !p.have.mode:
		return nil, p.bad("there is no mode")
	case !p.have.maxAge:
		return nil, p.bad("there is no max_age")
	case len(p.policy.MX) == 0 && p.policy.Mode != NoMode && p.mx > 0:
		return nil, p.bad("no mx is a host name")
	case len(p.policy.MX) == 0 && p.policy.Mode != NoMode:
		return nil, p.bad("there is no mx")
	}
	return &p.policy, nil
}

// String returns the policy as it is published.
func (p *Policy) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: %s\r\nmode: %s\r\n", p.Version, p.Mode)
	for _, mx := range p.MX {
		fmt.Fprintf(&b, "mx: %s\r\n", mx)
	}
	fmt.Fprintf(&b, "max_age: %d\r\n", p.MaxAge)
	return b.String()
}

func shorten(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
