package resolver

import (
	"errors"
	"sync"
	"sync/atomic"
)

// linkWeight is a Link without its strings, in bytes.
const linkWeight = 128

// chains counts the memory of the chains of trust that answers hold. All answers
// of a zone share one, and the chains of zones share the links of their parents:
// each is counted once for as long as an answer in the cache has it.
type chains struct {
	bytes  atomic.Int64
	mu     sync.Mutex
	uses   map[*Link]int   // by the first link of a chain
	shared map[*string]int // by the first string of a link
}

func (c *chains) init() {
	c.uses = make(map[*Link]int)
	c.shared = make(map[*string]int)
}

// hold counts a chain, by is 1, or lets it go, by is -1.
func (c *chains) hold(chain []Link, by int) {
	if len(chain) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !toggles(c.uses, &chain[0], by) {
		return
	}
	n := linkWeight * len(chain)
	for i := range chain {
		l := &chain[i]
		n += len(l.Reason)
		for _, lines := range [...][]string{l.DS, l.Keys} {
			if len(lines) == 0 || !toggles(c.shared, &lines[0], by) {
				continue
			}
			for _, s := range lines {
				n += 16 + len(s)
			}
		}
	}
	c.bytes.Add(int64(by * n))
}

// toggles changes a count and reports whether it began or ended.
func toggles[K comparable](uses map[K]int, k K, by int) bool {
	uses[k] += by
	switch n := uses[k]; {
	case n == 0:
		delete(uses, k)
		return true
	case n == 1:
		return by > 0
	}
	return false
}

// chain is that of the answer or of the failure that the entry holds, if any.
func (e *entry) chain() []Link {
	if e.answer != nil {
		return e.answer.Chain
	}
	var failed *Error
	if errors.As(e.err, &failed) && failed.Answer != nil {
		return failed.Answer.Chain
	}
	return nil
}
