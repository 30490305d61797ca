package dkim

import (
	"slices"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// choose marks which signatures are evaluated, at most limit, and returns them
// in the order of the message. Those of a domain in From or of its parents and
// children come first, for they are what DMARC can use; among equals they are
// taken from the top and from the bottom in turn, so that a heap of garbage on
// either side hides nothing.
func choose(ready []check, h *message.Header, limit int) []check {
	if len(ready) <= limit {
		return ready
	}
	authors := fromDomains(h)
	var aligned, other []int
	for i := range ready {
		if related(ready[i].sig.Domain, authors) {
			aligned = append(aligned, i)
		} else {
			other = append(other, i)
		}
	}
	chosen := make([]int, 0, limit)
	for _, class := range [][]int{aligned, other} {
		for top := true; len(class) > 0 && len(chosen) < limit; top = !top {
			n := len(class) - 1
			if top {
				chosen, class = append(chosen, class[0]), class[1:]
			} else {
				chosen, class = append(chosen, class[n]), class[:n]
			}
		}
	}
	slices.Sort(chosen)
	out := make([]check, 0, limit)
	for _, i := range chosen {
		out = append(out, ready[i])
	}
	return out
}

// thinAt is how many signatures are held before those that choose can no longer take
// are let go, so that a message of nothing else costs no memory for each.
const thinAt = 200

// thin lets go what choose cannot take, whatever signatures are found below: it takes
// at most limit from either end of a class.
func thin(ready []check, authors []domain.Name, limit int) []check {
	var total, seen [2]int
	class := make([]uint8, len(ready))
	for i := range ready {
		if related(ready[i].sig.Domain, authors) {
			class[i] = 1
		}
		total[class[i]]++
	}
	kept := ready[:0]
	for i, c := range class {
		if n := seen[c]; n < limit || n >= total[c]-limit {
			kept = append(kept, ready[i])
		}
		seen[c]++
	}
	clear(ready[len(kept):])
	return kept
}

func related(d domain.Name, authors []domain.Name) bool {
	for _, a := range authors {
		if d.IsSubdomainOf(a) || a.IsSubdomainOf(d) {
			return true
		}
	}
	return false
}

// maxAuthors is how many domains in From fields are looked at.
const maxAuthors = 20

// fromDomains returns whatever follows an @ in any From field. It is wider than
// the author address on purpose: it only decides what is evaluated first.
func fromDomains(h *message.Header) []domain.Name {
	var out []domain.Name
	for i := range h.Fields {
		if !h.Fields[i].Is("From") {
			continue
		}
		v := h.Fields[i].Value()
		for at := len(v) - 1; at >= 0 && len(out) < maxAuthors; at-- {
			if v[at] != '@' {
				continue
			}
			end := at + 1
			for end < len(v) && end-at <= domain.MaxName && inDomain(v[end]) {
				end++
			}
			if d, err := domain.Parse(string(v[at+1 : end])); err == nil {
				out = append(out, d)
			}
		}
	}
	return out
}

func inDomain(c byte) bool {
	return c >= 0x80 || c == '.' || c == '-' || c == '_' || ascii.IsAlpha(c) || ascii.IsDigit(c)
}
