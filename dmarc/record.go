package dmarc

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// AlignmentMode says which identifiers align with the author domain (RFC 9989,
// Section 4.4).
type AlignmentMode string

// The alignment modes.
const (
	Relaxed AlignmentMode = "r" // the same organizational domain
	Strict  AlignmentMode = "s" // the same domain
)

// PSD says what a record declares its domain to be (RFC 9989, Section 4.7, tag
// psd).
type PSD string

// The values of psd.
const (
	PublicSuffix   PSD = "y" // a public suffix domain
	Organizational PSD = "n" // the organizational domain of itself and below
	Undeclared     PSD = "u" // the tree walk decides
)

// Limits on a stranger's record; the RFC sets none.
const (
	maxReportURIs = 16 // URIs kept of one tag; that there are more is noted
	maxNotes      = 16 // notes kept about one record
	maxShownText  = 64 // bytes of a stranger's text that a note or an Error quotes
)

// fullPercent is the default of pct (RFC 7489, Section 6.3).
const fullPercent = 100

// Record is a parsed policy record (RFC 9989, Section 4.7). Tags that are
// absent or have a syntax error are at their defaults (Section 4.8).
type Record struct {
	Policy            Policy `json:"p"`            // none where Section 4.10.1 asks to act as if it were
	SubdomainPolicy   Policy `json:"sp,omitempty"` // empty if not published
	NonExistentPolicy Policy `json:"np,omitempty"` // empty if not published

	// NoPolicy tells that p is missing or invalid, or that sp or np is invalid,
	// and that there is no valid rua: the record is found, yet no DMARC
	// processing takes place (Section 4.10.1).
	NoPolicy bool `json:"no_policy,omitempty"`

	DKIMAlignment AlignmentMode `json:"adkim"`
	SPFAlignment  AlignmentMode `json:"aspf"`
	PSD           PSD           `json:"psd"`
	Testing       bool          `json:"t"`

	AggregateURIs  []URI          `json:"rua,omitempty"` // valid ones of any scheme
	FailureURIs    []URI          `json:"ruf,omitempty"`
	FailureOptions FailureOptions `json:"fo"` // the default unless ruf has a valid URI

	// Notes are sentences about what was ignored and why.
	Notes []string `json:"notes,omitempty"`

	legacy legacyRecord
}

// legacyRecord is what RFC 7489 reads differently in the same text.
type legacyRecord struct {
	policy, subdomain Policy
	usable            bool
	percent           int
}

// SubdomainsPolicy returns the policy for existing subdomains: sp, else p.
func (r *Record) SubdomainsPolicy() Policy {
	if r.SubdomainPolicy != "" {
		return r.SubdomainPolicy
	}
	return r.Policy
}

// NonExistentSubdomainsPolicy returns the policy for subdomains that do not
// exist: np, else sp, else p (RFC 9989, Section 4.7, tag np).
func (r *Record) NonExistentSubdomainsPolicy() Policy {
	if r.NonExistentPolicy != "" {
		return r.NonExistentPolicy
	}
	return r.SubdomainsPolicy()
}

// FailureOptions is the set of conditions under which failure reports are asked
// for (RFC 9989, Section 4.7, tag fo).
type FailureOptions uint8

// The failure reporting options.
const (
	FailureAll  FailureOptions = 1 << iota // "0": no mechanism gave an aligned pass
	FailureAny                             // "1": some mechanism gave no aligned pass
	FailureDKIM                            // "d": a signature failed
	FailureSPF                             // "s": SPF failed
)

// String returns the value as a record has it.
func (o FailureOptions) String() string {
	var b []byte
	for i, c := range "01ds" {
		if o&(1<<i) != 0 {
			b = append(b, byte(c), ':')
		}
	}
	return string(b[:max(len(b)-1, 0)])
}

// MarshalText gives the value as a record has it.
func (o FailureOptions) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// the tags that are evaluated, in the order in which String writes them.
const (
	tagP = iota
	tagSP
	tagNP
	tagADKIM
	tagASPF
	tagPSD
	tagT
	tagRUA
	tagRUF
	tagFO
	tagPct
	tagV
	tags
)

var tagNames = [tags]string{"p", "sp", "np", "adkim", "aspf", "psd", "t", "rua", "ruf", "fo", "pct", "v"}

// tagValue is one tag as found.
type tagValue struct {
	text   string
	seen   bool
	broken bool // twice, or with bytes that no dmarc-value has
}

type recordParser struct {
	tag [tags]tagValue
	rec *Record
}

// ParseRecord parses a policy record, the strings of its TXT record joined. The
// error is a *Error for a text that is none; every other defect is ignored as
// the standard says and told in the Notes.
func ParseRecord(txt string) (Record, error) {
	rest, ok := cutVersion(txt)
	if !ok {
		reason := NoVersion
		if looksLikeRecord(txt) {
			reason = OtherVersion
		}
		return Record{}, &Error{reason, txt[:min(len(txt), maxShownText)]}
	}
	var rec Record
	p := recordParser{rec: &rec}
	p.split(rest)
	p.plainTags()
	p.policies()
	return rec, nil
}

// cutVersion parses dmarc-version and returns what follows its separator. A
// text without it is not a policy record (RFC 9989, Section 4.7, tag v).
func cutVersion(s string) (rest string, ok bool) {
	if s == "" || s[0]|0x20 != 'v' {
		return "", false
	}
	s = trimLeft(s[1:])
	if s == "" || s[0] != '=' {
		return "", false
	}
	s, ok = strings.CutPrefix(trimLeft(s[1:]), "DMARC1")
	if !ok {
		return "", false
	}
	s = trimLeft(s)
	if s != "" && s[0] != ';' {
		return "", false
	}
	return s, true
}

// looksLikeRecord reports whether s is no record but was probably meant as one.
func looksLikeRecord(s string) bool {
	const most = 12
	s = ascii.TrimFWS(s[:min(len(s), most)])
	return ascii.HasPrefixFold(s, "v=dmarc") || ascii.HasPrefixFold(s, "dmarc1")
}

func trimLeft(s string) string {
	for s != "" && ascii.IsWSP(s[0]) {
		s = s[1:]
	}
	return s
}

// split parses *(dmarc-sep dmarc-tag) [dmarc-sep]. What is not a tag is left
// out (RFC 9989, Section 4.8).
func (p *recordParser) split(s string) {
	for s != "" {
		var spec string
		spec, s, _ = strings.Cut(s, ";")
		spec = ascii.TrimWSP(spec)
		if spec == "" {
			continue
		}
		name, value, ok := strings.Cut(spec, "=")
		name, value = ascii.TrimWSP(name), ascii.TrimWSP(value)
		if !ok {
			p.note("ignored: no = in ", spec)
			continue
		}
		p.put(name, value)
	}
}

func (p *recordParser) put(name, value string) {
	for i, n := range tagNames {
		if !ascii.EqualFold(name, n) {
			continue
		}
		t := &p.tag[i]
		t.broken = t.seen || !isValue(value)
		t.seen, t.text = true, value
		return
	}
	if ascii.EqualFold(name, "rf") || ascii.EqualFold(name, "ri") {
		p.note("ignored: RFC 9989 removed the tag ", name)
	}
	// RFC 9989, Section 4.7: unknown tags MUST be ignored.
}

// isValue reports whether s is a 1*dmarc-value.
func isValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != ""
}

func (p *recordParser) note(what, text string) {
	if len(p.rec.Notes) < maxNotes {
		p.rec.Notes = append(p.rec.Notes, what+strconv.Quote(text[:min(len(text), maxShownText)]))
	}
}

// keyword returns which of the one-letter values tag i has, def if it is absent
// or wrong.
func (p *recordParser) keyword(i int, letters string, def byte) byte {
	t := &p.tag[i]
	if !t.seen {
		return def
	}
	if len(t.text) == 1 && !t.broken {
		if c := ascii.Lower(t.text[0]); strings.IndexByte(letters, c) >= 0 {
			return c
		}
	}
	p.note("ignored: not a value of "+tagNames[i]+": ", t.text)
	return def
}

func (p *recordParser) plainTags() {
	r := p.rec
	r.DKIMAlignment, r.SPFAlignment = Relaxed, Relaxed
	if p.keyword(tagADKIM, "rs", 'r') == 's' {
		r.DKIMAlignment = Strict
	}
	if p.keyword(tagASPF, "rs", 'r') == 's' {
		r.SPFAlignment = Strict
	}
	switch p.keyword(tagPSD, "ynu", 'u') {
	case 'y':
		r.PSD = PublicSuffix
	case 'n':
		r.PSD = Organizational
	default:
		r.PSD = Undeclared
	}
	r.Testing = p.keyword(tagT, "yn", 'n') == 'y'
	r.AggregateURIs = p.uris(tagRUA)
	r.FailureURIs = p.uris(tagRUF)
	r.FailureOptions = FailureAll
	if len(r.FailureURIs) > 0 { // RFC 9989, Section 4.7: fo is ignored without ruf
		r.FailureOptions = p.failureOptions()
	}
	r.legacy.percent = fullPercent
	if t := &p.tag[tagPct]; t.seen {
		p.note("ignored: RFC 9989 removed the tag ", "pct")
		if n, err := strconv.Atoi(t.text); err == nil && !t.broken && n >= 0 && n <= fullPercent {
			r.legacy.percent = n
		}
	}
	if p.tag[tagV].seen {
		p.note("ignored: a second tag ", "v")
	}
}

// failureOptions parses dmarc-fo.
func (p *recordParser) failureOptions() FailureOptions {
	t := &p.tag[tagFO]
	if !t.seen {
		return FailureAll
	}
	var o FailureOptions
	bad := t.broken
	for part := range strings.SplitSeq(t.text, ":") {
		part = ascii.TrimWSP(part)
		i := -1
		if len(part) == 1 {
			i = strings.IndexByte("01ds", ascii.Lower(part[0]))
		}
		if i < 0 || o&(1<<i) != 0 {
			bad = true
			break
		}
		o |= 1 << i
	}
	const exclusive = FailureAll | FailureAny
	if bad || o&exclusive == exclusive {
		p.note("ignored: not a value of fo: ", t.text)
		return FailureAll
	}
	return o
}

// policy returns the value of p, sp or np and whether it is present but wrong.
func (p *recordParser) policy(i int) (Policy, bool) {
	t := &p.tag[i]
	if !t.seen {
		return "", false
	}
	if !t.broken {
		for _, v := range [...]Policy{PolicyNone, PolicyQuarantine, PolicyReject} {
			if ascii.EqualFold(t.text, v) {
				return v, false
			}
		}
	}
	p.note("not a value of "+tagNames[i]+": ", t.text)
	return "", true
}

// policies applies RFC 9989, Section 4.10.1: a record without a valid p, or
// with an invalid sp or np, is p=none if it has a valid rua, and otherwise no
// reason for any DMARC processing.
func (p *recordParser) policies() {
	r := p.rec
	pol, badP := p.policy(tagP)
	sp, badSP := p.policy(tagSP)
	np, badNP := p.policy(tagNP)
	reports := len(r.AggregateURIs) > 0

	r.legacy.policy, r.legacy.subdomain, r.legacy.usable = pol, sp, true
	if pol == "" || badSP { // RFC 7489, Section 6.6.3
		r.legacy.policy, r.legacy.subdomain, r.legacy.usable = PolicyNone, "", reports
	}
	switch invalid := badP || badSP || badNP; {
	case pol != "" && !invalid:
		r.Policy, r.SubdomainPolicy, r.NonExistentPolicy = pol, sp, np
	case !reports:
		r.Policy, r.NoPolicy = PolicyNone, true
	case invalid:
		// An owner whose policy cannot be read asks for nothing, for no name.
		r.Policy = PolicyNone
	default: // p is missing: as if p=none were there (Section 4.7, tag p)
		r.Policy, r.SubdomainPolicy, r.NonExistentPolicy = PolicyNone, sp, np
	}
}

// String returns the record with its effective tags, defaults left out.
func (r Record) String() string {
	var b strings.Builder
	b.WriteString("v=DMARC1")
	put := func(i int, v string, write bool) {
		if write {
			fmt.Fprintf(&b, "; %s=%s", tagNames[i], v)
		}
	}
	put(tagP, string(r.Policy), !r.NoPolicy)
	put(tagSP, string(r.SubdomainPolicy), r.SubdomainPolicy != "")
	put(tagNP, string(r.NonExistentPolicy), r.NonExistentPolicy != "")
	put(tagADKIM, string(r.DKIMAlignment), r.DKIMAlignment == Strict)
	put(tagASPF, string(r.SPFAlignment), r.SPFAlignment == Strict)
	put(tagPSD, string(r.PSD), r.PSD == PublicSuffix || r.PSD == Organizational)
	put(tagT, "y", r.Testing)
	put(tagRUA, joinURIs(r.AggregateURIs), len(r.AggregateURIs) > 0)
	put(tagRUF, joinURIs(r.FailureURIs), len(r.FailureURIs) > 0)
	put(tagFO, r.FailureOptions.String(), len(r.FailureURIs) > 0 && r.FailureOptions > FailureAll)
	return b.String()
}
