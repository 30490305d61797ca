package daemon

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
)

// mined is a resolver that panics at names with a word in them, and at all others
// answers that there is nothing.
type mined struct{ word string }

func (m mined) Lookup(_ context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	if strings.Contains(name, m.word) {
		panic("mine at " + name)
	}
	return &resolver.Answer{Name: name, Type: t, Status: resolver.Insecure}, nil
}

const manyControls = "DKIM-Signature: v=1; a=rsa-sha256; d=dkim.example; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n" +
	"ARC-Seal: i=1; a=rsa-sha256; d=arc.example; s=s; cv=none; b=AAAA\r\n" +
	"ARC-Message-Signature: i=1; a=rsa-sha256; d=arc.example; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n" +
	"ARC-Authentication-Results: i=1; arc.example; none\r\n" +
	"From: boss@bank.example\r\n\r\nhello\r\n"

// TestPanic holds that a panic in the lookups of any control, behind the cache and
// its goroutines, tempfails that message, in every mode; the process, the cache and
// the next message go on, and the log has the stack of the place.
func TestPanic(t *testing.T) {
	for _, mode := range []string{"monitor", "enforce"} {
		for control, word := range map[string]string{
			"spf": "bank.example", "helo": "client.example", "dkim": "s._domainkey.dkim", "arc": "s._domainkey.arc", "dmarc": "_dmarc.",
		} {
			t.Run(mode+"-"+control, func(t *testing.T) {
				s := newSite(t, "[policy]\nmode = \""+mode+"\"\n")
				f := s.filter()
				checker := *f.state().checker
				checker.Resolver = &resolver.Cache{Resolver: mined{word}}
				st := *f.state()
				st.checker = &checker
				f.state = func() *state { return &st }
				a := s.judge(f, "203.0.113.9", "", manyControls)
				if a == nil || a.Action != milter.TempFail || a.Code != 451 || a.Enhanced != "4.3.0" {
					t.Errorf("got %+v, want 451", a)
				}
				if log := s.log.String(); !strings.Contains(log, `"msg":"internal fault"`) || !strings.Contains(log, "daemon.mined.Lookup") || !strings.Contains(log, `"queue_id":"Q1"`) {
					t.Errorf("the log lacks the stack: %s", log)
				}
				checker.Resolver = &resolver.Cache{Resolver: mined{"no such word"}}
				if a := s.judge(f, "203.0.113.9", "", manyControls); a.Action == milter.TempFail {
					t.Errorf("the next message: got %+v", a)
				}
			})
		}
	}
}

// TestPanicPolicy holds the same for the map of TLS policies.
func TestPanicPolicy(t *testing.T) {
	s := newSite(t, "")
	d := s.daemon()
	addrs, stop := start(t, d)
	for _, word := range []string{"bad.example", "_mta-sts.bad"} {
		st := *d.state.Load()
		r := &resolver.Cache{Resolver: mined{word}}
		st.planner = &outbound.Planner{Resolver: r, STS: &mtasts.Cache{Fetcher: &mtasts.Fetcher{Resolver: r}}}
		d.state.Store(&st)
		if got := ask(t, addrs[1], "policy bad.example"); !strings.Contains(got, ":TEMP the way to bad.example could not be looked up: internal fault: mine at ") {
			t.Errorf("%s: got %q", word, got)
		}
		if got, want := ask(t, addrs[1], "policy good.example"), "6:OK may,"; got != want {
			t.Errorf("%s: the next lookup: got %q, want %q", word, got, want)
		}
	}
	stop()
	if log := s.log.String(); !strings.Contains(log, "daemon.mined.Lookup") {
		t.Errorf("the log lacks the stack: %s", log)
	}
}

// TestContain holds that background work goes on after a panic.
func TestContain(t *testing.T) {
	s := newSite(t, "")
	d := s.daemon()
	d.contain("testing", func() { panic(fmt.Errorf("bug")) })
	if log := s.log.String(); !strings.Contains(log, `"in":"testing","queue_id":"","error":"internal fault: bug","stack":"goroutine `) {
		t.Errorf("got %s", log)
	}
}
