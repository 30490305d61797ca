// Package dnssec proves answers of the DNS: RFC 4033 to 4035 with RFC 5155
// (NSEC3), 6840 (clarifications), 4509, 5702, 6605, 8080 (digests and
// algorithms), 5011 (anchors that change), 7646 (negative trust anchors), 8198
// (aggressive use of NSEC), 9276 (NSEC3 iterations) and 9905 (SHA-1).
//
// The core judges values as of a time that it is given; only Validator asks a
// resolver.Source for more. Its divergences: Ed448 (RFC 8080) counts as
// unsupported, so zones signed with nothing else are insecure; signatures with
// SHA-1 too unless AcceptSHA1 is set; what a negative answer says is taken from
// its proof, not from the response code, which nobody signs.
package dnssec

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// Validator turns a source of raw replies into a resolver.Resolver whose
// answers carry how far they are proven. It remembers zone keys and proofs of
// absence, not answers: resolver.Cache does that above it. The fields must not
// change once it is in use; make another Validator for other anchors or
// another time.
type Validator struct {
	Source resolver.Source

	// Anchors are the trusted keys; nil means RootAnchors(). Below a zone
	// without an anchor everything is indeterminate.
	Anchors *Anchors
	// NTAs name zones that count as insecure. The closest of anchor and
	// negative anchor rules a name; of two at the same zone, the negative one.
	NTAs []NTA

	// Time is the time as of which signatures are judged; nil means time.Now.
	Time func() time.Time
	// Skew is how far signature times may be off. Zero, the default, lets no
	// expired signature through; more than an hour counts as an hour.
	Skew time.Duration
	// AcceptSHA1 takes signatures of algorithms 5 and 7 for proof. By default
	// zones that have nothing else are insecure (RFC 9905, Section 3).
	AcceptSHA1 bool
	// RequireDNSSEC makes it an error of reason resolver.NoDNSSEC if the source
	// serves no signatures at all. By default its answers are indeterminate.
	RequireDNSSEC bool
	// NoAggressive switches off answers from remembered NSEC and NSEC3 records
	// (RFC 8198).
	NoAggressive bool
	// KeepProof keeps signatures and denials in Answer.Proof. What is absent is
	// then not answered from memory, which holds no signatures.
	KeepProof bool
	// NoLookAhead asks one question after the other. By default all that the
	// chain to a zone needs is asked at once, which is of no use with a source
	// that answers without waiting, such as zone files.
	NoLookAhead bool

	once    sync.Once
	anchors *Anchors
	zones   *lru[*cut]
	spans   *lru[*spans]
	flights flights
	early   early
	signed  atomic.Bool // a signature was seen: the source serves DNSSEC
	stats   counters
}

// Stats counts what a Validator has done since it was made.
type Stats struct {
	Lookups    uint64 `json:"lookups"`
	Fetches    uint64 `json:"fetches"`
	Signatures uint64 `json:"signatures"` // signatures checked
	Work       uint64 `json:"work"`       // what they cost, in checks of P-256
	Hashes     uint64 `json:"hashes"`     // NSEC3 hashes computed
	Aggressive uint64 `json:"aggressive"` // answered from remembered proofs
	Bogus      uint64 `json:"bogus"`
	Zones      int    `json:"zones"` // zone cuts remembered
}

type counters struct {
	lookups, fetches, signatures, work, hashes, aggressive, bogus atomic.Uint64
}

// Stats returns the counters.
func (v *Validator) Stats() Stats {
	v.once.Do(v.prepare)
	c := &v.stats
	return Stats{
		c.lookups.Load(), c.fetches.Load(), c.signatures.Load(), c.work.Load(), c.hashes.Load(),
		c.aggressive.Load(), c.bogus.Load(), v.zones.len(),
	}
}

func (v *Validator) prepare() {
	v.anchors = v.Anchors
	if v.anchors == nil {
		v.anchors = RootAnchors()
	}
	v.zones = newLRU[*cut](maxZoneBytes)
	v.spans = newLRU[*spans](maxZonesWithSpans)
	v.flights.running = make(map[name]*flight)
	v.early.waiting = make(map[resolver.Question]*earlyReply)
}

// note remembers that the source serves signatures, once it has: from then on
// an answer without them is no answer of a server that knows no better.
func (v *Validator) note(m *dns.Msg) {
	if v.signed.Load() {
		return
	}
	for _, section := range [...][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			if rr.Header().Rrtype == dns.TypeRRSIG {
				v.signed.Store(true)
				return
			}
		}
	}
}

func (v *Validator) now() time.Time {
	if v.Time == nil {
		return time.Now()
	}
	return v.Time()
}

func (v *Validator) newChecker(now time.Time, b *budget) checker {
	return checker{now: now, skew: min(max(v.Skew, 0), maxSkew), budget: b}
}

// Lookup implements resolver.Resolver. A bogus answer is a *resolver.Error of
// reason BogusAnswer whose Answer has the chain and the sentence.
func (v *Validator) Lookup(ctx context.Context, domain string, t resolver.Type) (*resolver.Answer, error) {
	v.once.Do(v.prepare)
	v.stats.lookups.Add(1)
	q, err := resolver.NewQuestion(domain, t)
	if err != nil {
		return nil, err
	}
	n, ok := parseName(q.Name)
	if !ok || uint16(t) == dns.TypeRRSIG || uint16(t) == dns.TypeSIG {
		return nil, &resolver.Error{
			Reason: resolver.InvalidName, Name: q.Name, Type: t, Detail: "signatures are proven with what they sign",
		}
	}
	l := newLookup(v, n, t)
	defer l.count()
	return l.runTwice(ctx)
}
