package lookalike

import (
	"strings"

	"github.com/waxseal/waxseal/domain"
)

// Protected is what others may pretend to be.
type Protected struct {
	// Domains are the operator's own. A subdomain counts as its domain.
	Domains []domain.Name

	// People are those whose name an attacker would write under, such as the
	// managers of the operator's organization.
	People []Person

	// Brands are foreign names that readers trust. Nil means Brands(); an empty
	// list means none.
	Brands []Brand

	// Aliases are sets of domains that belong to one organization, such as the
	// domains of a company in several countries. Own domains and the domains of a
	// brand need not be listed again. A domain below one of these counts as it.
	Aliases [][]domain.Name
}

// Person is somebody whose name is protected.
type Person struct {
	Names     []string // the name as "First Last", and others that the person goes by
	Addresses []string // all that the person writes from, private ones too
}

// Brand is a name that readers trust, and where its mail comes from.
type Brand struct {
	Name    string
	Domains []domain.Name // also of those that send for it
	Use     Use
}

// Use says what else a brand's name is, which decides when it means the brand.
type Use string

// The uses.
const (
	NameOnly Use = ""        // nothing else: it counts wherever it stands
	Word     Use = "word"    // a common word: it counts alone or beside a word such as "support"
	Surname  Use = "surname" // the name of people: it counts beside a word such as "support"
)

// index is Protected worked out for looking things up. It is never changed.
type index struct {
	own     map[domain.Name]bool
	group   map[domain.Name]int // of the domains that are one organization
	brands  []brandEntry
	people  []personEntry
	byWord  map[string][]entry // by the skeleton of the first word
	joined  map[string]entry   // by the skeleton of all words
	persons map[string][]entry // by the skeleton of the first word; index is that of the person
	labels  map[string][]label // by the skeleton of an organization's label
	edits   map[string][]label // by the label with any one letter left out
	exact   map[string][]label // by the label
}

// entry is a protected name in words.
type entry struct {
	index  int
	name   string
	words  []word
	method string // how this form comes from the name; "" if it is the name
}

type brandEntry struct {
	brand   *Brand
	domains map[domain.Name]bool
}

type personEntry struct {
	person    *Person
	addresses map[string]bool // lower case
}

// label is the organization's label of a protected domain.
type label struct {
	text   string // U-label
	domain domain.Name
	brand  int // -1 for an own domain
	use    Use
}

// ownGroup is the group of the operator's own domains.
const ownGroup = 1

func newIndex(p *Protected) *index {
	x := &index{
		own: map[domain.Name]bool{}, group: map[domain.Name]int{},
		byWord: map[string][]entry{}, joined: map[string]entry{}, persons: map[string][]entry{},
		labels: map[string][]label{}, edits: map[string][]label{}, exact: map[string][]label{},
	}
	for _, d := range p.Domains {
		x.own[d] = true
		x.group[d] = ownGroup
		x.addLabel(d, -1, NameOnly)
	}
	next := ownGroup
	for _, set := range p.Aliases {
		next++
		x.addGroup(set, next)
	}
	brands := p.Brands
	if brands == nil {
		brands = Brands()
	}
	for i := range brands {
		next++
		x.addBrand(&brands[i], next)
	}
	for i := range p.People {
		x.addPerson(&p.People[i])
	}
	return x
}

// addGroup makes the domains of set one organization, together with those that
// a set before had in common with it.
func (x *index) addGroup(set []domain.Name, group int) {
	for _, d := range set {
		if known := x.group[d]; known != 0 {
			group = known
			break
		}
	}
	for _, d := range set {
		if x.group[d] == 0 {
			x.group[d] = group
		}
	}
}

func (x *index) addBrand(b *Brand, group int) {
	n := len(x.brands)
	e := brandEntry{brand: b, domains: map[domain.Name]bool{}}
	name := entry{index: n, name: b.Name, words: cutName(b.Name)}
	all := joinSkeletons(name.words)
	for _, d := range b.Domains {
		e.domains[d] = true
		use := b.Use
		if !strings.Contains(Skeleton(orgLabel(d.Organizational())), string(all)) {
			use = Word // the label is not the brand's name, and may be anything
		}
		x.addLabel(d, n, use)
	}
	x.addGroup(b.Domains, group)
	x.brands = append(x.brands, e)
	if len(name.words) == 0 {
		return
	}
	first := string(name.words[0].skeleton)
	x.byWord[first] = append(x.byWord[first], name)
	if len(all) >= minJoined {
		x.joined[string(all)] = name
	}
}

// addPerson notes the forms in which people write a name.
func (x *index) addPerson(p *Person) {
	n := len(x.people)
	e := personEntry{person: p, addresses: map[string]bool{}}
	for _, a := range p.Addresses {
		e.addresses[strings.ToLower(a)] = true
	}
	x.people = append(x.people, e)
	for _, name := range p.Names {
		ws := cutName(name)
		add := func(method string, ws []word) {
			first := string(ws[0].skeleton)
			x.persons[first] = append(x.persons[first], entry{index: n, name: name, words: ws, method: method})
		}
		switch {
		case len(ws) == 0:
			continue
		case len(ws) == 1:
			add("", ws)
			continue
		}
		last := len(ws) - 1
		add("", ws)
		add("", append(cutName(ws[last].shown), ws[:last]...)) // "Last, First" and "Last First"
		initial := cutName(string([]rune(ws[0].shown)[:1]))
		if len(initial) == 1 && len(ws[0].normalized) > 1 {
			add("initial", append(initial, ws[1:]...))
			add("initial", append(cutName(ws[last].shown), initial...))
		}
	}
}

func (x *index) addLabel(d domain.Name, brand int, use Use) {
	text := orgLabel(d.Organizational())
	if text == "" {
		return
	}
	for _, l := range x.exact[text] {
		if l.brand == brand {
			return // the same name under another suffix
		}
	}
	l := label{text: text, domain: d, brand: brand, use: use}
	x.exact[text] = append(x.exact[text], l)
	skeleton := Skeleton(text)
	x.labels[skeleton] = append(x.labels[skeleton], l)
	if len(text) < minEdit {
		return
	}
	x.edits[text] = append(x.edits[text], l)
	for i := range text {
		if shorter := text[:i] + text[i+1:]; i == 0 || text[i] != text[i-1] {
			x.edits[shorter] = append(x.edits[shorter], l)
		}
	}
}

// cutName returns the words of a protected name.
func cutName(name string) []word {
	w := &words{}
	w.split(name)
	return w.list
}

func joinSkeletons(ws []word) []byte {
	var all []byte
	for i := range ws {
		all = append(all, ws[i].skeleton...)
	}
	return all
}

// orgLabel returns the first label of an organizational domain as people read
// it.
func orgLabel(org domain.Name) string {
	if org.Labels() < 2 {
		return ""
	}
	text, _, _ := strings.Cut(string(org), ".")
	if strings.HasPrefix(text, "xn--") {
		return domain.Name(text).Unicode()
	}
	return text
}

// covers returns the domain of set that n is or lies below.
func covers(set map[domain.Name]bool, n domain.Name) (domain.Name, bool) {
	for ; n != ""; n = n.Parent() {
		if set[n] {
			return n, true
		}
	}
	return "", false
}

// isOwn reports whether n is one of the operator's domains or below one.
func (x *index) isOwn(n domain.Name) bool {
	_, ok := covers(x.own, n)
	return ok
}

// groupOf returns the set of domains that n belongs to, 0 for none.
func (x *index) groupOf(n domain.Name) int {
	for ; n != ""; n = n.Parent() {
		if g := x.group[n]; g != 0 {
			return g
		}
	}
	return 0
}

// sameOrg reports whether two domains are of one organization.
func (x *index) sameOrg(a, b domain.Name) bool {
	if a == "" || b == "" {
		return false
	}
	if a == b || a.Organizational() == b.Organizational() {
		return true
	}
	g := x.groupOf(a)
	return g != 0 && g == x.groupOf(b)
}
