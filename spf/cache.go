package spf

import "sync"

// RecordCache keeps parsed records by their text, the broken ones too. Its
// methods may be called from several goroutines; a nil RecordCache keeps
// nothing.
type RecordCache struct {
	// MaxBytes is about how much memory it may take; zero means 16 MiB.
	MaxBytes int

	shards [cacheShards]cacheShard
}

const (
	cacheShards       = 16
	defaultCacheBytes = 16 << 20
)

// cacheShard keeps two generations: what was not asked for during the life of
// one generation is forgotten with it.
type cacheShard struct {
	mu         sync.RWMutex
	young, old map[string]parsed
	bytes      int // of young
}

type parsed struct {
	record *Record
	err    *Error
}

// parse returns the parsed record.
func (c *RecordCache) parse(text string) (*Record, *Error) {
	if c == nil {
		return parseRecord(text)
	}
	s := &c.shards[shardOf(text)]
	s.mu.RLock()
	p, young := s.young[text]
	old := false
	if !young {
		p, old = s.old[text]
	}
	s.mu.RUnlock()
	if young {
		return p.record, p.err
	}
	if !old {
		p.record, p.err = parseRecord(text)
	}
	s.keep(text, p, c.generation())
	return p.record, p.err
}

// Len returns how many records are kept.
func (c *RecordCache) Len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.young)
		for text := range s.old {
			if _, both := s.young[text]; !both {
				n++
			}
		}
		s.mu.RUnlock()
	}
	return n
}

// generation returns how many bytes one generation of one shard may have.
func (c *RecordCache) generation() int {
	n := c.MaxBytes
	if n <= 0 {
		n = defaultCacheBytes
	}
	return n / cacheShards / 2
}

func (s *cacheShard) keep(text string, p parsed, most int) {
	size := recordSize(text, p)
	if size > most {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.young[text]; ok {
		return
	}
	if s.bytes+size > most {
		s.old, s.young, s.bytes = s.young, nil, 0
	}
	if s.young == nil {
		s.young = make(map[string]parsed)
	}
	s.young[text] = p
	s.bytes += size
}

// recordSize returns about how many bytes an entry takes.
func recordSize(text string, p parsed) int {
	const (
		entry     = 256 // map, Record, Error
		directive = 96
	)
	if p.record == nil {
		return len(text) + entry
	}
	return len(text) + entry + cap(p.record.Directives)*directive
}

// shardOf spreads records by their length and a few bytes; the map does the
// hashing proper.
func shardOf(text string) int {
	n := len(text)
	h := uint(n)
	if n > 0 {
		h += uint(text[n/2])*7 + uint(text[n-1])*13 + uint(text[n/3])*31
	}
	return int(h % cacheShards)
}
