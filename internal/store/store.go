// Package store keeps durable state in one SQLite file. Each kind of state has a
// file and a type of its own; this one opens the database and brings its schema up
// to date.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	"modernc.org/sqlite" // registers the driver
	sqlite3 "modernc.org/sqlite/lib"
)

// migrations returns the steps from each schema version to the next. The version
// is SQLite's user_version; a step that has been released is never changed.
func migrations() []string {
	return []string{
		`CREATE TABLE mtasts_policy (
			domain  TEXT PRIMARY KEY,
			id      TEXT NOT NULL,
			policy  TEXT NOT NULL,
			fetched INTEGER NOT NULL,
			expires INTEGER NOT NULL,
			refresh INTEGER NOT NULL,
			used    INTEGER NOT NULL
		) STRICT, WITHOUT ROWID;
		CREATE INDEX mtasts_refresh ON mtasts_policy (refresh);`,
	}
}

// ErrDamaged is in the error of Open if the file is no database, or a broken one.
var ErrDamaged = errors.New("the database is damaged")

// DB is an open database. Its methods may be used by several goroutines, and the
// file by several processes.
type DB struct {
	sql *sql.DB
}

// Open opens the database at path, making it where there is none, and brings its
// schema up to date. A database of a newer release is an error: nothing is guessed.
func Open(ctx context.Context, path string) (*DB, error) {
	// What is kept is nobody's business but the owner's; SQLite alone would make
	// the file readable to all.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	f.Close()
	// A writer waits for another process's; a commit survives a crash of either.
	query := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	if err := migrate(ctx, db); err != nil {
		db.Close()
		if damaged(err) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	return &DB{db}, nil
}

func damaged(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	primary := e.Code() & 0xff // the rest says more exactly what failed
	return primary == sqlite3.SQLITE_NOTADB || primary == sqlite3.SQLITE_CORRUPT
}

// Close closes the database.
func (d *DB) Close() error { return d.sql.Close() }

// migrate runs the steps that the database lacks, in one transaction.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	steps := migrations()
	if version > len(steps) {
		return fmt.Errorf("schema version %d is newer than this program's %d", version, len(steps))
	}
	if version == len(steps) {
		return nil // a full disk has no room for a write that changes nothing
	}
	for _, step := range steps[version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(steps))); err != nil {
		return err
	}
	return tx.Commit()
}
