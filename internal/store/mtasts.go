package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/waxseal/waxseal/mtasts"
)

// MTASTS is the MTA-STS policy cache on disk: a mtasts.Store and a mtasts.Index.
type MTASTS struct {
	db *sql.DB
}

// MTASTS returns the policy cache.
func (d *DB) MTASTS() MTASTS { return MTASTS{d.sql} }

const mtastsColumns = "domain, id, policy, fetched, expires, refresh, used"

// Load implements mtasts.Store.
func (m MTASTS) Load(ctx context.Context, domain string) (*mtasts.Entry, error) {
	row := m.db.QueryRowContext(ctx, "SELECT "+mtastsColumns+" FROM mtasts_policy WHERE domain = ?", domain)
	e, err := scanEntry(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return e, err
}

// Save implements mtasts.Store.
func (m MTASTS) Save(ctx context.Context, e *mtasts.Entry) error {
	_, err := m.db.ExecContext(ctx, "INSERT OR REPLACE INTO mtasts_policy ("+mtastsColumns+") VALUES (?,?,?,?,?,?,?)",
		e.Domain, e.ID, e.Policy.String(),
		e.Fetched.UnixMilli(), e.Expires.UnixMilli(), e.Refresh.UnixMilli(), e.Used.UnixMilli())
	if err != nil {
		return fmt.Errorf("store: saving the policy of %q: %w", e.Domain, err)
	}
	return nil
}

// Due implements mtasts.Index: a damaged entry is an error beside the others.
func (m MTASTS) Due(ctx context.Context, now time.Time, limit int) ([]*mtasts.Entry, error) {
	return m.list(ctx, "WHERE refresh < ? ORDER BY refresh LIMIT ?", now.UnixMilli(), limit)
}

// List returns the entries after a domain in the order of their domains, at most
// limit, for an operator to look through.
func (m MTASTS) List(ctx context.Context, after string, limit int) ([]*mtasts.Entry, error) {
	return m.list(ctx, "WHERE domain > ? ORDER BY domain LIMIT ?", after, limit)
}

func (m MTASTS) list(ctx context.Context, where string, args ...any) ([]*mtasts.Entry, error) {
	rows, err := m.db.QueryContext(ctx, "SELECT "+mtastsColumns+" FROM mtasts_policy "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("store: listing policies: %w", err)
	}
	defer rows.Close()
	var out []*mtasts.Entry
	var damaged []error
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			damaged = append(damaged, err) // must not keep the others from being renewed
			continue
		}
		out = append(out, e)
	}
	return out, errors.Join(append(damaged, rows.Err())...)
}

// Delete implements mtasts.Index.
func (m MTASTS) Delete(ctx context.Context, domain string) error {
	if _, err := m.db.ExecContext(ctx, "DELETE FROM mtasts_policy WHERE domain = ?", domain); err != nil {
		return fmt.Errorf("store: deleting the policy of %q: %w", domain, err)
	}
	return nil
}

func scanEntry(row interface{ Scan(...any) error }) (*mtasts.Entry, error) {
	var e mtasts.Entry
	var policy string
	var fetched, expires, refresh, used int64
	if err := row.Scan(&e.Domain, &e.ID, &policy, &fetched, &expires, &refresh, &used); err != nil {
		return nil, err
	}
	p, err := mtasts.ParsePolicy([]byte(policy))
	if err != nil {
		return nil, fmt.Errorf("store: the policy of %q is damaged: %w", e.Domain, err)
	}
	e.Policy = *p
	e.Fetched, e.Expires = time.UnixMilli(fetched).UTC(), time.UnixMilli(expires).UTC()
	e.Refresh, e.Used = time.UnixMilli(refresh).UTC(), time.UnixMilli(used).UTC()
	return &e, nil
}
