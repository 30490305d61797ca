package daemon

import (
	"context"
	"log/slog"

	"github.com/waxseal/waxseal/internal/metrics"
	"github.com/waxseal/waxseal/internal/milter"
)

// filter takes the messages of the milter: it signs those of ours and checks those
// of others.
type filter struct {
	state func() *state
	log   *slog.Logger
	meter *metrics.Set // nil counts nothing
}

// Begin implements milter.Handler.
func (f *filter) Begin(ctx context.Context, m *milter.Message) (milter.Transaction, *milter.Answer) {
	s := f.state()
	switch client := m.Client.Addr; {
	case s.relays(client):
		// Before our own networks, which may be wider, and before users: a gateway that
		// logs in hands over what strangers wrote all the same.
		return f.beginCheck(ctx, s, m, behindRelay(s, m))
	case m.AuthUser() != "", s.trusts(client):
		return f.beginOurs(ctx, s, m)
	}
	return f.beginCheck(ctx, s, m, envelope(m))
}
