package inbound

import (
	"fmt"

	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/lookalike"
	"github.com/waxseal/waxseal/message"
)

// Severity ranks findings.
type Severity string

// The severities.
const (
	Info   Severity = "info"
	Low    Severity = "low"
	Medium Severity = "medium"
	High   Severity = "high"
)

// Finding is something about the message that no result says by itself.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`     // one sentence for a person
	Evidence string   `json:"evidence"` // what was seen
}

// The ids of findings. They are API: add, never rename.
const (
	FromProblem      = "from-problem"
	RepeatedField    = "repeated-field"
	ForgedResults    = "forged-authentication-results"
	MixedLineEnds    = "mixed-line-ends"
	ConvertedLines   = "line-ends-converted"
	BareCR           = "bare-cr"
	MboxLine         = "mbox-from-line"
	NoBody           = "no-body"
	MalformedField   = "malformed-field"
	WeakKey          = "weak-key"
	TestingKey       = "testing-key"
	HeaderUnreadable = "header-over-limit"
)

// once lists the fields that RFC 5322, Section 3.6 allows at most once; a second
// one shows some readers another message than was signed.
var once = []string{"From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}

// findings collects what the header and the results show.
func (s *Session) findings(v *Verdict) []Finding {
	fs := []Finding{}
	add := func(id string, severity Severity, text, evidence string) {
		fs = append(fs, Finding{id, severity, text, evidence})
	}
	if s.unreadable != nil {
		add(HeaderUnreadable, High, "The header is over a limit; nothing that rests on it was evaluated.", s.unreadable.Error())
		return fs
	}
	if inspector := s.checker.Lookalike; inspector != nil {
		fs = append(fs, s.lookalike(inspector, v)...) // it says what is wrong with From as well
	} else if s.author.Problem != "" && s.author.Problem != message.ShownAddress {
		add(FromProblem, High, "Readers may disagree on who wrote this message: "+string(s.author.Problem)+".", s.author.Detail)
	}
	fs = append(fs, s.headerFindings()...)
	fs = append(fs, lineFindings(s.notes)...)
	for i := range v.DKIM {
		fs = append(fs, keyFindings(&v.DKIM[i])...)
	}
	return fs
}

// lookalike asks what authentication leaves open.
func (s *Session) lookalike(inspector *lookalike.Inspector, v *Verdict) []Finding {
	in := lookalike.Input{
		Author: s.author, AuthorOrg: v.DMARC.OrgDomain,
		DMARC: string(v.DMARC.Result), Recipients: s.env.RcptTo,
	}
	for i := range v.DMARC.Identifiers {
		in.Identifiers = append(in.Identifiers, s.identifier(&v.DMARC.Identifiers[i], v))
	}
	if v.DMARC.Identifiers == nil { // no record, so DMARC did not look at them
		for _, id := range s.identifiers(v) {
			in.Identifiers = append(in.Identifiers, s.identifier(&dmarc.Alignment{Identifier: id}, v))
		}
	}
	in.ReadHeader(s.header)
	var fs []Finding
	for _, f := range inspector.Inspect(in) {
		fs = append(fs, Finding{string(f.ID), Severity(f.Severity), f.Text, f.Evidence.String()})
	}
	return fs
}

func (s *Session) identifier(a *dmarc.Alignment, v *Verdict) lookalike.Identifier {
	id := lookalike.Identifier{
		Method: string(a.Method), Domain: domain.Name(ascii.ToLower(a.Domain)), Result: a.Result, Aligned: a.Aligned,
	}
	if a.Method == dmarc.SPF {
		id.Mechanism = v.SPF.Mechanism
	}
	return id
}

func (s *Session) headerFindings() []Finding {
	var fs []Finding
	var counts [16]int
	malformed := 0
	for i := range s.header.Fields {
		f := &s.header.Fields[i]
		if f.Malformed() {
			malformed++
			continue
		}
		for j, name := range once {
			if f.Is(name) {
				counts[j]++
			}
		}
	}
	for j, name := range once {
		if counts[j] > 1 && name != "From" { // From has a finding of its own
			fs = append(fs, Finding{
				RepeatedField, Medium,
				"The header has " + name + " more than once; programs differ in which one they show.",
				fmt.Sprintf("%d %s fields", counts[j], name),
			})
		}
	}
	if malformed > 0 {
		fs = append(fs, Finding{MalformedField, Low, "Lines of the header are no header fields.", fmt.Sprintf("%d lines", malformed)})
	}
	if id := s.checker.AuthServID; id != "" {
		if forged := authres.Forged(s.header, id); len(forged) > 0 {
			fs = append(fs, Finding{
				ForgedResults, High,
				"The message came with results under our own name; they are forged and must be removed.",
				fmt.Sprintf("%d Authentication-Results fields of %s", len(forged), id),
			})
		}
	}
	return fs
}

func lineFindings(n Notes) []Finding {
	var fs []Finding
	switch {
	case n.LineEnds.Kind == message.LF:
		fs = append(fs, Finding{ConvertedLines, Info, "The input has bare LF line ends; it was read as CRLF.", "LF only"})
	case n.LineEnds.Kind == message.Mixed:
		fs = append(fs, Finding{MixedLineEnds, Medium, "The input mixes CRLF and bare LF line ends; a server on the way may read another message than was checked.", "CRLF and LF"})
	}
	if n.LineEnds.BareCR {
		fs = append(fs, Finding{BareCR, Medium, "The input has a CR that ends no line.", "bare CR"})
	}
	if n.MboxFrom {
		fs = append(fs, Finding{MboxLine, Info, "The input begins with an mbox From line; it was left out.", "From "})
	}
	if n.NoBody {
		fs = append(fs, Finding{NoBody, Info, "No empty line ends the header; the message has no body.", "end of input"})
	}
	return fs
}

func keyFindings(d *dkim.Verification) []Finding {
	var fs []Finding
	name := func() string { return d.Selector + "._domainkey." + string(d.Domain) }
	if d.Testing {
		fs = append(fs, Finding{TestingKey, Info, "The key of this signature is marked as being tested.", name() + " t=y"})
	}
	if d.Result == dkim.Pass && d.Algorithm == "rsa-sha256" && d.KeyBits < 2048 {
		fs = append(fs, Finding{WeakKey, Low, "The signature's RSA key is shorter than the 2048 bits that RFC 8301 asks of signers.", fmt.Sprintf("%s, %d bits", name(), d.KeyBits)})
	}
	return fs
}
