package mtasts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/waxseal/waxseal/mtasts"
)

// faultyStore is a store that does not always work.
type faultyStore struct {
	mtasts.Store
	unreadable, full bool
	loads            int
}

func (s *faultyStore) Load(ctx context.Context, domain string) (*mtasts.Entry, error) {
	s.loads++
	if s.unreadable {
		return nil, errors.New("unreadable")
	}
	return s.Store.Load(ctx, domain)
}

func (s *faultyStore) Save(ctx context.Context, e *mtasts.Entry) error {
	if s.full {
		return errors.New("full")
	}
	return s.Store.Save(ctx, e)
}

// TestStoreFull holds that a policy that cannot be written down lasts in this process
// and is written down later.
func TestStoreFull(t *testing.T) {
	b := newBed(t)
	s := &faultyStore{Store: b.store, full: true}
	b.cache.Store = s
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1, mtasts.StoreFailed)
	b.publish("")
	b.pass(2 * time.Minute) // the store is asked again, and has none
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1, mtasts.StoreFailed)
	s.full = false
	b.pass(2 * time.Minute)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1)
	b.restart()
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 1)
}

// TestStoreFullOlder is the same where the store has an older policy.
func TestStoreFullOlder(t *testing.T) {
	b := newBed(t)
	s := &faultyStore{Store: b.store}
	b.cache.Store = s
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
	s.full = true
	b.pass(time.Second)
	b.record("v=STSv1; id=2;")
	b.publish(withMode(mtasts.Testing))
	b.want(mtasts.Valid, mtasts.Testing, mtasts.FromNetwork, 2, mtasts.StoreFailed)
	b.pass(2 * time.Minute)
	b.want(mtasts.Valid, mtasts.Testing, mtasts.FromCache, 2, mtasts.StoreFailed)
}

// TestStoreUnreadable holds that nobody can block a fetch while the store cannot be
// read and be taken for a domain without policy.
func TestStoreUnreadable(t *testing.T) {
	b := newBed(t)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromNetwork, 1)
	b.restart()
	s := &faultyStore{Store: b.store, unreadable: true}
	b.cache.Store = s
	b.publish("")
	b.want(mtasts.TempError, "", "", 2, mtasts.StoreFailed, mtasts.BadStatus)
	b.record("v=STSv1; id=;")
	b.want(mtasts.TempError, "", "", 2, mtasts.StoreFailed, mtasts.RecordInvalid)
	b.record("")
	b.want(mtasts.None, "", "", 2, mtasts.StoreFailed, mtasts.NoRecord)
	b.record("v=STSv1; id=1;")
	s.unreadable = false
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 2)
	// What is held is not asked for each time.
	s.unreadable, s.loads = true, 0
	b.pass(2 * time.Minute)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 2, mtasts.StoreFailed)
	b.want(mtasts.Valid, mtasts.Enforce, mtasts.FromCache, 2)
	if s.loads != 1 {
		t.Errorf("loaded %d times, want 1", s.loads)
	}
}
