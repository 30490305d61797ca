package dkim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/internal/taglist"
)

// Form is a header field that carries a signature: RFC 8617, Section 4.1 gives
// the fields of ARC the tags of DKIM.
type Form uint8

// The forms.
const (
	DKIMSignature       Form = iota
	ARCMessageSignature      // no v=, i= is the instance, h= may lack From
	ARCSeal                  // no v=, bh=, h= or c=; i= is the instance; cv=
)

// Signature is a parsed signature field.
type Signature struct {
	Algorithm Algorithm
	Domain    domain.Name
	Selector  string // in A-labels, lower case
	KeyName   string // where the key record is
	Header    Canonicalization
	Body      Canonicalization
	Fields    []byte // h= as received
	Identity  []byte // i= as received, nil if absent
	Instance  []byte // i= of the ARC forms as received
	Chain     []byte // cv= of an ARC-Seal
	Value     []byte // b= decoded
	BodyHash  [sha256.Size]byte
	Length    int64  // l=, -1 if absent
	Time      int64  // t= in seconds of Unix time, -1 if absent
	Expires   int64  // x=, likewise
	Prefix    string // the first characters of b= (RFC 6008, Section 4)

	value [256]byte // memory for Value: 2048 bits
}

// tags is what a form requires (RFC 6376, Section 3.5; RFC 8617, Section 4.1).
var tags = [...][]string{
	DKIMSignature:       {"v", "a", "b", "bh", "d", "h", "s"},
	ARCMessageSignature: {"a", "b", "bh", "d", "h", "s"},
	ARCSeal:             {"a", "b", "cv", "d", "s"},
}

var lists = sync.Pool{New: func() any { return new(taglist.List) }}

// ParseSignature parses the value of a signature field. The error is a *Error;
// the Signature then has what could be read, so that a verdict can name the
// domain, and must not be used for more.
func ParseSignature(form Form, value []byte) (*Signature, error) {
	s := new(Signature)
	return s, s.Parse(form, value)
}

// Parse is ParseSignature into memory that the caller has. The Signature must
// not be copied afterwards.
func (s *Signature) Parse(form Form, value []byte) error {
	*s = Signature{Length: -1, Time: -1, Expires: -1}
	if form == DKIMSignature {
		s.Header, s.Body = Simple, Simple // RFC 6376, Section 3.5
	}
	pooled := lists.Get().(*taglist.List)
	defer lists.Put(pooled)
	list, err := taglist.Parse((*pooled)[:0], value)
	*pooled = list[:0]
	if err != nil {
		err = &Error{Reason: MalformedTags, Detail: err.Error()}
	}
	if form != DKIMSignature {
		s.Instance, s.Chain = list.Value("i"), list.Value("cv")
	}
	// What a verdict names comes first, also of a field that is refused below.
	err = cmp.Or(err, s.readAlgorithm(list.Value("a")))
	err = cmp.Or(err, s.readNames(list.Value("d"), list.Value("s")))
	if err != nil {
		return err
	}
	for _, tag := range tags[form] {
		if _, ok := list.Lookup(tag); !ok {
			return &Error{Reason: MissingTag, Tag: tag}
		}
	}
	err = s.readForm(form, list)
	err = cmp.Or(err, s.readCanonicalization(list))
	err = cmp.Or(err, s.readTimes(list))
	return cmp.Or(err, s.readHashes(form, list))
}

// readAlgorithm reads a=.
func (s *Signature) readAlgorithm(v []byte) error {
	switch string(v) {
	case string(RSASHA256):
		s.Algorithm = RSASHA256
	case string(Ed25519SHA256):
		s.Algorithm = Ed25519SHA256
	case string(RSASHA1):
		s.Algorithm = RSASHA1
	default:
		if v != nil {
			return badTag("a", "unknown algorithm "+quote(v))
		}
	}
	return nil
}

// separator stands between selector and domain in the name of a key record (RFC
// 6376, Section 3.6.2.1).
const separator = "._domainkey."

// readNames reads d= and s=. The three names are parts of one string.
func (s *Signature) readNames(d, sel []byte) error {
	if d == nil {
		return nil // said as a missing tag
	}
	var scratch [domain.MaxName + 1]byte
	buf := append(ascii.AppendLower(scratch[:0], sel[:min(len(sel), domain.MaxName)]), separator...)
	key := string(ascii.AppendLower(buf, d[:min(len(d), domain.MaxName+1)]))
	dd, ss := key[len(buf):], key[:len(buf)-len(separator)]
	name, err := parseName(dd)
	if err != nil {
		return badTag("d", quote(d)+" is not a domain name")
	}
	s.Domain = name
	if sel == nil {
		return nil
	}
	selector, err := parseName(ss)
	if err != nil {
		return badTag("s", quote(sel)+" is not a selector")
	}
	s.Selector = string(selector)
	if string(name) != dd || string(selector) != ss { // there were U-labels
		key = string(selector) + separator + string(name)
	}
	if s.KeyName = key; len(key) > domain.MaxName {
		return badTag("s", "selector and domain make a name over 253 bytes")
	}
	return nil
}

// parseName is domain.Parse without the trailing dot, which neither tag may have
// (RFC 6376, Section 3.5).
func parseName(s string) (domain.Name, error) {
	if strings.HasSuffix(s, ".") {
		return "", &domain.Error{Reason: domain.EmptyLabel, Name: s}
	}
	return domain.Parse(s)
}

// readForm applies the rules that differ between the three fields.
func (s *Signature) readForm(form Form, list taglist.List) error {
	s.Fields = list.Value("h")
	switch form {
	case ARCSeal:
		if s.Fields != nil {
			return badTag("h", "not allowed in ARC-Seal") // RFC 8617, Section 4.1.3
		}
		return nil
	case ARCMessageSignature:
		return nil
	}
	s.Identity = list.Value("i")
	if v := list.Value("v"); string(v) != "1" {
		return badTag("v", quote(v)+" is not 1")
	}
	from := false
	for name := range splitNames(s.Fields) {
		from = from || ascii.EqualFold(name, "From")
	}
	if !from {
		return &Error{Reason: FromNotSigned} // RFC 6376, Section 5.4
	}
	if s.Identity == nil {
		return nil
	}
	d, ok := s.identityDomain()
	if !ok || !d.IsSubdomainOf(s.Domain) {
		return &Error{Reason: IdentityOutside, Detail: quote(s.Identity)} // RFC 6376, Section 3.5
	}
	return nil
}

// identityDomain returns the domain of i= and whether it has one.
func (s *Signature) identityDomain() (domain.Name, bool) {
	at := bytes.LastIndexByte(s.Identity, '@')
	if at < 0 {
		return "", false
	}
	part := s.Identity[at+1:]
	if len(part) > domain.MaxName {
		return "", false
	}
	if ascii.EqualFold(part, s.Domain) {
		return s.Domain, true
	}
	d, err := parseName(string(part))
	return d, err == nil
}

// readCanonicalization reads c= and q=.
func (s *Signature) readCanonicalization(list taglist.List) error {
	if c, ok := list.Lookup("c"); ok {
		header, body, both := bytes.Cut(c, []byte("/"))
		if !both {
			body = []byte("simple") // RFC 6376, Section 3.5
		}
		if !s.Header.parse(header) || !s.Body.parse(body) {
			return badTag("c", "unknown canonicalization "+quote(c))
		}
	}
	if q, ok := list.Lookup("q"); ok {
		for method := range splitNames(q) {
			if string(method) == "dns/txt" {
				return nil
			}
		}
		return badTag("q", "no known query method in "+quote(q))
	}
	return nil
}

func (c *Canonicalization) parse(v []byte) bool {
	switch string(v) {
	case "simple":
		*c = Simple
	case "relaxed":
		*c = Relaxed
	default:
		return false
	}
	return true
}

// readTimes reads l=, t= and x=.
func (s *Signature) readTimes(list taglist.List) error {
	for _, tag := range [...]struct {
		name string
		to   *int64
	}{{"l", &s.Length}, {"t", &s.Time}, {"x", &s.Expires}} {
		v, ok := list.Lookup(tag.name)
		if !ok {
			continue
		}
		n, ok := parseNumber(v)
		if !ok {
			return badTag(tag.name, quote(v)+" is not a number")
		}
		*tag.to = n
	}
	if s.Expires >= 0 && s.Time >= 0 && s.Expires <= s.Time {
		return badTag("x", "not after t=") // RFC 6376, Section 3.5
	}
	return nil
}

// parseNumber reads 1*76DIGIT (RFC 6376, Section 3.5); what no clock and no body
// reaches becomes the largest number.
func parseNumber(v []byte) (int64, bool) {
	if len(v) == 0 || len(v) > 76 {
		return 0, false
	}
	var n int64
	for _, c := range v {
		if !ascii.IsDigit(c) {
			return 0, false
		}
		if n > math.MaxInt64/10-1 {
			n = math.MaxInt64/10 - 1
			continue
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// readHashes reads b= and bh=.
func (s *Signature) readHashes(form Form, list taglist.List) error {
	var text [base64Max]byte
	var sum [sha256.Size + 2]byte
	if form != ARCSeal && s.Algorithm != RSASHA1 {
		v := list.Value("bh")
		got, _, ok := decode(sum[:0], text[:0], v)
		if !ok || len(got) != sha256.Size {
			return badTag("bh", "not the base64 of a SHA-256 hash")
		}
		copy(s.BodyHash[:], got)
	}
	v := list.Value("b")
	value, clean, ok := decode(s.value[:0], text[:0], v)
	s.Prefix = string(clean[:min(len(clean), 8)])
	if !ok || len(value) == 0 {
		return badTag("b", "not the base64 of a signature")
	}
	s.Value = value
	return nil
}

// base64Max is the length in base64 of a signature made with a key of
// MaxRSABits.
const base64Max = (MaxRSABits/8 + 2) / 3 * 4

// decode decodes base64 with folding white space in it (RFC 6376, Section 2.10)
// into dst; text is memory for the form without white space, which it returns.
func decode(dst, text, v []byte) (value, clean []byte, ok bool) {
	for _, c := range v {
		if ascii.IsFWS(c) {
			continue
		}
		if len(text) == base64Max {
			return nil, text, false
		}
		text = append(text, c)
	}
	value, err := base64.StdEncoding.AppendDecode(dst, text)
	return value, text, err == nil
}

func badTag(tag, detail string) error { return &Error{Reason: BadTag, Tag: tag, Detail: detail} }

// quote returns v for a person, shortened.
func quote(v []byte) string {
	const most = 64
	if len(v) > most {
		return strconv.Quote(string(v[:most])) + "..."
	}
	return strconv.Quote(string(v))
}
