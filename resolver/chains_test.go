package resolver_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/resolver"
)

// TestCacheChains: what answers share is counted once and let go with the last
// of them, and what they do not share counts against the limit.
func TestCacheChains(t *testing.T) {
	key := strings.Repeat("k", 1000)
	link := func(zone string) resolver.Link {
		return resolver.Link{Zone: zone, Keys: []string{key, key}, DS: []string{key}}
	}
	parent := link(".")
	chainOf := map[string][]resolver.Link{}
	for i := range 1000 {
		zone := fmt.Sprint("z", i)
		chainOf[zone] = []resolver.Link{parent, link(zone)}
	}
	now := time.Unix(1e9, 0)
	open := func(limit int64) *resolver.Cache {
		return &resolver.Cache{MaxBytes: limit, Time: func() time.Time { return now }, Resolver: lookup(
			func(_ context.Context, name string, typ resolver.Type) (*resolver.Answer, error) {
				_, zone, _ := strings.Cut(name, ".")
				return &resolver.Answer{Name: name, Type: typ, Chain: chainOf[zone], Expires: now.Add(time.Minute)}, nil
			})}
	}
	ask := func(c *resolver.Cache, names, zones int) resolver.CacheStats {
		for i := range names {
			if _, err := c.Lookup(t.Context(), fmt.Sprintf("n%d.z%d", i, i%zones), resolver.TypeA); err != nil {
				t.Fatal(err)
			}
		}
		return c.Stats()
	}
	one, ten, hundred := ask(open(64<<20), 100, 1), ask(open(64<<20), 100, 10), ask(open(64<<20), 100, 100)
	for _, each := range []int64{(ten.Bytes - one.Bytes) / 9, (hundred.Bytes - ten.Bytes) / 90} {
		if each < 3000 || each > 4000 {
			t.Errorf("1, 10 and 100 zones: got %d, %d and %d bytes", one.Bytes, ten.Bytes, hundred.Bytes)
		}
	}
	const limit = 1 << 20
	if st := ask(open(limit), 1000, 1000); st.Bytes > limit || st.Entries > limit/3000 || st.Entries < limit/8000 {
		t.Errorf("a thousand zones: got %+v", st)
	}
	if st := ask(open(limit), 1000, 1); st.Entries != 1000 {
		t.Errorf("one zone: got %+v", st)
	}
}
