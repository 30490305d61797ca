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
