package resolver

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// How long failures are kept.
const (
	BogusTTL   = 60 * time.Second // RFC 4035, Section 4.7 asks for a small one; unbound's value
	FailureTTL = 5 * time.Second  // SERVFAIL and its like; RFC 9520, Section 3.2: 1 s to 5 minutes
	TimeoutTTL = time.Second      // no reply at all; the least that RFC 9520, Section 3.2 allows
)

// Limits of a cache.
const (
	DefaultCacheBytes = 64 << 20
	MaxLookup         = 10 * time.Second // one flight, whoever waits for it

	maxShards   = 64
	shardBytes  = 128 << 10 // below this a cache is not divided further
	entryShare  = 4         // an answer over this part of its shard is not kept
	errorWeight = 256       // bytes that a failure counts for
)

// Cache is a Resolver that remembers what another one answered, within a bound
// of bytes. What is asked by several callers at once is looked up once; the
// lookup goes on as long as one of them waits. It is safe for concurrent use,
// and the zero value with a Resolver works. It must not be copied, and one must
// not serve validators that evaluate at different times.
type Cache struct {
	// Resolver is required.
	Resolver Resolver

	// MaxBytes bounds the estimated memory of the answers; 0 means
	// DefaultCacheBytes.
	MaxBytes int64

	// Time is the clock against which answers expire; nil means time.Now.
	Time func() time.Time

	once   sync.Once
	seed   maphash.Seed
	shards []shard
	chains chains
}

var (
	_ Resolver = (*Cache)(nil)
	_ Peeker   = (*Cache)(nil)
)

// CacheStats is what a Cache has done since it was made.
type CacheStats struct {
	Hits      uint64 `json:"hits"`
	Misses    uint64 `json:"misses"` // lookups that had to ask or wait
	Evictions uint64 `json:"evictions"`
	Entries   int    `json:"entries"`
	Bytes     int64  `json:"bytes"` // estimated
}

func (c *Cache) init() {
	limit := c.MaxBytes
	if limit <= 0 {
		limit = DefaultCacheBytes
	}
	n := 1
	for n < maxShards && limit/int64(n) >= 2*shardBytes {
		n *= 2
	}
	c.seed = maphash.MakeSeed()
	c.shards = make([]shard, n)
	c.chains.init()
	for i := range c.shards {
		c.shards[i].init(limit/int64(n), int64(n), &c.chains)
	}
}

func (c *Cache) shard(name string) *shard {
	c.once.Do(c.init)
	return &c.shards[maphash.String(c.seed, name)&uint64(len(c.shards)-1)]
}

func (c *Cache) now() time.Time {
	if c.Time != nil {
		return c.Time()
	}
	return time.Now()
}

// Peek implements Peeker. A failure that is remembered is not reported.
func (c *Cache) Peek(name string, t Type) (*Answer, bool) {
	s := c.shard(name)
	e := s.get(Question{name, t}, c.now())
	if e == nil || e.answer == nil {
		return nil, false
	}
	s.hits.Add(1)
	return e.answer, true
}

// Lookup implements Resolver.
func (c *Cache) Lookup(ctx context.Context, name string, t Type) (*Answer, error) {
	// Most callers ask in canonical form, and others only miss here.
	if e := c.shard(name).hit(Question{name, t}, c.now()); e != nil {
		return e.outcome()
	}
	q, err := NewQuestion(name, t)
	if err != nil {
		return nil, err
	}
	s := c.shard(q.Name)
	if q.Name != name {
		if e := s.hit(q, c.now()); e != nil {
			return e.outcome()
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.misses.Add(1)
	return c.join(ctx, s, q)
}

// Stats returns the counts at this moment.
func (c *Cache) Stats() CacheStats {
	c.once.Do(c.init)
	st := CacheStats{Bytes: c.chains.bytes.Load()}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		st.Entries += len(s.ring)
		st.Bytes += s.bytes
		st.Evictions += s.evictions
		s.mu.RUnlock()
		st.Hits += s.hits.Load()
		st.Misses += s.misses.Load()
	}
	return st
}

// entry is one remembered outcome. Only used changes once it is stored.
type entry struct {
	q       Question
	answer  *Answer // nil for a failure
	err     error
	expires time.Time
	size    int64
	index   int         // in the ring
	used    atomic.Bool // since the hand passed
}

func (e *entry) outcome() (*Answer, error) { return e.answer, e.err }

// shard is a part of the cache with its own lock. Eviction is CLOCK, so that a
// hit takes only the reader's side of it.
type shard struct {
	mu        sync.RWMutex
	entries   map[Question]*entry
	ring      []*entry
	hand      int
	bytes     int64
	limit     int64
	chains    *chains
	peers     int64 // shards that the chains are divided among
	evictions uint64
	flights   map[Question]*flight

	hits, misses atomic.Uint64
	_            [64]byte // no false sharing with the next shard
}

func (s *shard) init(limit, peers int64, c *chains) {
	s.entries = map[Question]*entry{}
	s.flights = map[Question]*flight{}
	s.limit, s.peers, s.chains = limit, peers, c
}

// room reports whether size bytes more are within the limit.
func (s *shard) room(size int64) bool {
	return s.bytes+size+s.chains.bytes.Load()/s.peers <= s.limit
}

// get returns what is remembered and has not expired, else nil.
func (s *shard) get(q Question, now time.Time) *entry {
	s.mu.RLock()
	e := s.entries[q]
	s.mu.RUnlock()
	if e == nil || !now.Before(e.expires) {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e
}

func (s *shard) hit(q Question, now time.Time) *entry {
	e := s.get(q, now)
	if e != nil {
		s.hits.Add(1)
	}
	return e
}

// put stores e, with the lock held.
func (s *shard) put(e *entry, now time.Time) {
	if old := s.entries[e.q]; old != nil {
		s.remove(old)
	}
	if e.size > s.limit/entryShare {
		return
	}
	s.chains.hold(e.chain(), 1)
	for !s.room(e.size) && len(s.ring) > 0 {
		s.evict(now)
	}
	e.index = len(s.ring)
	s.ring = append(s.ring, e)
	s.entries[e.q] = e
	s.bytes += e.size
}

// evict removes the next entry that has expired or that nobody asked for since
// the hand passed it.
func (s *shard) evict(now time.Time) {
	for {
		if s.hand >= len(s.ring) {
			s.hand = 0
		}
		e := s.ring[s.hand]
		if now.Before(e.expires) && e.used.Swap(false) {
			s.hand++
			continue
		}
		s.remove(e)
		s.evictions++
		return
	}
}

func (s *shard) remove(e *entry) {
	last := len(s.ring) - 1
	s.ring[e.index] = s.ring[last]
	s.ring[e.index].index = e.index
	s.ring[last] = nil
	s.ring = s.ring[:last]
	delete(s.entries, e.q)
	s.bytes -= e.size
	s.chains.hold(e.chain(), -1)
}
