package lookalike

import (
	"strconv"
	"strings"
	"sync"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/message"
)

// Inspector looks for deception that authentication does not see. It is for use
// by any number of goroutines and must not be changed once it was used. The zero
// Inspector knows of no own domains and of the built-in brands.
type Inspector struct {
	Protected Protected

	// Lists that have a built-in one for nil. An empty list means none.
	Freemail      []domain.Name // providers where anybody can get a mailbox; nil means Freemail()
	SharedSenders []domain.Name // services that send for many; nil means SharedSenders()
	Tenants       []domain.Name // suffixes of the customers of a platform; nil means Tenants()

	// Notifiers are addresses and domains that may write another's address into
	// the name of From; nil means Notifiers(). It counts only where the message
	// is authenticated.
	Notifiers []string

	once  sync.Once
	index *index
	lists lists
}

type lists struct {
	freemail, senders, tenants, notifiers map[domain.Name]bool
	notifierAddresses                     map[string]bool
}

// Input is what is known about a message. All of it is plain values.
type Input struct {
	Author     message.Author
	AuthorOrg  domain.Name // the organizational domain that DMARC found; "" means that of the public suffix list
	ReplyTo    []message.Address
	Sender     []message.Address
	Recipients []string // forward-paths without angle brackets

	DMARC       string // the result word of RFC 8601; "" if it was not evaluated
	Identifiers []Identifier

	List          bool // there is a List-Id or List-Post field
	AutoSubmitted bool // there is an Auto-Submitted field that does not say "no" (RFC 3834, Section 5)
}

// Identifier is a domain that SPF or DKIM looked at.
type Identifier struct {
	Method    string      // "spf" or "dkim"
	Domain    domain.Name // of MAIL FROM or HELO, or d=
	Result    string      // the word of RFC 8601
	Aligned   bool        // with the author's domain, as DMARC found
	Mechanism string      // of SPF that matched, such as "include:_spf.example"
}

// Inspect returns what may deceive the reader of the message, the name of From
// first. Its cost is linear in the length of the input, and nothing is looked up.
func (p *Inspector) Inspect(in Input) []Finding {
	p.once.Do(p.compile)
	c := &check{p: p, x: p.index, in: &in, name: &words{}}
	c.authenticated = c.isAuthenticated()
	c.from()
	for i := range in.Author.Addresses {
		if i == MaxMailboxes || len(c.findings) == MaxFindings {
			break
		}
		c.author = &in.Author.Addresses[i]
		c.org = c.orgOf(c.author.Domain)
		c.displayName()
		c.domainName()
	}
	c.author, c.org = nil, ""
	if len(in.Author.Addresses) > 0 {
		c.author = &in.Author.Addresses[0]
		c.org = c.orgOf(c.author.Domain)
		c.replyTo()
		c.shared()
	}
	return c.findings
}

func (p *Inspector) compile() {
	p.index = newIndex(&p.Protected)
	l := &p.lists
	l.freemail = domainSet(p.Freemail, Freemail)
	l.senders = domainSet(p.SharedSenders, SharedSenders)
	l.tenants = domainSet(p.Tenants, Tenants)
	l.notifiers, l.notifierAddresses = map[domain.Name]bool{}, map[string]bool{}
	notifiers := p.Notifiers
	if notifiers == nil {
		notifiers = Notifiers()
	}
	for _, n := range notifiers {
		if strings.Contains(n, "@") {
			l.notifierAddresses[strings.ToLower(n)] = true
		} else {
			l.notifiers[domain.Name(n)] = true
		}
	}
}

func domainSet(list []domain.Name, builtin func() []domain.Name) map[domain.Name]bool {
	if list == nil {
		list = builtin()
	}
	set := make(map[domain.Name]bool, len(list))
	for _, d := range list {
		set[d] = true
	}
	return set
}

// check is the inspection of one message.
type check struct {
	p  *Inspector
	x  *index
	in *Input

	author        *message.Address // that is looked at
	org           domain.Name      // its organizational domain
	authenticated bool             // somebody of the author's organization vouches for the message
	name          *words           // its display name
	findings      []Finding
}

// isAuthenticated reports whether an identifier of the author's organization
// passed, whatever policy that organization has.
func (c *check) isAuthenticated() bool {
	if c.in.DMARC == "pass" {
		return true
	}
	if c.in.DMARC == "fail" || len(c.in.Author.Addresses) != 1 {
		return false
	}
	org := c.orgOf(c.in.Author.Addresses[0].Domain)
	for i := range c.in.Identifiers {
		id := &c.in.Identifiers[i]
		if id.Result == "pass" && org != "" && (id.Aligned || id.Domain.Organizational() == org) {
			return true
		}
	}
	return false
}

// orgOf returns the organizational domain of a domain of From.
func (c *check) orgOf(d domain.Name) domain.Name {
	if c.in.AuthorOrg != "" && d.IsSubdomainOf(c.in.AuthorOrg) {
		return c.in.AuthorOrg
	}
	return d.Organizational()
}

// foreign reports whether d is of another organization than the author.
func (c *check) foreign(d domain.Name) bool {
	return !d.IsSubdomainOf(c.org) && !c.x.sameOrg(d, c.author.Domain)
}

// ownAuthor reports whether the message is from the operator's own organization
// beyond doubt.
func (c *check) ownAuthor() bool {
	return c.authenticated && c.x.isOwn(c.author.Domain)
}

func (c *check) isFreemail(d domain.Name) bool {
	_, ok := covers(c.p.lists.freemail, d)
	return ok
}

// add notes a finding. One rule finds one thing in one place once.
func (c *check) add(id ID, severity Severity, text string, e Evidence) {
	if len(c.findings) >= MaxFindings {
		return
	}
	if e.Field == "" {
		e.Field = "From"
	}
	if e.Address == "" && c.author != nil {
		e.Address = addressText(c.author)
	}
	for i := range c.findings {
		f := &c.findings[i]
		if f.ID == id && f.Evidence.Address == e.Address && f.Evidence.Start == e.Start && f.Evidence.Protected == e.Protected {
			return
		}
	}
	c.findings = append(c.findings, Finding{ID: id, Severity: severity, Score: severity.Score(), Text: text, Evidence: e})
}

// maxQuoted bounds what a sentence repeats of a stranger's text.
const maxQuoted = 80

// quote returns s as it may stand in a sentence on any screen: characters that
// turn text or that nobody sees are escaped.
func quote[T ~string](s T) string {
	if len(s) > maxQuoted {
		cut := maxQuoted
		for cut > maxQuoted-4 && s[cut]&0xc0 == 0x80 {
			cut--
		}
		return strconv.Quote(string(s[:cut]) + "...")
	}
	return strconv.Quote(string(s))
}

func addressText(a *message.Address) string {
	if a.Domain == "" {
		return a.Local + "@" + a.Literal
	}
	return a.Local + "@" + string(a.Domain)
}

// isAddress reports whether a is the address written in s, in any case.
func isAddress(a *message.Address, s string) bool {
	local, host, _ := cutLast(s, "@")
	return strings.EqualFold(local, a.Local) && strings.EqualFold(host, string(a.Domain))
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
