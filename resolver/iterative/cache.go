package iterative

import (
	"container/list"
	"sync"
)

// cache is a map that forgets what was not used for longest.
type cache[V any] struct {
	mu    sync.Mutex
	limit int
	items map[string]*list.Element
	order list.List
}

type cacheItem[V any] struct {
	key   string
	value V
}

func newCache[V any](limit int) *cache[V] {
	return &cache[V]{limit: limit, items: make(map[string]*list.Element)}
}

func (c *cache[V]) get(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[key]
	if !ok {
		var zero V
		return zero, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cacheItem[V]).value, true
}

func (c *cache[V]) put(key string, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.putLocked(key, value)
}

// getOr returns the value of key, made by fresh if there is none.
func (c *cache[V]) getOr(key string, fresh func() V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[key]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*cacheItem[V]).value
	}
	v := fresh()
	c.putLocked(key, v)
	return v
}

func (c *cache[V]) putLocked(key string, value V) {
	if e, ok := c.items[key]; ok {
		e.Value.(*cacheItem[V]).value = value
		c.order.MoveToFront(e)
		return
	}
	if len(c.items) >= c.limit {
		last := c.order.Back()
		delete(c.items, last.Value.(*cacheItem[V]).key)
		c.order.Remove(last)
	}
	c.items[key] = c.order.PushFront(&cacheItem[V]{key, value})
}
