package dkim

import "sync"

// KeyCache keeps parsed key records by the name and text they came from, so that
// it can never give a key that DNS no longer has. The zero value is ready; it is
// safe for use by many goroutines.
type KeyCache struct{ shards [cacheShards]cacheShard }

const (
	cacheShards  = 16
	shardRecords = 256     // a shard that is full forgets one at random
	cachedBytes  = 4 << 10 // longer texts are parsed each time
)

type cacheShard struct {
	sync.RWMutex
	records map[cacheKey]cached
	_       [64]byte // no two locks in one cache line
}

type cacheKey struct{ name, txt string }

type cached struct {
	record *Record
	err    error
}

// parse is ParseRecord through the cache; a nil cache holds nothing.
func (c *KeyCache) parse(name, txt string) (*Record, error) {
	if c == nil || len(txt) > cachedBytes {
		return ParseRecord(txt)
	}
	s, key := c.shard(name), cacheKey{name, txt}
	s.RLock()
	got, ok := s.records[key]
	s.RUnlock()
	if ok {
		return got.record, got.err
	}
	got.record, got.err = ParseRecord(txt)
	s.Lock()
	defer s.Unlock()
	if s.records == nil {
		s.records = make(map[cacheKey]cached)
	}
	if len(s.records) >= shardRecords {
		for k := range s.records {
			delete(s.records, k)
			break
		}
	}
	s.records[key] = got
	return got.record, got.err
}

// Len returns how many records are kept.
func (c *KeyCache) Len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.RLock()
		n += len(s.records)
		s.RUnlock()
	}
	return n
}

func (c *KeyCache) shard(name string) *cacheShard {
	h := uint32(2166136261)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return &c.shards[(h^h>>16)%cacheShards]
}
