package dmarc

import (
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// The tags that are evaluated, in the order in which String writes them.
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
