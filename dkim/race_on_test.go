//go:build race

package dkim

// underRace tells that the race detector runs, which makes a sync.Pool drop items
// at random.
const underRace = true
