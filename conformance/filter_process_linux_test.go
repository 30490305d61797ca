package conformance

import (
	"encoding/json"
	"strings"
	"testing"
)

// filterAlone returns the bed if this process is the one for the test. The other
// builds the program, since it may need the network for that.
func filterAlone(t *testing.T, doors ...string) *filterBed {
	t.Helper()
	program(t, "postfix")
	waxseal := buildWaxseal(t)
	if !alone(t) {
		return nil
	}
	return newFilterBed(t, waxseal, doors...)
}

// startListening starts waxseal serve as a filter at an address. At the end it must
// stop in good order.
func startListening(t *testing.T, program, listen, config string) *serving {
	t.Helper()
	s := startServing(t, program, strings.Replace(config, "LISTEN", listen, 1), listen)
	t.Cleanup(s.stop)
	return s
}

// line returns the record that the log has of a message.
func (s *serving) line(t *testing.T, queueID string) map[string]any {
	t.Helper()
	var found map[string]any
	awaitTrue(t, "the log's line of "+queueID, func() bool {
		for line := range strings.Lines(s.lines()) {
			var l map[string]any
			if err := json.Unmarshal([]byte(line), &l); err == nil && l["queue_id"] == queueID {
				found = l
			}
		}
		return found != nil
	})
	return found
}
