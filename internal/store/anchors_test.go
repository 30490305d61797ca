package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dnssec"
)

// sample is a state that differs with n.
func sample(n int) *AnchorState {
	a := dnssec.RootAnchors()
	t, err := dnssec.NewTracker(".", a)
	if err != nil {
		panic(err)
	}
	t.NextQuery = time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC)
	return &AnchorState{Configured: a.Records(), Trackers: []*dnssec.Tracker{t}}
}

func TestAnchorsKept(t *testing.T) {
	a := OpenAnchors(t.TempDir())
	if got, err := a.Load(); got != nil || err != nil {
		t.Errorf("got %v, %v, want nothing", got, err)
	}
	for n := range 3 {
		if err := a.Save(sample(n)); err != nil {
			t.Fatal(err)
		}
		got, err := a.Load()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, sample(n)); diff != "" {
			t.Error(diff)
		}
	}
	info, err := os.Stat(a.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if names, _ := filepath.Glob(filepath.Dir(a.Path()) + "/*"); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func TestAnchorsDamaged(t *testing.T) {
	a := OpenAnchors(t.TempDir())
	if err := a.Save(sample(1)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(a.Path())
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string]string{
		"empty":      "",
		"null":       "null",
		"foreign":    "{}",
		"newer":      strings.Replace(string(whole), `"version":1`, `"version":2`, 1),
		"digest":     strings.Replace(string(whole), "E06D44B8", "E06D44B9", 1),
		"no-tracker": fmt.Sprintf(`{"version":1,"sha256":"%s","state":{"trackers":[null]}}`, sumOf([]byte(`{"trackers":[null]}`))),
		"bad-anchor": fmt.Sprintf(`{"version":1,"sha256":"%s","state":{"trackers":[{"zone":".","ds":["x"]}]}}`, sumOf([]byte(`{"trackers":[{"zone":".","ds":["x"]}]}`))),
	}
	for n := 1; n < len(whole); n += 7 {
		damaged[fmt.Sprintf("cut-%d", n)] = string(whole[:n])
	}
	for name, text := range damaged {
		t.Run(name, func(t *testing.T) {
			if text == string(whole) {
				t.Fatal("nothing is damaged")
			}
			if err := os.WriteFile(a.Path(), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if s, err := a.Load(); err == nil {
				t.Errorf("got %+v", s)
			}
		})
	}
}

var errFault = errors.New("injected")

// faultyDisk fails operation number n, and those after it if it is full.
type faultyDisk struct {
	disk
	n    int
	full bool
	done int
}

func (d *faultyDisk) fails() bool {
	d.done++
	return d.done == d.n || d.full && d.done > d.n
}

func (d *faultyDisk) Create(name string) (diskFile, error) {
	if d.fails() {
		return nil, errFault
	}
	f, err := d.disk.Create(name)
	return &faultyFile{f, d}, err
}

func (d *faultyDisk) Rename(from, to string) error {
	if d.fails() {
		return errFault
	}
	return d.disk.Rename(from, to)
}

func (d *faultyDisk) SyncDir(name string) error {
	if d.fails() {
		return errFault
	}
	return d.disk.SyncDir(name)
}

type faultyFile struct {
	diskFile
	d *faultyDisk
}

// Write writes half of it before it fails, as a full disk does.
func (f *faultyFile) Write(p []byte) (int, error) {
	if f.d.fails() {
		n, _ := f.diskFile.Write(p[:len(p)/2])
		return n, errFault
	}
	return f.diskFile.Write(p)
}

func (f *faultyFile) Sync() error {
	if f.d.fails() {
		return errFault
	}
	return f.diskFile.Sync()
}

func (f *faultyFile) Close() error {
	err := f.diskFile.Close()
	if f.d.fails() {
		return errFault
	}
	return err
}

// TestAnchorsFaults lets each operation fail in turn, once and for good: the file
// has the old state or the new, never anything else, and the next save works.
func TestAnchorsFaults(t *testing.T) {
	for _, full := range []bool{false, true} {
		for n := 1; ; n++ {
			a := OpenAnchors(t.TempDir())
			if err := a.Save(sample(1)); err != nil {
				t.Fatal(err)
			}
			faulty := &faultyDisk{disk: osDisk{}, n: n, full: full}
			a.disk = faulty
			err := a.Save(sample(2))
			failed := faulty.done >= n
			if failed != (err != nil) {
				t.Errorf("operation %d: got %v", n, err)
			}
			a.disk = osDisk{}
			got, err := a.Load()
			if err != nil {
				t.Fatalf("operation %d: %v", n, err)
			}
			hour := got.Trackers[0].NextQuery.Hour()
			if hour != 2 && !failed || hour != 1 && hour != 2 {
				t.Errorf("operation %d: got state %d", n, hour)
			}
			if err := a.Save(sample(3)); err != nil {
				t.Errorf("operation %d: afterwards: %v", n, err)
			}
			if names, _ := filepath.Glob(filepath.Dir(a.Path()) + "/*"); len(names) != 1 {
				t.Errorf("operation %d: left behind: %v", n, names)
			}
			if !failed {
				if n < 7 {
					t.Errorf("only %d operations", n-1)
				}
				break
			}
		}
	}
}
