package mtasts

import (
	"context"
	"sync"
	"time"
)

// Entry is one cached policy.
type Entry struct {
	Domain string `json:"domain"`
	ID     string `json:"id"`     // of the record that the fetch belongs to
	Policy Policy `json:"policy"` // not to be changed
	// Fetched is when the policy came, Expires when it ends to hold.
	Fetched time.Time `json:"fetched"`
	Expires time.Time `json:"expires"`
	// Refresh is when the policy is to be fetched again without being asked for.
	Refresh time.Time `json:"refresh"`
	// Used is when the policy was last asked for, to within usedStep.
	Used time.Time `json:"used"`
}

// Live reports whether the policy still holds.
func (e *Entry) Live(now time.Time) bool { return now.Before(e.Expires) }

// same reports whether two entries come from one fetch. A store may keep times to
// the millisecond.
func (e *Entry) same(o *Entry) bool {
	return e.ID == o.ID && e.Fetched.UnixMilli() == o.Fetched.UnixMilli()
}

// Store keeps entries beyond the life of a process.
type Store interface {
	// Load returns the entry of a domain, nil if there is none.
	Load(ctx context.Context, domain string) (*Entry, error)
	// Save keeps the entry in place of an older one of its domain.
	Save(ctx context.Context, e *Entry) error
}

// Index is a Store's other side, for the background refresh and for operators.
type Index interface {
	// Due returns at most limit entries whose Refresh lies before now, the longest
	// due first. With an error come those that could be read.
	Due(ctx context.Context, now time.Time, limit int) ([]*Entry, error)
	// Delete forgets the entry of a domain; without one it does nothing.
	Delete(ctx context.Context, domain string) error
}

// MemoryStore is a Store and an Index for tests and single commands. The zero
// value is empty and ready.
type MemoryStore struct {
	mu      sync.Mutex
	entries map[string]*Entry
}

// Load implements Store.
func (m *MemoryStore) Load(_ context.Context, domain string) (*Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[domain], nil
}

// Save implements Store.
func (m *MemoryStore) Save(_ context.Context, e *Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = make(map[string]*Entry)
	}
	m.entries[e.Domain] = e
	return nil
}

// Due implements Index.
func (m *MemoryStore) Due(_ context.Context, now time.Time, limit int) ([]*Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []*Entry
	for _, e := range m.entries {
		if e.Refresh.Before(now) {
			due = append(due, e)
		}
	}
	sortByRefresh(due)
	return due[:min(len(due), limit)], nil
}

// Delete implements Index.
func (m *MemoryStore) Delete(_ context.Context, domain string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, domain)
	return nil
}
