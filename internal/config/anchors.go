package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/waxseal/waxseal/domain"
)

// Tracking says which trust anchors are followed through their changes.
type Tracking string

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Tracking) UnmarshalText(b []byte) error { return oneOf(t, b, "auto", "on", "off") }

// NegativeAnchor is a zone that is not validated for a while: a name, or a name and
// the time at which that ends, as in "broken.example until 2026-12-01".
type NegativeAnchor string

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *NegativeAnchor) UnmarshalText(b []byte) error {
	*a = NegativeAnchor(b)
	_, _, err := a.parse()
	return err
}

// Zone returns the zone, and until when it is not validated; the zero time means
// that the file does not say.
func (a NegativeAnchor) Zone() (zone domain.Name, until time.Time) {
	zone, until, _ = a.parse() // it was read without an error
	return zone, until
}

func (a NegativeAnchor) parse() (zone domain.Name, until time.Time, err error) {
	name, end, ends := strings.Cut(string(a), " until ")
	if zone, err = domain.Parse(name); err != nil || !ends {
		return zone, until, err
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if until, err = time.Parse(layout, end); err == nil {
			return zone, until, nil
		}
	}
	return zone, until, fmt.Errorf("%q is no time: write it like 2026-12-01 or 2026-12-01T12:00:00Z", end)
}

// checkAnchors finds what cannot go together in [dns].
func (c *Config) checkAnchors(bad func(key, format string, args ...any)) {
	if c.DNS.DNSSEC == "off" {
		if c.DNS.TrustAnchor != "" {
			bad("dns.trust_anchor", "nothing is validated with dnssec = \"off\"")
		}
		if len(c.DNS.NegativeTrustAnchors) > 0 {
			bad("dns.negative_trust_anchors", "nothing is validated with dnssec = \"off\"")
		}
	}
	if c.DNS.Tracking != "on" {
		return
	}
	switch {
	case len(c.DNS.Zones) > 0:
		bad("dns.trust_anchor_tracking", "zone files have no keys that change: leave it out")
	case c.DNS.DNSSEC == "off":
		bad("dns.trust_anchor_tracking", "nothing is validated with dnssec = \"off\"")
	case c.State.Directory == "":
		bad("dns.trust_anchor_tracking", "state.directory is needed: a new key is trusted after thirty days, and those must outlive a restart")
	}
}
