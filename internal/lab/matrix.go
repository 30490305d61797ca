package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// MaxRun is how long one run may take before it is given up.
const MaxRun = 30 * time.Second

// Cell is what came of one attack under one column's controls.
type Cell struct {
	Result
	Column  string  `json:"column"`
	Events  []Event `json:"events,omitempty"`
	Seconds float64 `json:"-"`
}

// Row is an attack with its cells, in the order of the columns.
type Row struct {
	Attack *Attack
	Cells  []Cell
}

// Matrix is what came of all.
type Matrix struct {
	Columns []Column
	Rows    []Row
}

// Run runs one attack under one column's controls.
func Run(ctx context.Context, w *World, a *Attack, c Column) (Cell, error) {
	return Peers{}.Run(ctx, w, a, c)
}

// Run is Run with other programs in their places.
func (p Peers) Run(ctx context.Context, w *World, a *Attack, c Column) (Cell, error) {
	ctx, cancel := context.WithTimeout(ctx, MaxRun)
	defer cancel()
	begin := time.Now()
	s := newStage(ctx, w, c.Controls)
	s.peers = p
	r, err := a.Run(ctx, s)
	err = errors.Join(err, s.Close())
	if err != nil {
		return Cell{}, fmt.Errorf("lab: %s under %s: %w", a.ID, c.Name, err)
	}
	return Cell{Result: r, Column: c.Name, Events: s.record.events, Seconds: time.Since(begin).Seconds()}, nil
}

// Runner runs a matrix.
type Runner struct {
	World   *World
	Columns []Column // nil means all
	// AtOnce is how many runs there are side by side; 0 means 4.
	AtOnce int
	// Progress is told of each finished run; nil means that nobody is.
	Progress func(done, of int)
}

// Run runs every attack under every column's controls.
func (r *Runner) Run(ctx context.Context, attacks []*Attack) (*Matrix, error) {
	m := &Matrix{Columns: r.Columns}
	if m.Columns == nil {
		m.Columns = Columns()
	}
	var mu sync.Mutex
	done := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(r.AtOnce, 1))
	if r.AtOnce == 0 {
		g.SetLimit(4)
	}
	for _, a := range attacks {
		row := Row{a, make([]Cell, len(m.Columns))}
		m.Rows = append(m.Rows, row)
		for i, c := range m.Columns {
			g.Go(func() (err error) {
				row.Cells[i], err = Run(ctx, r.World, a, c)
				mu.Lock()
				defer mu.Unlock()
				done++
				if r.Progress != nil && err == nil {
					r.Progress(done, len(attacks)*len(m.Columns))
				}
				return err
			})
		}
	}
	return m, g.Wait()
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
