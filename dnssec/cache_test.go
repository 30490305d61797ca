package dnssec

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// TestKeysAreKept: the second lookup in a zone costs one question and one
// signature.
func TestKeysAreKept(t *testing.T) {
	v := tallTree(t, zonesign.NSEC).validator(t)
	ask(t, v, "mx.example.org A")
	before := v.Stats()
	ask(t, v, "sub.host.example.org A")
	after := v.Stats()
	if after.Fetches-before.Fetches != 1 || after.Signatures-before.Signatures != 1 {
		t.Errorf("%d questions, %d signatures", after.Fetches-before.Fetches, after.Signatures-before.Signatures)
	}
}

// TestAggressive: what is denied once is not asked again, nor what lies in the
// same span (RFC 8198).
func TestAggressive(t *testing.T) {
	for kind, denial := range denials3 {
		t.Run(kind, func(t *testing.T) {
			tr := tallTree(t, denial)
			now := testNow
			v := tr.validator(t)
			v.Time = func() time.Time { return now }
			rows := []string{
				"nope.example.org A", "nope.example.org MX", "mx.example.org AAAA", "mx.example.org TXT",
				"_tcp.mx.example.org A", "below.nope.example.org A",
			}
			plain := tr.validator(t)
			plain.NoAggressive = true
			for range 2 {
				for _, question := range rows {
					if got, want := ask(t, v, question), ask(t, plain, question); got != want {
						t.Errorf("%s: got %+v, want %+v", question, got, want)
					}
				}
			}
			// Those of the second round, and the second type of each name.
			remembered := v.Stats().Aggressive
			if denial == zonesign.OptOut {
				if remembered != 0 {
					t.Errorf("%d answers from opt-out spans", remembered)
				}
				return
			}
			if remembered < 8 {
				t.Errorf("%d answers from memory", remembered)
			}
			// The names that exist must not be denied by any of it.
			run(t, v, []askRow{
				{"mx.example.org A", secure("192.0.2.1")},
				{"alias.example.org AAAA", secure("mx.example.org.")},
				{"mx.plain.org A", insecure("192.0.2.9")},
			})
			now = now.Add(time.Hour) // longer than the denials last
			before := v.Stats().Aggressive
			ask(t, v, "nope.example.org A")
			if v.Stats().Aggressive != before {
				t.Error("an answer from a span that is over")
			}
		})
	}
}

// TestTimeGoesBack: what was proven as of one time proves nothing as of an
// earlier one.
func TestTimeGoesBack(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	now := testNow
	v := tr.validator(t)
	v.Time = func() time.Time { return now }
	ask(t, v, "mx.example.org A")
	ask(t, v, "nope.example.org A")
	now = testBegin.Add(-time.Hour)
	for _, question := range []string{"mx.example.org A", "nope.example.org A"} {
		if got := ask(t, v, question); got.Status != resolver.Bogus {
			t.Errorf("%s before the signatures begin: got %+v", question, got)
		}
	}
}

// slow holds every reply back until it is released.
type slow struct {
	resolver.Source
	asked   chan resolver.Question
	release chan struct{}
}

func (s *slow) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	s.asked <- q
	select {
	case <-s.release:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Source.Fetch(ctx, q)
}

// TestFlight: many lookups below a zone ask for its keys once, and go on when
// the first of them gives up.
func TestFlight(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	s := &slow{tr.World, make(chan resolver.Question, 1000), make(chan struct{})}
	v := tr.validator(t)
	v.Source = s
	const n = 20
	ctx, cancel := context.WithCancel(context.Background())
	results := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			own := context.Background()
			if i == 0 {
				own = ctx
			}
			_, results[i] = v.Lookup(own, "mx.example.org", resolver.TypeA)
		})
	}
	for range n {
		<-s.asked // each its own question
	}
	cancel()
	close(s.release)
	wg.Wait()
	for i, err := range results[1:] {
		if err != nil {
			t.Errorf("lookup %d: %v", i+1, err)
		}
	}
	seen := make(map[resolver.Question]int)
	for len(s.asked) > 0 {
		seen[<-s.asked]++
	}
	for q, times := range seen {
		if times > 1 {
			t.Errorf("%s %s was asked %d times", q.Name, q.Type, times)
		}
	}
}

func TestLRU(t *testing.T) {
	c := newLRU[int](16)
	for i := range 1000 {
		c.put(name(rune(i)), i, 1)
	}
	if n := c.len(); n > 16 {
		t.Errorf("%d entries", n)
	}
	c.put("a", 1, 1)
	c.put("a", 2, 1)
	c.put("b", 3, 100) // more than all of it
	if _, ok := c.get("b"); ok {
		t.Error("too large a value was kept")
	}
	if got, ok := c.get("a"); !ok || got != 2 {
		t.Errorf("got %d, %v", got, ok)
	}
}

func TestSpansAreBounded(t *testing.T) {
	v := &Validator{}
	v.once.Do(v.prepare)
	l := newLookup(v, root, resolver.TypeA)
	c := &cut{zone: root}
	for i := range 3 * maxSpansPerZone {
		n := name([]byte{3, byte(i >> 16), byte(i >> 8), byte(i), 0})
		l.remember(c, &denials{nsecs: []nsec{{owner: n, next: n}}})
	}
	s, _ := v.spans.get(root)
	if len(s.nsecs) > maxSpansPerZone {
		t.Errorf("%d spans", len(s.nsecs))
	}
}

// TestLookAhead: after the answer, all that its proof needs is asked at once.
func TestLookAhead(t *testing.T) {
	tr := tallTree(t, zonesign.NSEC)
	s := &slow{tr.World, make(chan resolver.Question, 100), make(chan struct{})}
	v := tr.validator(t)
	v.Source, v.NoLookAhead = s, false
	done := make(chan error)
	go func() {
		_, err := v.Lookup(context.Background(), "mx.example.org", resolver.TypeA)
		done <- err
	}()
	if q, want := <-s.asked, (resolver.Question{Name: "mx.example.org", Type: resolver.TypeA}); q != want {
		t.Errorf("first %v, want %v", q, want)
	}
	s.release <- struct{}{}
	got := make(map[resolver.Question]bool)
	for range 5 {
		got[<-s.asked] = true // none of them is answered before all are asked
	}
	close(s.release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, q := range []resolver.Question{
		{Name: ".", Type: resolver.TypeDNSKEY},
		{Name: "org", Type: resolver.TypeDS},
		{Name: "org", Type: resolver.TypeDNSKEY},
		{Name: "example.org", Type: resolver.TypeDS},
		{Name: "example.org", Type: resolver.TypeDNSKEY},
	} {
		if !got[q] {
			t.Errorf("%v was not asked early", q)
		}
	}
	if len(s.asked) != 0 || len(v.early.waiting) != 0 {
		t.Errorf("%d more questions, %d replies left over", len(s.asked), len(v.early.waiting))
	}
}
