package dmarc

import (
	"hash/maphash"
	"strings"
	"sync"
)

// Bounds of the cache of parsed records: about 4 MB at most.
const (
	cacheShards     = 16
	cacheShardSize  = 128
	maxCachedRecord = 1024 // bytes; a longer text is parsed each time
)

// RecordCache keeps parsed records by the text they came from, so that a text
// that changed can never be answered by an old record. The zero value works; it
// must not be copied after its first use.
type RecordCache struct {
	seed   maphash.Seed
	once   sync.Once
	shards [cacheShards]struct {
		sync.RWMutex
		m map[string]*Record
	}
}

// parse returns the record of a text that begins with the version. The Record
// is shared. A nil cache keeps nothing.
func (c *RecordCache) parse(txt string) *Record {
	if c == nil || len(txt) > maxCachedRecord {
		rec, _ := ParseRecord(txt)
		return &rec
	}
	c.once.Do(func() { c.seed = maphash.MakeSeed() })
	s := &c.shards[maphash.String(c.seed, txt)%cacheShards]
	s.RLock()
	rec := s.m[txt]
	s.RUnlock()
	if rec != nil {
		return rec
	}
	txt = strings.Clone(txt) // the record refers to it; not to the packet it came in
	parsed, _ := ParseRecord(txt)
	s.Lock()
	defer s.Unlock()
	if s.m == nil {
		s.m = make(map[string]*Record)
	}
	if len(s.m) >= cacheShardSize {
		for old := range s.m { // any one: the order of a map is random
			delete(s.m, old)
			break
		}
	}
	s.m[txt] = &parsed
	return &parsed
}

// Len returns how many records are kept.
func (c *RecordCache) Len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.RLock()
		n += len(s.m)
		s.RUnlock()
	}
	return n
}
