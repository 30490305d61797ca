// Package lab is the internet in a box: a DNS tree signed from its own root, two
// certificate authorities, domains that send, a clinic that receives, a list, a
// forwarder and a shared sending service, and attackers on the path and off it.
// Everything talks over sockets on 127.0.0.1; the addresses of the story are
// mapped to free ports.
//
// An Attack is one conversation or several. It is run once for each Column, that
// is for each set of controls, on a Stage of its own, and what came of it is a
// Cell. All cells together are the matrix.
package lab

import "context"

// Attack is something that is tried against the clinic or against mail to it. A
// legitimate flow is one too: it shows what a control breaks.
type Attack struct {
	ID    string // "<group>_<name>", also the name of its file
	Story string // one line: what is done
	Seen  string // what a victim would see if nothing stopped it
	Ref   string // the RFC or CVE
	Legit bool   // nobody attacks: it should be delivered
	Run   func(ctx context.Context, s *Stage) (Result, error)
}

// Outcome is what came of an attack under a set of controls.
type Outcome string

// The outcomes. Delivered and Broken are of legitimate flows alone.
const (
	Stopped   Outcome = "stopped"
	Flagged   Outcome = "flagged" // delivered, and what is wrong is written on it
	Passes    Outcome = "passes"
	Delivered Outcome = "delivered"
	Broken    Outcome = "broken" // a control keeps legitimate mail away
)

// By says how a message was stopped.
type By string

// The ways.
const (
	Rejected    By = "rejected"    // 5yz by the receiver
	Quarantined By = "quarantined" // delivered apart
	Deferred    By = "deferred"    // 4yz by the receiver, or kept in the sender's queue
	Undelivered By = "undelivered" // given up by the sender, who is told
	Encrypted   By = "encrypted"   // delivered, and the attacker could not read it
	Dropped     By = "dropped"     // the server hung up on what it was told
)

// Result is what came of one run.
type Result struct {
	Outcome Outcome `json:"outcome"`
	By      By      `json:"by,omitempty"`
	Text    string  `json:"text"` // one sentence for a person
}

// Word returns the result as the golden file has it.
func (r Result) Word() string {
	if r.By == "" {
		return string(r.Outcome)
	}
	return string(r.Outcome) + ":" + string(r.By)
}

// Gap reports whether the result is one that nobody wants: an attack that passes
// or legitimate mail that is kept away.
func (r Result) Gap() bool { return r.Outcome == Passes || r.Outcome == Broken }
