package daemon

import (
	"log/slog"
	"time"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/internal/config"
)

// negative returns the negative trust anchors of the configuration. Each ends, as
// RFC 7646, Section 2 wants: one that is forgotten would leave a zone open for good.
func negative(list []config.NegativeAnchor, now time.Time) []dnssec.NTA {
	var all []dnssec.NTA
	for _, n := range list {
		zone, until := n.Zone()
		if latest := now.Add(maxNTA); until.IsZero() || until.After(latest) {
			until = latest
		}
		all = append(all, dnssec.NTA{Zone: string(zone), Expires: until, Reason: "dns.negative_trust_anchors"})
	}
	return all
}

// warnNTAs tells the operator what is left unproven at his wish.
func (a *anchored) warnNTAs(log *slog.Logger) {
	a.told = map[string]bool{}
	for _, n := range a.ntas {
		if !n.Expires.After(a.now()) {
			a.told[n.Zone] = true
			log.Warn("a negative trust anchor has ended before the start", "zone", n.Zone, "until", n.Expires)
			continue
		}
		log.Warn("a zone is taken for unsigned, whatever its signatures say",
			"zone", n.Zone, "until", n.Expires)
	}
}

// endNTAs says once of each that it has ended while this runs.
func (a *anchored) endNTAs(log *slog.Logger, now time.Time) {
	for _, n := range a.ntas {
		if !n.Expires.After(now) && !a.told[n.Zone] {
			a.told[n.Zone] = true
			log.Warn("a negative trust anchor has ended", "zone", n.Zone, "until", n.Expires)
		}
	}
}
