package dkim

import (
	"bytes"
	"crypto/sha256"
	"hash/maphash"
	"sync"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// HeaderIndex finds the fields that h= names (RFC 6376, Section 5.4.2), each in
// constant time whatever a stranger put into the header. It is for one goroutine.
type HeaderIndex struct {
	header *message.Header
	seed   maphash.Seed
	table  []int32 // open addressing: 1 + index into names
	names  []indexedName
	above  []int32 // for each field the next one of the same name above it, -1 if none
	round  uint32
	digest digest
	lower  []byte
}

type indexedName struct {
	hash   uint64
	last   int32 // the lowest field of that name
	cursor int32 // the next one to be taken
	round  uint32
}

var indexes = sync.Pool{New: func() any { return &HeaderIndex{seed: maphash.MakeSeed()} }}

// NewHeaderIndex returns an index of h, from a pool: see Release.
func NewHeaderIndex(h *message.Header) *HeaderIndex {
	x := indexes.Get().(*HeaderIndex)
	x.header = h
	size := 64
	for size < 2*len(h.Fields) {
		size *= 2
	}
	if cap(x.table) < size {
		x.table = make([]int32, size)
	}
	x.table = x.table[:size]
	clear(x.table)
	x.names, x.above = x.names[:0], x.above[:0]
	for i := range h.Fields {
		x.above = append(x.above, -1)
		name := h.Fields[i].Name()
		if len(name) == 0 {
			continue // a line that is no field
		}
		slot, sum := x.slot(name)
		if *slot == 0 {
			x.names = append(x.names, indexedName{hash: sum, last: int32(i)})
			*slot = int32(len(x.names))
			continue
		}
		n := &x.names[*slot-1]
		x.above[i], n.last = n.last, int32(i)
	}
	return x
}

// Release gives the memory back; x must not be used again.
func (x *HeaderIndex) Release() {
	x.header = nil
	if cap(x.above) <= 1024 {
		indexes.Put(x)
	}
}

// slot returns where the name is in the table or would be.
func (x *HeaderIndex) slot(name []byte) (slot *int32, sum uint64) {
	x.lower = ascii.AppendLower(x.lower[:0], name)
	sum = maphash.Bytes(x.seed, x.lower)
	for i := int(sum); ; i++ {
		slot = &x.table[i&(len(x.table)-1)]
		if *slot == 0 {
			return slot, sum
		}
		n := &x.names[*slot-1]
		if n.hash == sum && ascii.EqualFold(x.header.Fields[n.last].Name(), name) {
			return slot, sum
		}
	}
}

// begin starts a new h=: no field is taken yet.
func (x *HeaderIndex) begin() { x.round++ }

// take returns the lowest field of that name that was not taken yet, nil if
// there is none, and skips own: a signature never covers itself.
func (x *HeaderIndex) take(name []byte, own *message.Field) *message.Field {
	if len(name) == 0 {
		return nil
	}
	slot, _ := x.slot(name)
	if *slot == 0 {
		return nil
	}
	n := &x.names[*slot-1]
	if n.round != x.round {
		n.round, n.cursor = x.round, n.last
	}
	for n.cursor >= 0 {
		f := &x.header.Fields[n.cursor]
		n.cursor = x.above[n.cursor]
		if f != own {
			return f
		}
	}
	return nil
}

// Hash returns the hash of the header that s, which was parsed from own, covers:
// the fields that h= names, each name taken from the bottom up and absent ones as
// nothing, then own itself (RFC 6376, Section 3.7).
func (x *HeaderIndex) Hash(s *Signature, own *message.Field) [sha256.Size]byte {
	x.begin()
	for name := range splitNames(s.Fields) {
		if f := x.take(name, own); f != nil {
			x.digest.field(f, s.Header)
		}
	}
	return x.digest.sum(own, s.Header)
}

// splitNames yields the names of an h= value.
func splitNames(h []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for more := len(h) > 0; more; {
			var name []byte
			name, h, more = bytes.Cut(h, []byte(":"))
			if !yield(ascii.TrimFWS(name)) {
				return
			}
		}
	}
}
