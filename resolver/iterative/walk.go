package iterative

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// walk is the work for one Fetch: the way to the name asked, and the detours to
// the addresses of name servers.
type walk struct {
	s       *Source
	asked   resolver.Question
	queries int
	hosts   int      // name servers looked up
	absent  int      // of them, those without address
	pending []string // name servers being looked up, the outermost first

	avoid map[netip.Addr]bool // servers to be asked only if there is no other
}

func (w *walk) fail(reason resolver.Reason, format string, args ...any) error {
	return &resolver.Error{
		Reason: reason, Name: resolver.CanonicalName(w.asked.Name), Type: w.asked.Type, Detail: fmt.Sprintf(format, args...),
	}
}

// resolve goes down from the closest known zone to the servers that answer.
func (w *walk) resolve(ctx context.Context, n string, t uint16) (*resolver.Reply, error) {
	top := n
	if t == dns.TypeDS && n != "." { // RFC 4035, Section 3.1.4.1: the parent has it
		if d, ok := w.s.delegations.get(n); ok && w.s.now().Before(d.expires) && len(w.avoid) == 0 {
			if m := d.dsReply(); m != nil {
				return &resolver.Reply{Msg: m, Server: d.server}, nil
			}
		}
		top = parent(n)
	}
	d := w.s.zoneAbove(top)
	for range maxReferrals {
		reply, next, err := w.ask(ctx, d, n, t)
		if err != nil {
			return nil, err
		}
		if next == nil {
			reply.Msg = trim(reply.Msg, d.zone)
			return reply, nil
		}
		next.server = reply.Server
		w.s.delegations.put(next.zone, next)
		if t == dns.TypeDS && next.zone == n {
			if m := next.dsReply(); m != nil {
				return &resolver.Reply{Msg: m, Server: reply.Server}, nil
			}
			return nil, w.fail(resolver.BadReply, "the servers of %s refer to %s instead of answering for its DS", d.zone, n)
		}
		d = next
	}
	return nil, w.fail(resolver.Limit, "more than %d referrals", maxReferrals)
}

// ask puts the question to the servers of one zone, label by label, until they
// refer to another zone or answer for the whole name.
func (w *walk) ask(ctx context.Context, d *delegation, n string, t uint16) (*resolver.Reply, *delegation, error) {
	labels := dns.CountLabel(d.zone)
	for range maxMinimised {
		short := w.shorten(n, labels)
		if short == n {
			break
		}
		// RFC 9156, Section 2.1 leaves the type open; A is what middleboxes and
		// odd servers treat best.
		reply, err := w.query(ctx, d, short, dns.TypeA)
		if err != nil {
			return nil, nil, err
		}
		if reply.Msg.Rcode != dns.RcodeSuccess {
			break // relaxed: the full name decides (RFC 9156, Section 2.3)
		}
		if next := w.s.referral(reply.Msg, d.zone, short); next != nil {
			return reply, next, nil
		}
		labels = dns.CountLabel(short)
	}
	reply, err := w.query(ctx, d, n, t)
	if err != nil {
		return nil, nil, err
	}
	return reply, w.s.referral(reply.Msg, d.zone, n), nil
}

// shorten returns the part of n that servers need to see next.
func (w *walk) shorten(n string, labels int) string {
	total := dns.CountLabel(n)
	if w.s.NoMinimisation {
		return n
	}
	labels++
	for labels < total && strings.HasPrefix(ancestor(n, labels+1), "_") {
		labels++
	}
	return ancestor(n, labels)
}

// query asks the servers of a zone one after the other, the most promising
// first, and looks up addresses of more when those at hand fail.
func (w *walk) query(ctx context.Context, d *delegation, n string, t uint16) (*resolver.Reply, error) {
	var last *resolver.Reply
	lastErr := w.fail(resolver.Unreachable, "no server of %s has an address", d.zone)
	r := newRound(w.avoid)
	hosts := w.hostsOf(d)
	for r.tried < maxServersTried {
		addr, ok, err := w.nextServer(ctx, hosts, r.asked)
		if err != nil {
			return nil, err
		}
		if !ok && r.again() {
			continue
		}
		if !ok {
			break
		}
		r.asked[addr] = true
		r.tried++
		m, err := w.exchange(ctx, addr, question{d.zone, n, t})
		switch {
		case err != nil && (ctx.Err() != nil || w.queries >= maxQueries):
			return nil, err
		case err != nil:
			lastErr = err
			r.failed(addr, err)
		case w.lame(m, d.zone, n):
			last = &resolver.Reply{Msg: m, Server: addr.String()}
			w.s.server(addr).failed(w.s.now(), lameServer)
		default:
			return &resolver.Reply{Msg: m, Server: addr.String()}, nil
		}
	}
	if last != nil && last.Msg.Rcode != dns.RcodeSuccess {
		return last, nil // SERVFAIL or REFUSED from all that spoke
	}
	if last != nil {
		return nil, w.fail(resolver.BadReply, "%s is not a server of %s (lame delegation)", last.Server, d.zone)
	}
	return nil, lastErr
}

// lame reports whether another server should be asked instead: this one cannot
// answer, or sends us back up.
func (w *walk) lame(m *dns.Msg, zone, n string) bool {
	switch m.Rcode {
	case dns.RcodeSuccess:
	case dns.RcodeNameError:
		return false
	default:
		return true
	}
	if len(m.Answer) > 0 || m.Authoritative || w.s.referral(m, zone, n) != nil {
		return false
	}
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == dns.TypeNS {
			return true // a referral that leads nowhere new
		}
	}
	return false
}

// candidate is a name server of a zone and what is known of its addresses.
type candidate struct {
	host   string
	addrs  []netip.Addr
	looked bool
}

func (w *walk) hostsOf(d *delegation) []candidate {
	out := make([]candidate, len(d.hosts))
	for i, host := range d.hosts {
		out[i] = candidate{host: host, addrs: d.glue[host]}
		if len(out[i].addrs) == 0 {
			if a, ok := w.s.addresses.get(host); ok && w.s.now().Before(a.expires) {
				out[i].addrs, out[i].looked = a.addrs, true
			}
		}
	}
	return out
}

// nextServer picks the best address not asked yet. Only when there is none are
// further name servers looked up.
func (w *walk) nextServer(ctx context.Context, hosts []candidate, asked map[netip.Addr]bool) (netip.Addr, bool, error) {
	looked := 0
	for {
		if a, ok := w.s.best(hosts, asked); ok {
			return a, true, nil
		}
		i := slices.IndexFunc(hosts, func(c candidate) bool { return !c.looked && len(c.addrs) == 0 })
		if i < 0 || looked == maxHostsPerZone {
			return netip.Addr{}, false, nil
		}
		looked++
		hosts[i].looked = true
		addrs, err := w.lookupHost(ctx, hosts[i].host)
		if err != nil {
			return netip.Addr{}, false, err
		}
		hosts[i].addrs = addrs
	}
}
