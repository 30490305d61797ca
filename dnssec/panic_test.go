package dnssec

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/resolver"
)

// TestPanicReachesCaller: a panic while a zone is looked up arrives where the
// caller can recover; it does not end the process.
func TestPanicReachesCaller(t *testing.T) {
	tr := plant(t, zoneSpec{origin: "."}, zoneSpec{origin: "org.", text: "a A 192.0.2.1\n"})
	for name, alone := range map[string]bool{"ahead": false, "in_turn": true} {
		t.Run(name, func(t *testing.T) {
			v := tr.validator(t)
			v.NoLookAhead = alone
			var broken atomic.Bool
			broken.Store(true)
			tr.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
				if broken.Load() && uint16(q.Type) == dns.TypeDNSKEY {
					panic("broken")
				}
				return m
			}
			func() {
				defer func() {
					if got := panics.Of(recover()); got == nil || got.Value != "broken" {
						t.Errorf("got %v, want a panic", got)
					}
				}()
				_, _ = v.Lookup(context.Background(), "a.org", resolver.TypeA)
			}()
			broken.Store(false)
			if got, want := ask(t, v, "a.org A"), secure("192.0.2.1"); got != want {
				t.Errorf("afterwards: got %+v, want %+v", got, want)
			}
		})
	}
}
