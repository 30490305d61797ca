package lab

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/upstream"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// patience is how long anything in the lab waits for anything else. All of it is
// on one host; only an attack that lets somebody wait comes near.
const patience = 5 * time.Second

// Stage is one run's part of the world: its servers, its attackers and its
// record of what happened. An attack sets it up by its methods and then plays.
type Stage struct {
	World    *World
	Controls Controls
	// Clinic is what the clinic has set up. It may be changed before Open.
	Clinic Setup
	// Resolver is what the clinic's and the bank's servers ask. Set by Open.
	Resolver resolver.Resolver
	// Planner plans the bank's deliveries. Set by Open.
	Planner *outbound.Planner

	peers   Peers
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup
	fabric  fabric
	dns     *dnsPath
	dnsAddr string
	record  transcript
	closers []func() error

	public bool // other programs talk to it: no PROXY headers, but XCLIENT

	mu       sync.Mutex
	judged   []*Judgement
	received []string // the reverse-paths that the clinic's server was told
}

func newStage(ctx context.Context, w *World, c Controls) *Stage {
	s := &Stage{World: w, Controls: c}
	s.ctx, s.stop = context.WithCancel(ctx)
	s.fabric.hosts, s.fabric.path = map[string]string{}, map[string]string{}
	s.Clinic = w.setup(c)
	s.dns = &dnsPath{told: map[string]bool{}, note: func(f string, args ...any) { s.Note(KindDNS, f, args...) }}
	return s
}

// Open starts the clinic's servers and the name servers.
func (s *Stage) Open() error {
	clinic, err := s.World.signClinic(&s.Clinic)
	if err != nil {
		return err
	}
	s.dns.world = &zonesign.World{Zones: append([]*zonesign.Signed{clinic}, s.World.zones...)}
	ns, err := zonefile.Serve("127.0.0.1:0", s.dns)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, ns.Close)
	s.dnsAddr = ns.Addr()
	s.Resolver = s.newResolver()
	s.Planner = s.newPlanner()
	if err := s.startClinic(); err != nil {
		return err
	}
	return s.startPolicyHost()
}

// newResolver returns what a server of the lab asks: a validator with DNSSEC,
// else one that believes what it hears. It has no cache, so that an attack takes
// effect at once.
func (s *Stage) newResolver() resolver.Resolver {
	client := &upstream.Client{
		Servers: []resolver.Server{{Addr: s.dnsAddr}}, DNSSEC: s.Controls.Has(DNSSEC),
		Exchanger: resolver.Exchanger{UDPTimeout: patience, TCPTimeout: patience},
	}
	if s.Controls.Has(DNSSEC) {
		return &dnssec.Validator{Source: client, Anchors: s.World.anchors, NoAggressive: true}
	}
	return &resolver.Unvalidated{Source: client, Status: resolver.Insecure, Reason: "this server does not validate"}
}

func (s *Stage) newPlanner() *outbound.Planner {
	p := &outbound.Planner{Resolver: s.Resolver, Shuffle: func(int, func(int, int)) {}}
	if s.Controls.Has(MTASTS) {
		p.STS = &mtasts.Cache{Fetcher: &mtasts.Fetcher{
			Resolver: s.Resolver, RootCAs: s.World.Roots, Timeout: patience,
			Dial: dialer{&s.fabric, BankIP, false}.DialContext,
		}}
	}
	return p
}

// Tamper puts an attacker on the path to the name servers.
func (s *Stage) Tamper(ts ...Tamper) {
	for _, t := range ts {
		s.dns.add(t)
	}
}

// listen serves an address of the story until the stage closes.
func (s *Stage) listen(serve func(net.Listener)) (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.wg.Go(func() { serve(l) })
	s.closers = append(s.closers, func() error { l.Close(); return nil })
	return l.Addr().String(), nil
}

// host makes a host of the story reachable.
func (s *Stage) host(address string, serve func(net.Listener)) error {
	at, err := s.listen(serve)
	if err == nil {
		s.fabric.mu.Lock()
		s.fabric.hosts[address] = at
		s.fabric.mu.Unlock()
	}
	return err
}

// interpose puts an attacker on the path to an address.
func (s *Stage) interpose(address string, serve func(net.Listener)) error {
	at, err := s.listen(serve)
	if err == nil {
		s.fabric.mu.Lock()
		s.fabric.path[address] = at
		s.fabric.mu.Unlock()
	}
	return err
}

// Block makes an address unreachable.
func (s *Stage) Block(address string) {
	s.fabric.mu.Lock()
	defer s.fabric.mu.Unlock()
	delete(s.fabric.hosts, address)
	delete(s.fabric.path, address)
}

// Close ends all that runs and waits for it.
func (s *Stage) Close() error {
	s.stop()
	var first error
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i](); err != nil && first == nil {
			first = fmt.Errorf("lab: %w", err)
		}
	}
	s.wg.Wait()
	return first
}
