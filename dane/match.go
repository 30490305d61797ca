package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Result is the outcome of Verify.
type Result string

// The results. NoMatch forbids delivery through this server for now; Unusable
// allows it over TLS without authentication (RFC 7672, Section 2.2).
const (
	Matched  Result = "match"
	NoMatch  Result = "no-match"
	Unusable Result = "unusable" // there are records and none is usable
	None     Result = "none"     // there are no records at all
)

// Failure says what kept a chain from matching.
type Failure string

// The failures. They are told apart because RFC 8460, Section 4.3 reports them
// under different types.
const (
	NoRecord     Failure = "no-record-matches" // no certificate is one that a record means
	WrongName    Failure = "wrong-name"        // DANE-TA: the certificate is for another name
	Expired      Failure = "expired"           // DANE-TA: outside the validity of a certificate
	NotTrusted   Failure = "not-trusted"       // DANE-TA: no valid path from the trust anchor
	NoServerCert Failure = "no-certificate"    // the server showed none
)

// Match is the evidence of one Verify.
type Match struct {
	Result Result `json:"result"`
	// Matched is the record that matched, as in a zone file; "" if none did.
	Matched string `json:"matched"`
	// Depth is where the record matched in the chain that was verified: 0 is the
	// server's certificate. For a trust anchor given as a bare key and absent from
	// the chain it is the depth of the certificate that the key signed. -1 if
	// nothing matched.
	Depth int `json:"depth"`
	// Reason is a sentence for a person.
	Reason string `json:"reason"`

	Failure Failure `json:"failure,omitempty"` // with NoMatch
	// Records says what became of each record, in the order given.
	Records []Considered `json:"records"`
}

// Considered is one record and what became of it.
type Considered struct {
	Record Record `json:"record"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// State is what became of one record.
type State string

// The states.
const (
	StateMatched  State = "matched"
	StateNoMatch  State = "no match"
	StateUnusable State = "unusable"
	StateWeaker   State = "ignored" // a stronger digest of the same usage and selector is there
	StateUnasked  State = "not needed"
)

// Verify decides whether chain, which begins with the server's own certificate,
// matches the TLSA records. The names are the reference identifiers of RFC 7672,
// Section 3.2.2: MX host, TLSA base domain, next-hop domain and its expansion;
// only DANE-TA looks at them and at now.
func Verify(records []Record, chain []*x509.Certificate, names []string, now time.Time) Match {
	if len(records) == 0 {
		return Match{Result: None, Depth: -1, Reason: "there are no TLSA records"}
	}
	if len(records) > MaxRecords {
		records = records[:MaxRecords]
	}
	if len(chain) > MaxChain {
		chain = chain[:MaxChain]
	}
	v := verification{chain: chain, names: names, now: now, records: Select(records)}
	m := v.run()
	m.Records = v.records
	return m
}

// Select applies the rules that need no certificate: which records are usable,
// and of the digests of one usage and selector only the strongest (RFC 7671,
// Section 9). Those left over have the state StateUnasked.
func Select(records []Record) []Considered {
	out := make([]Considered, len(records))
	var strongest [DANEEE + 1][SPKI + 1]uint8
	for i, r := range records {
		out[i] = Considered{Record: r, State: StateUnasked}
		if why := r.Unusable(); why != "" {
			out[i].State, out[i].Reason = StateUnusable, why
			continue
		}
		// The registry's order is the order of strength for the two digests.
		s := &strongest[r.Usage][r.Selector]
		*s = max(*s, r.MatchingType)
	}
	for i := range out {
		r := &out[i].Record
		// RFC 7671, Section 9: matching type Full(0) is no digest and stays.
		if out[i].State == StateUnasked && r.MatchingType != Full && r.MatchingType < strongest[r.Usage][r.Selector] {
			out[i].State = StateWeaker
			out[i].Reason = "a stronger digest with the same usage and selector is published"
		}
	}
	return out
}

// Usable reports whether some record is usable.
func Usable(records []Record) bool {
	for _, r := range records {
		if r.Unusable() == "" {
			return true
		}
	}
	return false
}

// verification is one Verify under way.
type verification struct {
	chain   []*x509.Certificate
	names   []string
	now     time.Time
	records []Considered
	digests [MaxChain]digests
}

// digests are the digests of one certificate, made when first asked for.
type digests struct {
	have [SPKI + 1][SHA512 + 1]bool
	sum  [SPKI + 1][SHA512 + 1][sha512.Size]byte
}

func (v *verification) run() Match {
	usable := false
	for i := range v.records {
		usable = usable || v.records[i].State == StateUnasked
	}
	switch {
	case !usable:
		return Match{Result: Unusable, Depth: -1, Reason: "none of the TLSA records is usable: " + v.records[0].Reason}
	case len(v.chain) == 0:
		return v.fail(NoServerCert, "the server showed no certificate")
	}
	if m, ok := v.endEntity(); ok {
		return m
	}
	return v.trustAnchor()
}

// endEntity tries the DANE-EE records. Names and dates of the certificate do not
// matter (RFC 7671, Section 5.1; RFC 7672, Section 3.1.1).
func (v *verification) endEntity() (Match, bool) {
	for i := range v.records {
		c := &v.records[i]
		if c.State != StateUnasked || c.Record.Usage != DANEEE {
			continue
		}
		if v.is(0, &c.Record) {
			return v.matched(i, 0, "the server's %s matches the record"), true
		}
		c.State, c.Reason = StateNoMatch, "the server's "+selected(c.Record.Selector)+" is another"
	}
	return Match{}, false
}

// is reports whether the record means the certificate at depth.
func (v *verification) is(depth int, r *Record) bool {
	cert := v.chain[depth]
	content := cert.Raw
	if r.Selector == SPKI {
		content = cert.RawSubjectPublicKeyInfo
	}
	d := &v.digests[depth]
	sum := &d.sum[r.Selector][r.MatchingType]
	have := &d.have[r.Selector][r.MatchingType]
	switch r.MatchingType {
	case Full:
		return bytes.Equal(content, r.Data)
	case SHA256:
		if !*have {
			s := sha256.Sum256(content)
			copy(sum[:], s[:])
			*have = true
		}
		return bytes.Equal(sum[:sha256.Size], r.Data)
	default:
		if !*have {
			*sum = sha512.Sum512(content)
			*have = true
		}
		return bytes.Equal(sum[:], r.Data)
	}
}

// matched ends with record i. The format has one verb, for what was selected.
func (v *verification) matched(i, depth int, format string) Match {
	c := &v.records[i]
	c.State = StateMatched
	return Match{
		Result:  Matched,
		Matched: c.Record.String(),
		Depth:   depth,
		Reason:  fmt.Sprintf(format, selected(c.Record.Selector)),
	}
}

func (v *verification) fail(f Failure, reason string) Match {
	return Match{Result: NoMatch, Depth: -1, Failure: f, Reason: reason}
}

func selected(selector uint8) string {
	if selector == SPKI {
		return "public key"
	}
	return "certificate"
}

// noRecord is the failure in which no record means any certificate.
func (v *verification) noRecord() Match {
	var texts []string
	for i := range v.records {
		if c := &v.records[i]; c.State == StateNoMatch {
			texts = append(texts, fmt.Sprintf("%d %d %d", c.Record.Usage, c.Record.Selector, c.Record.MatchingType))
		}
	}
	own := MakeRecord(v.chain[0])
	return v.fail(NoRecord, fmt.Sprintf("none of the usable TLSA records (%s) matches; the server's key would need %q",
		strings.Join(texts, ", "), own.String()))
}
