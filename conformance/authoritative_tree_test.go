package conformance

import (
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
)

// treeZone is a zone of the tree in which we are compared with unbound and delv:
// how it is signed, and what is broken afterwards.
type treeZone struct {
	origin   string
	denial   zonesign.Denial
	unsigned bool
	noDS     bool
	expired  bool
	wrongDS  bool
	spoil    func(rrs []dns.RR) []dns.RR
	hosts    []string // addresses of its servers
}

// Each zone of the tree holds these, after its SOA and name servers.
const treeText = `@ 300 MX 10 mx
mx 300 A 192.0.2.1
_25._tcp.mx 300 TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
alias 300 CNAME mx
away 300 CNAME mx.plain.org.
lost 300 CNAME nowhere
*.wild 300 TXT "w"
sub.host 300 A 192.0.2.2
tree 300 DNAME nsec3.org.
`

var treeLabels = []string{
	"@ MX", "@ DS", "@ SOA", "@ TXT", "mx A", "mx AAAA", "_25._tcp.mx TLSA", "_tcp.mx A", "alias A", "alias AAAA", "away A",
	"lost A", "x.wild TXT", "x.y.wild TXT", "x.wild A", "wild A", "host A", "sub.host A", "nope A", "a.b.nope A", "mx.tree A", "mx DS", "nope DS",
}

// treeZones lists the parents before their children.
func treeZones() []treeZone {
	return []treeZone{
		{origin: "."},
		{origin: "org."},
		{origin: "nsec.org."},
		{origin: "nsec3.org.", denial: zonesign.NSEC3},
		{origin: "optout.org.", denial: zonesign.OptOut},
		{origin: "child.optout.org."},
		{origin: "bare.optout.org.", unsigned: true},
		{origin: "plain.org.", unsigned: true},
		{origin: "island.org.", noDS: true},
		{origin: "expired.org.", expired: true},
		{origin: "badds.org.", wrongDS: true},
		{origin: "badsig.org.", spoil: flip("mx.badsig.org.", dns.TypeA)},
		{origin: "badnsec.org.", spoil: flip("mx.badnsec.org.", dns.TypeNSEC)},
		{origin: "badkey.org.", spoil: flip("badkey.org.", dns.TypeDNSKEY)},
		{origin: "swapped.org.", spoil: swap("mx.swapped.org.", "sub.host.swapped.org.")},
		{origin: "nosig.org.", spoil: drop(func(r dns.RR) bool { return covers(r, "mx.nosig.org.", dns.TypeA) })},
		{origin: "nosigs.org.", spoil: drop(func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeRRSIG })},
		{origin: "nonsec.org.", spoil: drop(func(r dns.RR) bool {
			return r.Header().Rrtype == dns.TypeNSEC && dns.CanonicalName(r.Header().Name) != "nonsec.org."
		})},
		{origin: "data.org.", spoil: func(rrs []dns.RR) []dns.RR {
			for _, r := range rrs {
				if a, ok := r.(*dns.A); ok && dns.CanonicalName(a.Hdr.Name) == "mx.data.org." {
					a.A = net.IPv4(192, 0, 2, 66)
				}
			}
			return rrs
		}},
	}
}

// covers reports whether rr is a signature over that set.
func covers(rr dns.RR, owner string, typ uint16) bool {
	sig, ok := rr.(*dns.RRSIG)
	return ok && dns.CanonicalName(sig.Hdr.Name) == owner && sig.TypeCovered == typ
}

func drop(match func(dns.RR) bool) func([]dns.RR) []dns.RR {
	return func(rrs []dns.RR) []dns.RR { return slices.DeleteFunc(rrs, match) }
}

// flip changes a bit of a signature.
func flip(owner string, typ uint16) func([]dns.RR) []dns.RR {
	return func(rrs []dns.RR) []dns.RR {
		for _, r := range rrs {
			if covers(r, owner, typ) {
				sig := r.(*dns.RRSIG)
				b, _ := base64.StdEncoding.DecodeString(sig.Signature)
				b[5] ^= 4
				sig.Signature = base64.StdEncoding.EncodeToString(b)
			}
		}
		return rrs
	}
}

// swap exchanges the signatures over the A records of two names.
func swap(a, b string) func([]dns.RR) []dns.RR {
	return func(rrs []dns.RR) []dns.RR {
		var sigs []*dns.RRSIG
		for _, r := range rrs {
			if covers(r, a, dns.TypeA) || covers(r, b, dns.TypeA) {
				sigs = append(sigs, r.(*dns.RRSIG))
			}
		}
		sigs[0].Signature, sigs[1].Signature = sigs[1].Signature, sigs[0].Signature
		return rrs
	}
}

// tree is the zones in zone format, by origin, and the anchor of the root.
type tree struct {
	zones  []treeZone
	text   map[string]string
	anchor string
}

// newTree signs the zones from the leaves up.
func newTree(t *testing.T, zones []treeZone, text string, sign signer) *tree {
	t.Helper()
	tr := &tree{zones: zones, text: map[string]string{}}
	now := time.Now()
	delegations := map[string]string{}
	for i, z := range slices.Backward(zones) {
		own := "@ 300 SOA ns0 h 1 3600 600 86400 300\n" + nameServers("@", z) + text + delegations[z.origin]
		begin, end := now.Add(-48*time.Hour), now.Add(48*time.Hour)
		if z.expired {
			end = now.Add(-24 * time.Hour)
		}
		var s signed
		if z.unsigned {
			s.rrs = parseZone(t, z.origin, own)
		} else {
			s = sign(t, z, own, begin, end)
		}
		if z.spoil != nil {
			s.rrs = z.spoil(s.rrs)
		}
		if z.wrongDS {
			s.ds = zoneKey(t, z.origin, zonesign.KSK, "other").DS(dns.SHA256).String() + "\n"
		}
		if z.noDS {
			s.ds = ""
		}
		tr.text[z.origin] = lines(s.rrs)
		if z.origin == "." {
			tr.anchor = s.ds
			continue
		}
		above := parentOf(zones[:i], z.origin)
		delegations[above] += nameServers(z.origin, z) + s.ds
	}
	return tr
}

// nameServers are the NS records of a zone, with the addresses.
func nameServers(owner string, z treeZone) string {
	var b strings.Builder
	for i, host := range z.hosts {
		name := fmt.Sprintf("ns%d.%s", i, strings.TrimPrefix(z.origin, "."))
		fmt.Fprintf(&b, "%s 300 NS %s\n%s 300 A %s\n", owner, name, name, host)
	}
	return b.String()
}

func parentOf(zones []treeZone, origin string) string {
	above := "."
	for _, p := range zones {
		if dns.IsSubDomain(p.origin, origin) && len(p.origin) > len(above) {
			above = p.origin
		}
	}
	return above
}

// treeQuestions lists the questions of the whole tree.
func treeQuestions(zones []treeZone) [][2]string {
	var out [][2]string
	for _, z := range zones {
		for _, q := range treeLabels {
			label, typ, _ := strings.Cut(q, " ")
			name := label + "." + strings.TrimPrefix(z.origin, ".")
			if label == "@" {
				name = z.origin
			}
			out = append(out, [2]string{name, typ})
		}
	}
	return out
}
