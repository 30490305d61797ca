package lookalike

// Lengths, in bytes of the skeleton, from which a brand is looked for in
// disguises that short words get into by chance.
const (
	minJoined = 5 // written as one word, or letter by letter
	minPaired = 6 // cut into two or three words
	minLeet   = 5 // with digits for letters
)

// minSpelled is how many single letters in a row spell a word.
const minSpelled = 4

// nameBrands looks for brands that the author's organization is not.
func (c *check) nameBrands() {
	if len(c.x.brands) == 0 || c.ownAuthor() {
		return
	}
	list := c.name.list
	for i := 0; i < len(list) && len(c.findings) < MaxFindings; {
		e, n, method := c.brandAt(i)
		if n == 0 {
			i++
			continue
		}
		c.brand(e, i, n, method)
		i += n
	}
}

// brandAt returns the brand that the words from the i-th on are.
func (c *check) brandAt(i int) (entry, int, string) {
	list := c.name.list
	w := &list[i]
	for _, e := range c.x.byWord[string(w.skeleton)] {
		if n, method := c.matchBrand(i, e); n > 0 {
			return e, n, method
		}
	}
	if len(w.leet) >= minLeet {
		for _, e := range c.x.byWord[string(w.leet)] {
			if n, _ := c.matchBrand(i, e); n > 0 {
				return e, n, "leet"
			}
		}
	}
	return c.joinedAt(i)
}

// matchBrand reports how many words from the i-th on are those of e, and how.
func (c *check) matchBrand(i int, e entry) (n int, method string) {
	list := c.name.list[i:]
	if len(list) < len(e.words) {
		return 0, ""
	}
	method = "exact"
	for j := range e.words {
		w, want := &list[j], &e.words[j]
		same := string(w.skeleton) == string(want.skeleton)
		if !same && (w.leet == nil || string(w.leet) != string(want.skeleton)) || j > 0 && w.gap == barred {
			return 0, ""
		}
		if string(w.normalized) == string(want.normalized) && w.clean() {
			continue
		}
		if c.isNative(i + j) {
			return 0, ""
		}
		method = "skeleton"
	}
	return len(e.words), method
}

// isNative reports whether a word that looks like a Latin one is just a word in
// its own script: all its letters are of that script, and some letter of the
// name in that script looks like no Latin one.
func (c *check) isNative(i int) bool {
	w := &c.name.list[i]
	if w.scripts == 0 || w.scripts&latin != 0 {
		return false
	}
	for k := range c.name.list {
		other := &c.name.list[k]
		if other.looks&(unmapped|soft) != 0 && other.scripts&w.scripts != 0 {
			return true
		}
	}
	return false
}

// joinedAt returns the brand that the words from the i-th on are when they are
// written together.
func (c *check) joinedAt(i int) (entry, int, string) {
	list := c.name.list
	w := &list[i]
	if e, ok := c.x.joined[string(w.skeleton)]; ok && len(e.words) > 1 && !c.isNative(i) {
		method := "exact"
		if !sameLetters(w, e.words) {
			method = "skeleton"
		}
		return e, 1, method
	}
	var buf [64]byte
	all, single := append(buf[:0], w.skeleton...), isSingle(w)
	for k := i + 1; k < len(list) && len(all) < len(buf)/2; k++ {
		next := &list[k]
		single = single && isSingle(next)
		if next.gapLen > 1 && next.gap == barred || !single && k > i+2 || len(next.skeleton) > len(buf)/2 {
			break
		}
		all = append(all, next.skeleton...)
		if single && k-i+1 < minSpelled || !single && len(all) < minPaired {
			continue
		}
		if single && k+1 < len(list) && isSingle(&list[k+1]) {
			continue // the word goes on
		}
		if e, ok := c.x.joined[string(all)]; ok && len(e.words) != k-i+1 && !c.isNative(i) {
			return e, k - i + 1, "spacing"
		}
	}
	return entry{}, 0, ""
}

// isSingle reports whether the word is one letter.
func isSingle(w *word) bool {
	return len(w.normalized) == 1 || w.letters == 1 && len(w.skeleton) <= 2
}

// sameLetters reports whether w is ws written together, without a disguise.
func sameLetters(w *word, ws []word) bool {
	at := 0
	for i := range ws {
		n := len(ws[i].normalized)
		if at+n > len(w.normalized) || string(w.normalized[at:at+n]) != string(ws[i].normalized) {
			return false
		}
		at += n
	}
	return at == len(w.normalized) && w.clean()
}

// brand judges a brand in the name.
func (c *check) brand(e entry, i, n int, method string) {
	b := &c.x.brands[e.index]
	if !c.isFreemail(c.author.Domain) && c.ofBrand(b) {
		return
	}
	if method == "exact" && !c.meansBrand(b.brand.Use, i, n) || c.in.List && c.via() {
		return
	}
	ev := c.wordEvidence(i, n)
	ev.Protected, ev.Method = e.name, method
	ev.NotExempt = "the author's domain is none of the brand's"
	if c.isFreemail(c.author.Domain) {
		ev.NotExempt = "anybody can have an address there"
	}
	if method == "exact" {
		c.add(NameBrand, Medium, "The sender's name has the brand "+quote(e.name)+", but "+quote(c.author.Domain)+" is no domain of it.", ev)
		return
	}
	c.add(NameBrandConf, High, "The sender's name has the brand "+quote(e.name)+" in disguise, "+quote(ev.Shown)+", and "+quote(c.author.Domain)+" is no domain of it.", ev)
}

// ofBrand reports whether the author's domain is one of the brand's or an alias.
func (c *check) ofBrand(b *brandEntry) bool {
	if _, ok := covers(b.domains, c.author.Domain); ok {
		return true
	}
	return len(b.brand.Domains) > 0 && c.x.sameOrg(c.author.Domain, b.brand.Domains[0])
}

// meansBrand reports whether a brand whose name has other uses stands there as a
// brand.
func (c *check) meansBrand(use Use, i, n int) bool {
	switch use {
	case Word:
		return n == len(c.name.list) || c.besideRole(i, n)
	case Surname:
		return c.besideRole(i, n)
	}
	return true
}

// besideRole reports whether a word of the name, other than the n from the i-th
// on, says that it speaks for a service.
func (c *check) besideRole(i, n int) bool {
	for k := range c.name.list {
		if (k < i || k >= i+n) && isRole(string(c.name.list[k].normalized)) {
			return true
		}
	}
	return false
}

// isRole reports whether a word says that a name is that of a service and not of
// a person.
func isRole(s string) bool {
	switch s {
	case "support", "security", "service", "services", "account", "accounts", "team", "billing", "bank", "banking", "alert", "alerts",
		"notification", "notifications", "help", "helpdesk", "desk", "customer", "care", "center", "centre", "online", "payment", "payments",
		"invoice", "invoices", "card", "cards", "credit", "fraud", "verification", "verify", "update", "updates", "admin", "administrator",
		"department", "dept", "office", "noreply", "info", "delivery", "tracking", "shipping", "store", "prime", "id", "login", "wallet",
		"antivirus", "subscription", "renewal", "rewards", "refund", "order", "orders", "it", "hr", "payroll", "kundenservice", "kundendienst",
		"sicherheit", "konto", "assistance", "soporte", "servicio", "servizio", "klantenservice":
		return true
	}
	return false
}
