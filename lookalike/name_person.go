package lookalike

import "strings"

// namePeople looks for the names of protected people.
func (c *check) namePeople() {
	if len(c.x.people) == 0 || c.ownAuthor() {
		return
	}
	for i := range c.name.list {
		if len(c.findings) == MaxFindings {
			return
		}
		c.personAt(i)
	}
}

// personAt looks for a protected name that begins with the i-th word. Several
// people may have the same name: it is enough that one of them is the author.
func (c *check) personAt(i int) {
	var best entry
	var words int
	var how string
	for _, e := range c.x.persons[string(c.name.list[i].skeleton)] {
		n, method := c.matchPerson(i, e)
		switch {
		case n == 0:
			continue
		case c.isPerson(&c.x.people[e.index]):
			return
		case words == 0 || how == "initial" && method != how || how == "skeleton" && method == "exact":
			best, words, how = e, n, method
		}
	}
	if words > 0 && !(c.in.List && c.via()) {
		c.person(best, i, words, how)
	}
}

// isPerson reports whether the message is from an address of p and nothing
// speaks against it.
func (c *check) isPerson(p *personEntry) bool {
	return p.addresses[strings.ToLower(addressText(c.author))] &&
		(c.authenticated || c.x.isOwn(c.author.Domain) && c.in.DMARC != "fail")
}

// matchPerson reports how many words from the i-th on are the name e, and how.
// The rest of the display name must not make it another person's: only titles
// may touch it, and initials may stand inside.
func (c *check) matchPerson(i int, e entry) (n int, method string) {
	list := c.name.list
	method = "exact"
	k := i
	for j := range e.words {
		if j > 0 && j == len(e.words)-1 && k < len(list) && len(list[k].skeleton) == 1 && len(e.words[j].skeleton) > 1 {
			k++ // a middle initial
		}
		if k == len(list) || string(list[k].skeleton) != string(e.words[j].skeleton) {
			return 0, ""
		}
		if string(list[k].normalized) != string(e.words[j].normalized) || !list[k].clean() {
			method = "skeleton"
		}
		if k > i && list[k].gap == barred {
			return 0, ""
		}
		k++
	}
	if !c.endsPerson(i, k) {
		return 0, ""
	}
	if method == "exact" && e.method != "" {
		method = e.method
	}
	return k - i, method
}

// endsPerson reports whether the words around list[i:k] leave its name alone.
func (c *check) endsPerson(i, k int) bool {
	list := c.name.list
	for b := i - 1; b >= 0 && list[b+1].gap == space && !c.spaced(b+1); b-- {
		if !isTitle(string(list[b].normalized)) {
			return false
		}
	}
	for a := k; a < len(list) && list[a].gap != barred && !c.spaced(a); a++ {
		if !isTitle(string(list[a].normalized)) {
			// "Jane Doe, Acme" is still Jane Doe.
			return list[a].gap == comma
		}
		if isLink(string(list[a].normalized)) {
			return true
		}
	}
	return true
}

// spaced reports whether a dash with spaces around stands before the word.
func (c *check) spaced(i int) bool {
	w := &c.name.list[i]
	return w.gapLen > 2 && strings.ContainsAny(c.name.text[c.name.list[i-1].end:w.start], "-")
}

// person notes a name that is a protected one.
func (c *check) person(e entry, i, n int, method string) {
	ev := c.wordEvidence(i, n)
	ev.Protected, ev.Method = e.name, method
	severity := High
	if method == "initial" {
		severity = Medium // another person may have the same initial
	}
	if c.x.people[e.index].addresses[strings.ToLower(addressText(c.author))] {
		ev.NotExempt = "the address is the person's, but nothing shows that the message is from it"
		c.add(NameVIP, severity, "The message bears the name and an address of "+quote(e.name)+" but is not authenticated.", ev)
		return
	}
	ev.NotExempt = "the address is none of the person's"
	c.add(NameVIP, severity, "The sender's name reads as "+quote(e.name)+", but "+quote(addressText(c.author))+" is no address of this person.", ev)
}

// isLink reports whether what follows in a name is not the person's.
func isLink(s string) bool {
	switch s {
	case "via", "from", "at", "for", "on", "through", "by":
		return true
	}
	return false
}

// isTitle reports whether a word beside a name leaves the person the same.
func isTitle(s string) bool {
	if isLink(s) {
		return true
	}
	switch s {
	case "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "sir", "dame", "herr", "frau", "mme", "dipl", "ing",
		"phd", "md", "mba", "msc", "bsc", "esq", "jr", "sr", "ii", "iii",
		"ceo", "cfo", "cto", "coo", "cio", "ciso", "cmo", "cpo", "evp", "svp", "vp", "president", "chairman", "chairwoman", "chair",
		"director", "manager", "managing", "executive", "chief", "officer", "head", "founder", "owner", "partner", "rector", "dean", "chancellor",
		"office", "mobile", "private", "personal", "iphone", "new", "urgent", "the":
		return true
	}
	return false
}
