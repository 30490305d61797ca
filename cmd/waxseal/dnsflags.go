package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// cacheBytes bounds the DNS cache of one command.
const cacheBytes = 64 << 20

// dnsFlags are the flags of every command that looks names up.
type dnsFlags struct {
	servers     []string
	recursive   bool
	rootHints   string
	port        uint16
	noQMin      bool
	trustAnchor string
	ntas        []string
	acceptSHA1  bool
	dnssec      string
	zones       []string
	at          string

	// What a command may ask for beside the flags.
	trace     func(exchange) // told of every query; nil tells nobody
	keepProof bool           // answers are passed on with their signatures
	moving    bool           // the time of --at is that of the start, and goes on
}

func (f *dnsFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.servers, "dns", nil, "ask this DNS server, `ADDR[:PORT]` or tls://ADDR[:PORT][#NAME] (repeatable; default: the system's resolvers)")
	fs.BoolVar(&f.recursive, "recursive", false, "ask nobody's resolver: go down from the root servers")
	fs.StringVar(&f.rootHints, "root-hints", "", "with --recursive: the root servers are in this `FILE` (default: the built-in list)")
	fs.Uint16Var(&f.port, "dns-port", 53, "with --recursive: the `PORT` at which servers are asked, for a tree of your own")
	fs.BoolVar(&f.noQMin, "no-qmin", false, "with --recursive: send the whole name to every server (no QNAME minimisation)")
	fs.StringVar(&f.trustAnchor, "trust-anchor", "", "trust the DS or DNSKEY records in this `FILE`, an empty one: none (default: the root's built-in keys)")
	fs.StringArrayVar(&f.ntas, "nta", nil, "do not validate this `ZONE` and what is below it (negative trust anchor, repeatable)")
	fs.BoolVar(&f.acceptSHA1, "accept-sha1", false, "take signatures with SHA-1 for proof; without it such zones count as unsigned")
	fs.StringVar(&f.dnssec, "dnssec", "auto", "`MODE`: auto validates, and says where that is not possible; with require that is an error; off")
	fs.StringArrayVar(&f.zones, "zone", nil, "answer from this RFC 1035 `FILE` alone, no network (repeatable)")
	fs.StringVar(&f.at, "at", "", "evaluate signatures and expiry as of this `TIME` (RFC 3339)")
}

// clock returns the time to evaluate at; nil means now.
func (f *dnsFlags) clock() (func() time.Time, error) {
	if f.at == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return nil, usage(fmt.Errorf("--at %q is not a time", f.at), "write it like 2026-05-01T12:00:00Z")
	}
	if t.Unix() < 0 { // RFC 6376, Section 3.5: t= and x= are unsigned
		return nil, usage(fmt.Errorf("--at %q is before 1970", f.at), "signatures count their time from 1970 on")
	}
	if f.moving {
		begin := time.Now()
		return func() time.Time { return t.Add(time.Since(begin)) }, nil
	}
	return func() time.Time { return t }, nil
}

// validate refuses flags that contradict each other.
func (f *dnsFlags) validate() error {
	switch f.dnssec {
	case "auto", "require", "off":
	default:
		return usage(fmt.Errorf("--dnssec %q is not known", f.dnssec), "use auto, require or off")
	}
	switch {
	case len(f.zones) > 0 && len(f.servers) > 0:
		return usage(errors.New("--zone and --dns together"), "--zone answers from files alone; leave one of them out")
	case len(f.zones) > 0 && f.recursive:
		return usage(errors.New("--zone and --recursive together"), "--zone answers from files alone; leave one of them out")
	case len(f.servers) > 0 && f.recursive:
		return usage(errors.New("--dns and --recursive together"), "--recursive asks the servers of each zone itself; leave one of them out")
	case !f.recursive && (f.rootHints != "" || f.noQMin || f.port != 53 && f.port != 0):
		return usage(errors.New("--root-hints, --dns-port and --no-qmin are for --recursive"), "add --recursive")
	case f.dnssec == "off" && (f.trustAnchor != "" || len(f.ntas) > 0 || f.acceptSHA1):
		return usage(errors.New("--dnssec off validates nothing"), "leave out --trust-anchor, --nta and --accept-sha1, or --dnssec off")
	}
	return nil
}

// lookups is what the flags ask for, from the bottom up.
type lookups struct {
	source    resolver.Source
	validator *dnssec.Validator // nil if nothing is validated
	cache     *resolver.Cache
	unproven  string // why nothing is validated
}

// resolver builds what the flags ask for.
func (f *dnsFlags) resolver() (resolver.Resolver, error) {
	l, err := f.open()
	if err != nil {
		return nil, err
	}
	return l.cache, nil
}

// open builds what the flags ask for, with its parts.
func (f *dnsFlags) open() (*lookups, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	if len(f.zones) > 0 {
		zones, err := loadZones(f.zones)
		if err != nil {
			return nil, err
		}
		return f.openZones(zones)
	}
	src, err := f.network()
	if err != nil {
		return nil, err
	}
	if f.dnssec == "off" {
		return f.unvalidated(src, resolver.Indeterminate, "nothing was validated, as --dnssec off asks")
	}
	return f.validated(src)
}

// zoneResolver answers from zones alone.
func (f *dnsFlags) zoneResolver(zones *zonefile.Zones) (resolver.Resolver, error) {
	l, err := f.openZones(zones)
	if err != nil {
		return nil, err
	}
	return l.cache, nil
}

// openZones answers from zones alone. Without a trust anchor nothing in them can
// be proven, and they count as unsigned.
func (f *dnsFlags) openZones(zones *zonefile.Zones) (*lookups, error) {
	if f.dnssec != "off" && f.trustAnchor != "" {
		return f.validated(zones)
	}
	if f.dnssec == "require" {
		return nil, usage(errors.New("--dnssec require with --zone, and no trust anchor"), "name the zone's key with --trust-anchor FILE")
	}
	why := "zone files without --trust-anchor count as unsigned"
	if f.dnssec == "off" {
		why = "nothing was validated, as --dnssec off asks"
	}
	return f.unvalidated(zones, resolver.Insecure, why)
}

// unvalidated believes what the source says.
func (f *dnsFlags) unvalidated(src resolver.Source, status resolver.Status, why string) (*lookups, error) {
	clock, err := f.clock()
	if err != nil {
		return nil, err
	}
	src = f.traced(src)
	u := &resolver.Unvalidated{Source: src, Status: status, Time: clock}
	return &lookups{source: src, cache: cached(u, clock), unproven: why}, nil
}

// validated proves what the source says, by the keys of --trust-anchor or of the
// root.
func (f *dnsFlags) validated(src resolver.Source) (*lookups, error) {
	if f.trustAnchor == "" {
		return f.validatedBy(src, nil)
	}
	anchors, err := loadAnchors(f.trustAnchor)
	if err != nil {
		return nil, err
	}
	return f.validatedBy(src, anchors)
}

// validatedBy proves what the source says by the anchors; nil means the root's.
func (f *dnsFlags) validatedBy(src resolver.Source, anchors *dnssec.Anchors) (*lookups, error) {
	clock, err := f.clock()
	if err != nil {
		return nil, err
	}
	src = f.traced(src)
	v := &dnssec.Validator{
		Source: src, Anchors: anchors, Time: clock,
		RequireDNSSEC: f.dnssec == "require", AcceptSHA1: f.acceptSHA1, KeepProof: f.keepProof,
	}
	if v.NTAs, err = f.negativeAnchors(); err != nil {
		return nil, err
	}
	return &lookups{source: src, validator: v, cache: cached(v, clock)}, nil
}

// negativeAnchors last as long as the command.
func (f *dnsFlags) negativeAnchors() ([]dnssec.NTA, error) {
	var all []dnssec.NTA
	for _, zone := range f.ntas {
		name := "."
		if zone != name {
			n, err := domain.Parse(zone)
			if err != nil {
				return nil, usage(fmt.Errorf("--nta %q is not a domain name", zone), "name the zone that is broken, like example.org")
			}
			name = string(n)
		}
		all = append(all, dnssec.NTA{Zone: name, Reason: "--nta"})
	}
	return all, nil
}

// cached remembers answers. What is evaluated as of some time also expires as of
// that time.
func cached(r resolver.Resolver, clock func() time.Time) *resolver.Cache {
	return &resolver.Cache{Resolver: r, MaxBytes: cacheBytes, Time: clock}
}
