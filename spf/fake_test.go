package spf

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// zone is a resolver over zone text. Names in fail get no answer.
type zone struct {
	answers map[question]*resolver.Answer
	names   map[string]bool
	fail    map[string]resolver.Reason

	mu    sync.Mutex
	asked []question
}

func newZone(t testing.TB, text string) *zone {
	t.Helper()
	z := &zone{answers: map[question]*resolver.Answer{}, names: map[string]bool{}, fail: map[string]resolver.Reason{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		z.add(rr)
	}
	return z
}

func (z *zone) add(rr dns.RR) {
	q := question{resolver.CanonicalName(rr.Header().Name), resolver.Type(rr.Header().Rrtype)}
	z.names[q.name] = true
	a := z.answers[q]
	if a == nil {
		a = &resolver.Answer{Name: q.name, Type: q.t, Status: resolver.Insecure}
		z.answers[q] = a
	}
	a.Records = append(a.Records, rr)
}

func (z *zone) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	q := question{resolver.CanonicalName(name), t}
	z.mu.Lock()
	z.asked = append(z.asked, q)
	z.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r := z.fail[q.name]; r != "" {
		return nil, &resolver.Error{Reason: r, Name: q.name, Type: t}
	}
	if a := z.answers[q]; a != nil {
		return a, nil
	}
	a := &resolver.Answer{Name: q.name, Type: t, Status: resolver.Insecure}
	if !z.names[q.name] {
		a.RCode = resolver.NXDomain
	}
	return a, nil
}
