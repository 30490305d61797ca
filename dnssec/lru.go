package dnssec

import (
	"container/list"
	"hash/maphash"
	"sync"
)

// lru is a map that is bounded in what its values cost, in shards so that
// lookups do not wait for each other.
type lru[V any] struct {
	seed   maphash.Seed
	shards [16]lruShard[V]
}

type lruShard[V any] struct {
	mu    sync.Mutex
	limit int
	cost  int
	items map[name]*list.Element
	order list.List // the last used in front
}

type lruItem[V any] struct {
	key   name
	value V
	cost  int
}

func newLRU[V any](limit int) *lru[V] {
	c := &lru[V]{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].limit = max(limit/len(c.shards), 1)
		c.shards[i].items = make(map[name]*list.Element)
	}
	return c
}

func (c *lru[V]) shard(k name) *lruShard[V] {
	return &c.shards[maphash.String(c.seed, string(k))%uint64(len(c.shards))]
}

func (c *lru[V]) get(k name) (V, bool) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.items[k]
	if !ok {
		var zero V
		return zero, false
	}
	s.order.MoveToFront(e)
	return e.Value.(*lruItem[V]).value, true
}

// put keeps the value unless it alone costs more than a shard may.
func (c *lru[V]) put(k name, value V, cost int) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.items[k]; ok {
		s.remove(e)
	}
	if cost > s.limit {
		return
	}
	for s.cost+cost > s.limit {
		s.remove(s.order.Back())
	}
	s.cost += cost
	s.items[k] = s.order.PushFront(&lruItem[V]{k, value, cost})
}

func (s *lruShard[V]) remove(e *list.Element) {
	item := e.Value.(*lruItem[V])
	delete(s.items, item.key)
	s.order.Remove(e)
	s.cost -= item.cost
}

func (c *lru[V]) len() int {
	n := 0
	for i := range c.shards {
		c.shards[i].mu.Lock()
		n += len(c.shards[i].items)
		c.shards[i].mu.Unlock()
	}
	return n
}
