package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/upstream"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// cacheBytes bounds the DNS cache of one command.
const cacheBytes = 64 << 20

// dnsFlags are the flags of every command that looks names up.
type dnsFlags struct {
	servers     []string
	recursive   bool
	rootHints   string
	trustAnchor string
	dnssec      string
	zones       []string
	at          string
}

func (f *dnsFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.servers, "dns", nil, "ask this DNS server, `ADDR[:PORT]` (repeatable; default: the system's resolvers)")
	fs.StringVar(&f.trustAnchor, "trust-anchor", "", "trust the DS or DNSKEY records in this `FILE` (default: the root's built-in keys)")
	fs.StringVar(&f.dnssec, "dnssec", "auto", "auto: validate, and say where that is not possible; require: that is an error; off")
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
	return func() time.Time { return t }, nil
}

// resolver builds what the flags ask for.
func (f *dnsFlags) resolver() (resolver.Resolver, error) {
	switch f.dnssec {
	case "auto", "require", "off":
	default:
		return nil, usage(fmt.Errorf("--dnssec %q is not known", f.dnssec), "use auto, require or off")
	}
	if len(f.zones) > 0 {
		if len(f.servers) > 0 {
			return nil, usage(errors.New("--zone and --dns together"), "--zone answers from files alone; leave one of them out")
		}
		zones, err := loadZones(f.zones)
		if err != nil {
			return nil, err
		}
		return f.zoneResolver(zones)
	}
	servers, err := f.serverList()
	if err != nil {
		return nil, err
	}
	client := &upstream.Client{Servers: servers, DNSSEC: f.dnssec != "off"}
	if f.dnssec == "off" {
		return f.cached(&resolver.Unvalidated{Source: client, Status: resolver.Indeterminate})
	}
	return f.validated(client)
}

// zoneResolver answers from zones alone. Without a trust anchor nothing in them
// can be proven, and they count as unsigned.
func (f *dnsFlags) zoneResolver(zones *zonefile.Zones) (resolver.Resolver, error) {
	if f.dnssec != "off" && f.trustAnchor != "" {
		return f.validated(zones)
	}
	if f.dnssec == "require" {
		return nil, usage(errors.New("--dnssec require with --zone, and no trust anchor"), "name the zone's key with --trust-anchor FILE")
	}
	return f.cached(&resolver.Unvalidated{Source: zones, Status: resolver.Insecure})
}

// validated proves what the source says.
func (f *dnsFlags) validated(src resolver.Source) (resolver.Resolver, error) {
	clock, err := f.clock()
	if err != nil {
		return nil, err
	}
	v := &dnssec.Validator{Source: src, Time: clock, RequireDNSSEC: f.dnssec == "require"}
	if f.trustAnchor != "" {
		if v.Anchors, err = loadAnchors(f.trustAnchor); err != nil {
			return nil, err
		}
	}
	return f.cached(v)
}

func (f *dnsFlags) cached(r resolver.Resolver) (resolver.Resolver, error) {
	return &resolver.Cache{Resolver: r, MaxBytes: cacheBytes}, nil
}

func loadAnchors(path string) (*dnssec.Anchors, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fail(err, "--trust-anchor takes a file with DS or DNSKEY records in zone format")
	}
	defer file.Close()
	anchors, err := dnssec.ParseAnchors(file)
	if err != nil {
		return nil, fail(fmt.Errorf("%s: %w", path, err), "--trust-anchor takes a file with DS or DNSKEY records in zone format")
	}
	return anchors, nil
}

// serverList is what --dns says, or the system's configuration.
func (f *dnsFlags) serverList() ([]resolver.Server, error) {
	if len(f.servers) > 0 {
		servers, err := upstream.ParseServers(f.servers)
		if err != nil {
			return nil, usage(fmt.Errorf("--dns: %w", err), "write it like 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53")
		}
		return servers, nil
	}
	const path = "/etc/resolv.conf"
	file, err := os.Open(path)
	if err != nil {
		return nil, fail(fmt.Errorf("the system's resolvers are not known: %w", err), "name a server with --dns ADDR")
	}
	defer file.Close()
	servers, err := upstream.ParseResolvConf(file)
	if err != nil {
		return nil, fail(fmt.Errorf("%s: %w", path, err), "name a server with --dns ADDR")
	}
	return servers, nil
}

func loadZones(paths []string) (*zonefile.Zones, error) {
	zones := new(zonefile.Zones)
	for _, path := range paths {
		if err := loadZone(zones, path); err != nil {
			return nil, err
		}
	}
	return zones, nil
}

func loadZone(zones *zonefile.Zones, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fail(err, "--zone takes a file in RFC 1035 format")
	}
	defer file.Close()
	if err := zones.Add(file, path); err != nil {
		return fail(err, "each line is NAME [TTL] [CLASS] TYPE DATA; names without a final dot are relative to $ORIGIN")
	}
	return nil
}

// failOn is the --fail-on flag: words that make the exit code 3.
type failOn struct{ words []string }

func (f *failOn) register(cmd *cobra.Command, example string) {
	cmd.Flags().StringSliceVar(&f.words, "fail-on", nil, "exit with 3 if a result is one of these, such as "+example)
}

// check returns errFailOn if some control has a result that was asked for. A
// word is RESULT (of any control) or CONTROL=RESULT.
func (f *failOn) check(results map[string][]string) error {
	for _, word := range f.words {
		control, result, named := strings.Cut(word, "=")
		if !named {
			control, result = "", word
		}
		for c, rs := range results {
			if control != "" && control != c {
				continue
			}
			for _, r := range rs {
				if r == result {
					return errFailOn
				}
			}
		}
	}
	return nil
}

// validate refuses words that can never match, which would pass in silence.
func (f *failOn) validate(controls, results []string) error {
	for _, word := range f.words {
		control, result, named := strings.Cut(word, "=")
		if !named {
			control, result = "", word
		}
		if control != "" && !contains(controls, control) {
			return usage(fmt.Errorf("--fail-on %q: no control is called %q", word, control), "controls: "+strings.Join(controls, ", "))
		}
		if !contains(results, result) {
			return usage(fmt.Errorf("--fail-on %q: no result is called %q", word, result), "results: "+strings.Join(results, ", "))
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
