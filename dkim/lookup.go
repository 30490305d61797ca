package dkim

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/resolver"
)

// Lookups are the key lookups of one message, each name asked once and all side
// by side. The zero value is ready and must not be copied. Add and Wait are for
// one goroutine.
type Lookups struct {
	list  []lookup
	first [4]lookup // memory for list
	wait  sync.WaitGroup
}

type lookup struct {
	name    string
	answer  *resolver.Answer
	err     error
	pending *lookup // where the answer comes in, if it was not there at once

	panicked *panics.Panic
}

// Add asks r for the key record at name, which is Signature.KeyName, and returns
// its number for Key.
func (l *Lookups) Add(ctx context.Context, r resolver.Resolver, name string) int {
	for i := range l.list {
		if l.list[i].name == name {
			return i
		}
	}
	k := lookup{name: name}
	var known bool
	if p, ok := r.(resolver.Peeker); ok {
		k.answer, known = p.Peek(name, resolver.TypeTXT)
	}
	if !known {
		p := &lookup{name: name}
		k.pending = p
		l.wait.Go(func() {
			defer panics.Catch(&p.panicked)
			p.answer, p.err = r.Lookup(ctx, name, resolver.TypeTXT)
		})
	}
	if l.list == nil {
		l.list = l.first[:0]
	}
	l.list = append(l.list, k)
	return len(l.list) - 1
}

// Wait waits for all answers. A panic of the resolver arrives here.
func (l *Lookups) Wait() {
	l.wait.Wait()
	for i := range l.list {
		if p := l.list[i].pending; p != nil {
			p.panicked.Throw()
		}
	}
}

// KeyAnswer is what came of looking for the key of a signature.
type KeyAnswer struct {
	Record *Record // nil if there is none; only with Result Pass may it be used
	Status resolver.Status
	Result Result // Pass, or why there is no key: TempError, PermError, Policy
	Reason string
}

// Key returns the key of number i for an algorithm, after Wait. Of several
// records the only one that is a key for the algorithm counts.
func (l *Lookups) Key(i int, cache *KeyCache, a Algorithm) KeyAnswer {
	k := &l.list[i]
	if k.pending != nil {
		k = k.pending
	}
	out := KeyAnswer{Status: resolver.StatusOf(k.answer, k.err), Result: PermError}
	if k.err != nil {
		out.Result, out.Reason = TempError, "key lookup failed: "+resolver.ReasonOf(k.err)
		var e *resolver.Error
		if errors.As(k.err, &e) && e.Reason == resolver.InvalidName {
			out.Result = PermError
		}
		return out
	}
	txts := k.answer.TXT()
	if len(txts) == 0 {
		out.Reason = string(NoKey) + ": there is no TXT record at " + k.name
		return out
	}
	var record *Record
	var err error
	fitting := 0
	for _, txt := range txts {
		r, e := cache.parse(k.name, txt)
		if r != nil && r.KeyType == a.keyType() {
			record, err = r, e
			fitting++
		} else if fitting == 0 && err == nil {
			err = e
		}
	}
	switch {
	case fitting > 1:
		out.Reason = fmt.Sprintf("%s: %d of the records at %s fit", SeveralKeys, fitting, k.name)
	case fitting == 0 && err == nil:
		out.Reason = string(KeyMismatch) + ": no " + a.keyType() + " key at " + k.name
	case err != nil:
		out.refuse(record, err)
	default:
		out.Record, out.Result = record, Pass
	}
	return out
}

// refuse says why a record cannot be used.
func (k *KeyAnswer) refuse(r *Record, err error) {
	k.Record, k.Reason = r, textOf(err)
	if e, ok := err.(*Error); ok && e.Reason == WeakKey {
		k.Result = Policy // RFC 8301, Section 3.2
	}
}
