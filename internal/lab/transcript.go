package lab

import (
	"fmt"
	"sync"
)

// Kind says what an Event is about.
type Kind string

// The kinds.
const (
	KindDNS      Kind = "dns"
	KindSMTP     Kind = "smtp"
	KindStory    Kind = "story"    // what somebody does
	KindVerdict  Kind = "verdict"  // the evidence is a *Judgement
	KindDelivery Kind = "delivery" // the evidence is a *Sent
)

// Event is one thing that happened in a run.
type Event struct {
	Kind     Kind   `json:"kind"`
	Text     string `json:"text"`
	Evidence any    `json:"evidence,omitempty"`
}

type transcript struct {
	mu     sync.Mutex
	events []Event
	watch  func(Event) // is told of each; nil for nobody
}

func (t *transcript) add(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watch != nil {
		t.watch(e)
		return
	}
	t.events = append(t.events, e)
}

// Note records what happens.
func (s *Stage) Note(k Kind, format string, args ...any) {
	s.record.add(Event{Kind: k, Text: fmt.Sprintf(format, args...)})
}

// Say records a step of the story.
func (s *Stage) Say(format string, args ...any) { s.Note(KindStory, format, args...) }

// trace is what a smtp.Client is to tell of a conversation.
func (s *Stage) trace(who string) func(bool, string) {
	return func(sent bool, line string) {
		if sent {
			s.Note(KindSMTP, "%s > %s", who, line)
		} else {
			s.Note(KindSMTP, "%s < %s", who, line)
		}
	}
}
