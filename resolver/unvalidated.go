package resolver

import (
	"context"
	"time"
)

// Unvalidated turns a Source into a Resolver that proves nothing.
type Unvalidated struct {
	// Source is required.
	Source Source

	// Status is what each answer gets: Insecure where not to validate is the
	// choice, as with zone files that are the whole world; Indeterminate where
	// nobody knows. Never Secure, unless a trusted server has validated.
	Status Status

	// Reason is the sentence that goes with Status in each answer.
	Reason string

	// Time says when answers came, for their expiry; nil means time.Now.
	Time func() time.Time
}

var _ Resolver = (*Unvalidated)(nil)

// Lookup implements Resolver.
func (u *Unvalidated) Lookup(ctx context.Context, name string, t Type) (*Answer, error) {
	q, err := NewQuestion(name, t)
	if err != nil {
		return nil, err
	}
	parts, err := Follow(ctx, q, u.ask)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if u.Time != nil {
		now = u.Time
	}
	a := NewAnswer(q, parts, u.Status, now())
	a.Reason = u.Reason
	return a, nil
}

func (u *Unvalidated) ask(ctx context.Context, q Question) (*Part, error) {
	r, err := u.Source.Fetch(ctx, q)
	if err != nil {
		return nil, err
	}
	return ReadReply(q, r)
}
