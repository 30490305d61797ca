package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/internal/store"
	"github.com/waxseal/waxseal/mtasts"
)

func open(t *testing.T, path string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func entry(domain string, refresh time.Time) *mtasts.Entry {
	return &mtasts.Entry{
		Domain: domain, ID: "1",
		Policy:  mtasts.Policy{Version: "STSv1", Mode: mtasts.Enforce, MX: []string{"mx.example", "*.example"}, MaxAge: 86400},
		Fetched: refresh.Add(-time.Hour), Expires: refresh.Add(time.Hour), Refresh: refresh, Used: refresh.Add(-time.Minute),
	}
}

func TestMTASTS(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state ?#%.db")
	ctx := t.Context()
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	db := open(t, path)
	m := db.MTASTS()
	var _ mtasts.Store = m
	var _ mtasts.Index = m
	if e, err := m.Load(ctx, "a.example"); e != nil || err != nil {
		t.Fatalf("got %v, %v, want nothing", e, err)
	}
	a, b, c := entry("a.example", now.Add(-time.Second)), entry("b.example", now.Add(-time.Hour)), entry("c.example", now.Add(time.Hour))
	for _, e := range []*mtasts.Entry{entry("a.example", now.Add(9*time.Hour)), a, b, c} {
		if err := m.Save(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	// What was saved is there after a restart.
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	m = open(t, path).MTASTS()
	got, err := m.Load(ctx, "a.example")
	if diff := cmp.Diff(got, a); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	due, err := m.Due(ctx, now, 10)
	if diff := cmp.Diff(due, []*mtasts.Entry{b, a}); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	if due, _ := m.Due(ctx, now, 1); len(due) != 1 {
		t.Errorf("got %d entries, want 1", len(due))
	}
	list, err := m.List(ctx, "a.example", 10)
	if diff := cmp.Diff(list, []*mtasts.Entry{b, c}); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	if err := m.Delete(ctx, "a.example"); err != nil {
		t.Error(err)
	}
	if e, err := m.Load(ctx, "a.example"); e != nil || err != nil {
		t.Errorf("got %v, %v, want nothing", e, err)
	}
}

func TestOpenNewer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path).Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 999"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	_, err = store.Open(context.Background(), path)
	if err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v, want that it is newer", err)
	}
}

// TestDamagedEntry holds that one damaged entry keeps no other from being renewed.
func TestDamagedEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	m := open(t, path).MTASTS()
	bad, good := entry("bad.example", now.Add(-time.Hour)), entry("good.example", now.Add(-time.Minute))
	for _, e := range []*mtasts.Entry{bad, good} {
		if err := m.Save(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE mtasts_policy SET policy = 'x' WHERE domain = 'bad.example'"); err != nil {
		t.Fatal(err)
	}
	due, err := m.Due(t.Context(), now, 10)
	if diff := cmp.Diff(due, []*mtasts.Entry{good}); diff != "" || err == nil || !strings.Contains(err.Error(), `"bad.example" is damaged`) {
		t.Errorf("%s %v", diff, err)
	}
}
