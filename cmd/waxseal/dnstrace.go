package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/iterative"
)

// exchange is one query and what came of it, as --trace shows it.
type exchange struct {
	Server       string        `json:"server"`
	Network      string        `json:"network,omitempty"`
	Zone         string        `json:"zone,omitempty"` // on whose behalf it was asked, with --recursive
	Name         string        `json:"name"`
	Type         resolver.Type `json:"type"`
	RCode        string        `json:"rcode,omitempty"` // empty if there was no reply
	Milliseconds float64       `json:"ms"`
	Error        string        `json:"error,omitempty"`
}

func exchangeOf(x iterative.Exchange) exchange {
	return exchange{x.Server, x.Network, x.Zone, x.Name, x.Type, x.RCode, milliseconds(x.Duration), x.Error}
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// String is the line that people read.
func (x exchange) String() string {
	s := fmt.Sprintf("%s %s", x.Name, x.Type)
	switch {
	case x.Zone != "":
		s += fmt.Sprintf(" asked of %s for zone %s", x.Server, x.Zone)
	case x.Server != "":
		s += " asked of " + x.Server
	}
	if x.Network == "tcp" {
		s += " over TCP"
	}
	answer := x.RCode
	if answer == "" {
		answer = x.Error
	}
	return s + fmt.Sprintf(": %s, %.1f ms", answer, x.Milliseconds)
}

// traced tells f.trace of what is asked of the source. An iterative source tells
// more by itself.
func (f *dnsFlags) traced(src resolver.Source) resolver.Source {
	if _, tells := src.(*iterative.Source); f.trace == nil || tells {
		return src
	}
	traced := &tracedSource{src, f.trace}
	if e, ok := src.(dnssec.Elsewhere); ok {
		return &tracedElsewhere{traced, e}
	}
	return traced
}

type tracedSource struct {
	resolver.Source
	tell func(exchange)
}

// Fetch implements resolver.Source.
func (s *tracedSource) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	return s.told(q, func() (*resolver.Reply, error) { return s.Source.Fetch(ctx, q) })
}

// tracedElsewhere is a tracedSource with several servers.
type tracedElsewhere struct {
	*tracedSource
	src dnssec.Elsewhere
}

// FetchElsewhere implements dnssec.Elsewhere.
func (s *tracedElsewhere) FetchElsewhere(ctx context.Context, q resolver.Question, avoid []string) (*resolver.Reply, error) {
	return s.told(q, func() (*resolver.Reply, error) { return s.src.FetchElsewhere(ctx, q, avoid) })
}

func (s *tracedSource) told(q resolver.Question, fetch func() (*resolver.Reply, error)) (*resolver.Reply, error) {
	begin := time.Now()
	r, err := fetch()
	x := exchange{Name: q.Name, Type: q.Type, Milliseconds: milliseconds(time.Since(begin))}
	if err != nil {
		x.Error = resolver.ReasonOf(err)
	} else {
		x.Server, x.RCode = r.Server, resolver.RCode(r.Msg.Rcode).String()
	}
	s.tell(x)
	return r, err
}

// traceLog gathers queries, or writes each as it comes if w is set.
type traceLog struct {
	mu   sync.Mutex
	w    io.Writer
	list []exchange
}

func (t *traceLog) tell(x exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.w != nil {
		fmt.Fprintln(t.w, clean(x.String()))
		return
	}
	t.list = append(t.list, x)
}

// take returns what came since it was called last.
func (t *traceLog) take() []exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.list
	t.list = nil
	return list
}
