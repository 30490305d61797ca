package resolver

import (
	"context"

	"github.com/miekg/dns"
)

// Question is one question of class IN.
type Question struct {
	Name string // canonical, as NewQuestion makes it
	Type Type
}

// Source gives raw replies, signatures included, that nobody has validated.
// The folders upstream, iterative and zonefile have the implementations.
type Source interface {
	// Fetch returns one reply to q. NXDOMAIN, no-data and CNAMEs that lead away
	// are replies; SERVFAIL and REFUSED too, after the source has tried what it
	// could. The error is a *Error when no reply could be had, or ctx.Err().
	Fetch(ctx context.Context, q Question) (*Reply, error)
}

// Reply is a raw reply.
type Reply struct {
	Msg    *dns.Msg
	Server string // who said it: an address, a file
}
