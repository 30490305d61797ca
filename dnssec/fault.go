package dnssec

import (
	"fmt"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// verdict is what a failed step makes of the answer.
type verdict uint8

const (
	bogus       verdict = iota // the proof fails
	unsupported                // proven, but by means that we do not check: insecure
	overLimit                  // the zone asks for more work than it may
)

// fault says why a proof does not hold, in words for a person.
type fault struct {
	verdict verdict
	ede     uint16
	text    string
}

func faultf(ede uint16, format string, args ...any) *fault {
	return &fault{bogus, ede, fmt.Sprintf(format, args...)}
}

func unsupportedf(ede uint16, format string, args ...any) *fault {
	return &fault{unsupported, ede, fmt.Sprintf(format, args...)}
}

func limitf(format string, args ...any) *fault {
	return &fault{overLimit, dns.ExtendedErrorCodeDNSBogus, fmt.Sprintf(format, args...)}
}

// worth orders the faults of several signatures: the reader wants the one that
// came closest.
func (f *fault) worth() int {
	if f == nil {
		return -1
	}
	switch f.ede {
	case dns.ExtendedErrorCodeSignatureExpired, dns.ExtendedErrorCodeSignatureNotYetValid,
		dns.ExtendedErrorCodeSignatureExpiredBeforeValid:
		return 3
	case dns.ExtendedErrorCodeDNSBogus:
		return 2
	case dns.ExtendedErrorCodeDNSKEYMissing, dns.ExtendedErrorCodeNoZoneKeyBitSet:
		return 1
	}
	return 0
}

// closer returns the fault that came closer to a proof.
func closer(a, b *fault) *fault {
	if b.worth() > a.worth() {
		return b
	}
	return a
}

// setName names an RRset as zone files do.
func setName(owner name, t uint16) string { return owner.String() + " " + resolver.Type(t).String() }

// day writes a time for a person: the day, and the hour where that matters.
func day(t, now time.Time) string {
	if d := now.Sub(t); d > -48*time.Hour && d < 48*time.Hour {
		return t.UTC().Format("2006-01-02 15:04:05Z")
	}
	return t.UTC().Format("2006-01-02")
}
