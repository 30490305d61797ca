package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/waxseal/waxseal/dnssec"
)

// anchorsFile is the file's name, anchorsVersion that of its form.
const (
	anchorsFile    = "trust-anchors.json"
	anchorsVersion = 1
)

// Anchors is the state of trust anchors that are followed through their changes
// (RFC 5011). It is a file of its own: it must be readable where the database is
// not, for mail waits without it.
type Anchors struct {
	path string
	disk disk
}

// AnchorState is what is kept of them.
type AnchorState struct {
	// BuiltIn is set if they are those of the program, and not of a file of the
	// operator's.
	BuiltIn bool `json:"built_in"`
	// Configured are the anchors, as DS records, that Trackers began with.
	Configured []string          `json:"configured"`
	Trackers   []*dnssec.Tracker `json:"trackers"` // one for each zone
}

// OpenAnchors returns the state in a directory. Nothing is read yet.
func OpenAnchors(directory string) *Anchors {
	return &Anchors{path: filepath.Join(directory, anchorsFile), disk: osDisk{}}
}

// Path is where the state is kept.
func (a *Anchors) Path() string { return a.path }

// kept is the form of the file. The sum finds a key in which a bit has changed: as an
// anchor it would make everything bogus.
type kept struct {
	Version int             `json:"version"`
	Sum     string          `json:"sha256"` // of State, without blanks
	State   json.RawMessage `json:"state"`
}

// Load returns the state, nil if none has been kept. A file that is not what was
// saved is an error.
func (a *Anchors) Load() (*AnchorState, error) {
	text, err := a.disk.Read(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("store: %s is damaged: %w", a.path, err)
	}
	if k.Version != anchorsVersion {
		return nil, fmt.Errorf("store: %s is of version %d, not %d", a.path, k.Version, anchorsVersion)
	}
	if sumOf(k.State) != k.Sum {
		return nil, fmt.Errorf("store: %s is damaged: the checksum is wrong", a.path)
	}
	s := new(AnchorState)
	if err := json.Unmarshal(k.State, s); err != nil {
		return nil, fmt.Errorf("store: %s is damaged: %w", a.path, err)
	}
	for _, t := range s.Trackers {
		if t == nil {
			return nil, fmt.Errorf("store: %s is damaged: a zone is missing", a.path)
		}
		if _, err := t.Anchors(); err != nil {
			return nil, fmt.Errorf("store: %s is damaged: %w", a.path, err)
		}
	}
	return s, nil
}

// Save keeps the state durably in place of an older one.
func (a *Anchors) Save(s *AnchorState) error {
	state, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("store: trust anchors: %w", err)
	}
	text, err := json.Marshal(kept{anchorsVersion, sumOf(state), state})
	if err != nil {
		return fmt.Errorf("store: trust anchors: %w", err)
	}
	if err := replace(a.disk, a.path, append(text, '\n')); err != nil {
		return fmt.Errorf("store: saving trust anchors: %w", err)
	}
	return nil
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
