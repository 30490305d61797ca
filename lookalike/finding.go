package lookalike

import (
	"strconv"
	"strings"
)

// ID names a rule. IDs are API: add, never rename.
type ID string

// The rules on the display name of From.
const (
	NameAddrRcpt  ID = "NAME-ADDR-RCPT"  // it shows an address of the recipient's organization
	NameAddr      ID = "NAME-ADDR"       // it shows an address of some other organization
	NameDomain    ID = "NAME-DOMAIN"     // it shows a domain of another organization
	NameRcpt      ID = "NAME-RCPT"       // it shows a domain or the name of the recipient's organization
	NameVIP       ID = "NAME-VIP"        // it is the name of a protected person
	NameBrand     ID = "NAME-BRAND"      // it has a brand that the author's organization is not
	NameBrandConf ID = "NAME-BRAND-CONF" // it has such a brand in disguise
	NameInvisible ID = "NAME-INVIS"      // it has characters that nobody sees
	NameBidi      ID = "NAME-BIDI"       // it has characters that turn the direction of text
	NameMixed     ID = "NAME-MIXED"      // it mixes scripts inside a word
	NameStyled    ID = "NAME-STYLED"     // it has letters made for mathematics or decoration
)

// The rules on the author's domain.
const (
	DomainSkeleton  ID = "DOM-SKEL"   // it reads like a protected name
	DomainEdit      ID = "DOM-EDIT1"  // it is one keystroke from a protected name
	DomainCombo     ID = "DOM-COMBO"  // it is a protected name with words added
	DomainSubdomain ID = "DOM-SUB"    // it has a protected name below a foreign organization
	DomainTLD       ID = "DOM-TLD"    // it is a protected name under another public suffix
	DomainMixed     ID = "DOM-MIXED"  // it mixes scripts, or is foreign letters that read as Latin ones
	DomainTenant    ID = "DOM-TENANT" // it is of a customer of a shared platform
)

// The rules on From as a whole, on Reply-To and on what authentication rests on.
const (
	FromMultiple  ID = "FROM-MULTI"
	FromNone      ID = "FROM-NONE"
	FromAmbiguous ID = "FROM-AMBIG"
	ReplyLook     ID = "REPLY-LOOK" // it looks like the author's or the recipient's organization
	ReplyFree     ID = "REPLY-FREE" // it leads to a free mailbox
	ReplyOrg      ID = "REPLY-ORG"  // it leads to another organization
	AuthShared    ID = "AUTH-SHARED"
)

// Group returns what the rule is about: "NAME", "DOM", "FROM", "REPLY" or
// "AUTH".
func (id ID) Group() string {
	group, _, _ := strings.Cut(string(id), "-")
	return group
}

// Severity ranks findings.
type Severity string

// The severities.
const (
	Info   Severity = "info"
	Low    Severity = "low"
	Medium Severity = "medium"
	High   Severity = "high"
)

// Score returns the fixed points of the severity. They are not learned: a sum
// can be worked out by hand.
func (s Severity) Score() int {
	switch s {
	case High:
		return 50
	case Medium:
		return 20
	case Low:
		return 5
	}
	return 0
}

// Finding is something in the message that may deceive its reader. It is advice
// and never proof.
type Finding struct {
	ID       ID       `json:"id"`
	Severity Severity `json:"severity"`
	Score    int      `json:"score"`
	Text     string   `json:"text"` // one sentence for a person; what it quotes is escaped
	Evidence Evidence `json:"evidence"`
}

// Evidence is what a finding rests on. It repeats a stranger's text as it was:
// whoever prints one of its fields must escape it; String does.
type Evidence struct {
	Field   string `json:"field"`             // the header field
	Address string `json:"address,omitempty"` // of the mailbox
	Shown   string `json:"shown,omitempty"`   // the part of the display name or domain that is meant
	Start   int    `json:"start"`             // of Shown, in bytes of the decoded display name or of the domain
	End     int    `json:"end"`

	CodePoints []string `json:"code_points,omitempty"` // the characters that are meant, as U+0430; at most MaxCodePoints
	Normalized string   `json:"normalized,omitempty"`  // Shown in lower case without diacritics
	Skeleton   string   `json:"skeleton,omitempty"`    // what Shown and Protected have in common
	Protected  string   `json:"protected,omitempty"`   // the protected entry
	Method     string   `json:"method,omitempty"`      // how Shown became Protected: "exact", "skeleton", "leet", "spacing", "initial", "edit"
	NotExempt  string   `json:"not_exempt,omitempty"`  // why no exemption applies
}

// MaxCodePoints is how many characters a finding lists.
const MaxCodePoints = 16

// String returns the evidence in one line of printable ASCII.
func (e Evidence) String() string {
	var b strings.Builder
	part := func(name, value string) {
		if value == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(name)
		b.WriteByte(' ')
		b.WriteString(value)
	}
	part("field", e.Field)
	if e.Address != "" {
		part("address", strconv.QuoteToASCII(e.Address))
	}
	if e.Shown != "" {
		part("shows", strconv.QuoteToASCII(e.Shown)+" at "+strconv.Itoa(e.Start))
	}
	part("characters", strings.Join(e.CodePoints, " "))
	if e.Skeleton != "" {
		part("reads as", strconv.QuoteToASCII(e.Skeleton))
	}
	if e.Protected != "" {
		part("protected", strconv.QuoteToASCII(e.Protected))
	}
	part("found by", e.Method)
	part("not exempt:", e.NotExempt)
	return b.String()
}

// Action is what a receiver may do about the findings of a message.
type Action string

// The actions. None of them is to refuse the message.
const (
	None       Action = "none"
	Warn       Action = "warn"       // show the reader a banner
	Quarantine Action = "quarantine" // put the message where the reader expects the worst
)

// Assess returns the sum of the scores and what it calls for: Warn for a high
// finding, Quarantine if there is also one of medium severity or more in
// another group.
func Assess(findings []Finding) (score int, action Action) {
	action = None
	high := ""
	for i := range findings {
		f := &findings[i]
		score += f.Score
		if f.Severity == High && high == "" {
			high, action = f.ID.Group(), Warn
		}
	}
	for i := range findings {
		f := &findings[i]
		if high != "" && f.ID.Group() != high && (f.Severity == High || f.Severity == Medium) {
			return score, Quarantine
		}
	}
	return score, action
}
