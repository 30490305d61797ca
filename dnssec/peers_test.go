package dnssec

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// peerZone is a zone of the tree in which we are compared with unbound and
// delv: how it is signed, and what is broken afterwards.
type peerZone struct {
	origin   string
	denial   zonesign.Denial
	unsigned bool
	noDS     bool
	expired  bool
	spoil    func(rrs []dns.RR) []dns.RR
	wrongDS  bool
}

const peerText = `@ 300 SOA ns.%[1]s h.%[1]s 1 3600 600 86400 300
@ 300 NS ns.%[1]s
ns 300 A 127.0.0.1
@ 300 MX 10 mx
mx 300 A 192.0.2.1
_25._tcp.mx 300 TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
alias 300 CNAME mx
away 300 CNAME mx.plain.org.
lost 300 CNAME nowhere
*.wild 300 TXT "w"
sub.host 300 A 192.0.2.2
tree 300 DNAME nsec3.org.
`

var peerQuestions = []string{
	"@ MX", "@ DS", "@ SOA", "@ TXT", "mx A", "mx AAAA", "_25._tcp.mx TLSA", "_tcp.mx A", "alias A", "alias AAAA", "away A",
	"lost A", "x.wild TXT", "x.y.wild TXT", "x.wild A", "wild A", "host A", "sub.host A", "nope A", "a.b.nope A", "mx.tree A", "mx DS", "nope DS",
}

// delvQuestions are those that delv is asked too: a process for each, and one
// that retries for seconds where the answer is bogus.
var delvQuestions = []string{"A mx", "AAAA mx", "A alias", "A nope", "TXT x"}

func covered(rr dns.RR, owner string, typ uint16) bool {
	sig, ok := rr.(*dns.RRSIG)
	return ok && dns.CanonicalName(sig.Hdr.Name) == owner && sig.TypeCovered == typ
}

func drop(match func(dns.RR) bool) func([]dns.RR) []dns.RR {
	return func(rrs []dns.RR) []dns.RR { return slices.DeleteFunc(rrs, match) }
}

func flip(owner string, typ uint16) func([]dns.RR) []dns.RR {
	return func(rrs []dns.RR) []dns.RR {
		for _, r := range rrs {
			if covered(r, owner, typ) {
				sig := r.(*dns.RRSIG)
				b, _ := base64.StdEncoding.DecodeString(sig.Signature)
				b[5] ^= 4
				sig.Signature = base64.StdEncoding.EncodeToString(b)
			}
		}
		return rrs
	}
}

func peerZones() []peerZone {
	return []peerZone{
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
		{origin: "nosig.org.", spoil: drop(func(r dns.RR) bool { return covered(r, "mx.nosig.org.", dns.TypeA) })},
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

// signed is what a signer makes of a zone.
type signed struct {
	rrs []dns.RR
	ds  string
}

type signer func(t *testing.T, z peerZone, text string, begin, end time.Time) signed

func signHere(t *testing.T, z peerZone, text string, begin, end time.Time) signed {
	s, err := zonesign.Sign(zonesign.Zone{
		Origin: z.origin, Text: text, Denial: z.denial, Inception: begin, Expiration: end,
		Keys: []*zonesign.Key{newKey(t, z.origin, dns.ECDSAP256SHA256, zonesign.KSK, "k"), newKey(t, z.origin, dns.ECDSAP256SHA256, zonesign.ZSK, "z")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return signed{parseZone(t, z.origin, strings.Join(s.Lines(), "\n")), s.DS()}
}

func parseZone(t *testing.T, origin, text string) []dns.RR {
	t.Helper()
	var rrs []dns.RR
	p := dns.NewZoneParser(strings.NewReader(text), origin, "")
	for r, ok := p.Next(); ok; r, ok = p.Next() {
		rrs = append(rrs, r)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return rrs
}

func command(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", program, args, err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// signOutside signs with two keys from keygen by the commands of a real signer.
func signOutside(t *testing.T, z peerZone, text, keygen string, sign func(dir, ksk, zsk string)) signed {
	dir := t.TempDir()
	origin := z.origin
	var ksk, zsk string
	if keygen == "ldns-keygen" {
		ksk = command(t, dir, keygen, "-a", "ECDSAP256SHA256", "-k", origin)
		zsk = command(t, dir, keygen, "-a", "ECDSAP256SHA256", origin)
	} else {
		ksk = command(t, dir, keygen, "-a", "ECDSAP256SHA256", "-f", "KSK", origin)
		zsk = command(t, dir, keygen, "-a", "ECDSAP256SHA256", origin)
	}
	key, err := os.ReadFile(filepath.Join(dir, ksk+".key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "zone"), []byte("$ORIGIN "+origin+"\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	sign(dir, ksk, zsk)
	out, err := os.ReadFile(filepath.Join(dir, "signed"))
	if err != nil {
		t.Fatal(err)
	}
	ds := ""
	for _, r := range parseZone(t, origin, string(key)) {
		ds += r.(*dns.DNSKEY).ToDS(dns.SHA256).String() + "\n"
	}
	return signed{parseZone(t, origin, string(out)), ds}
}

func signBIND(t *testing.T, z peerZone, text string, begin, end time.Time) signed {
	return signOutside(t, z, text, "dnssec-keygen", func(dir, _, _ string) {
		const layout = "20060102150405"
		args := []string{"-S", "-P", "-o", z.origin, "-f", "signed", "-s", begin.UTC().Format(layout), "-e", end.UTC().Format(layout)}
		if z.denial != zonesign.NSEC {
			args = append(args, "-3", "-", "-H", "0")
		}
		if z.denial == zonesign.OptOut {
			args = append(args, "-A")
		}
		command(t, dir, "dnssec-signzone", append(args, "zone")...)
	})
}

func signLDNS(t *testing.T, z peerZone, text string, begin, end time.Time) signed {
	return signOutside(t, z, text, "ldns-keygen", func(dir, ksk, zsk string) {
		const layout = "20060102150405"
		args := []string{"-o", z.origin, "-f", "signed", "-i", begin.UTC().Format(layout), "-e", end.UTC().Format(layout)}
		if z.denial != zonesign.NSEC {
			args = append(args, "-n", "-t", "0")
		}
		if z.denial == zonesign.OptOut {
			args = append(args, "-p")
		}
		command(t, dir, "ldns-signzone", append(args, "zone", ksk, zsk)...)
	})
}

// peerTree signs the zones from the leaves up and returns them as text, with
// the anchor of the root.
func peerTree(t *testing.T, sign signer) (texts []string, anchor string) {
	zones := peerZones()
	now := time.Now()
	delegations := make(map[string]string)
	for i := len(zones) - 1; i >= 0; i-- {
		z := zones[i]
		text := fmt.Sprintf(peerText, z.origin)
		if z.origin == "." {
			text = strings.ReplaceAll(text, "ns..", "ns.")
			text = strings.ReplaceAll(text, "h..", "h.")
		}
		text += delegations[z.origin]
		begin, end := now.Add(-48*time.Hour), now.Add(48*time.Hour)
		if z.expired {
			end = now.Add(-24 * time.Hour)
		}
		s := signed{rrs: nil}
		if z.unsigned {
			s.rrs = parseZone(t, z.origin, text)
		} else {
			s = sign(t, z, text, begin, end)
		}
		if z.spoil != nil {
			s.rrs = z.spoil(s.rrs)
		}
		if z.wrongDS {
			s.ds = newKey(t, z.origin, dns.ECDSAP256SHA256, zonesign.KSK, "other").DS(dns.SHA256).String() + "\n"
		}
		if z.noDS {
			s.ds = ""
		}
		var b strings.Builder
		for _, r := range s.rrs {
			b.WriteString(r.String() + "\n")
		}
		texts = append(texts, b.String())
		parent := "."
		for _, p := range zones[:i] {
			if dns.IsSubDomain(p.origin, z.origin) && len(p.origin) > len(parent) {
				parent = p.origin
			}
		}
		if z.origin == "." {
			anchor = s.ds
			continue
		}
		delegations[parent] += z.origin + " 300 NS ns." + z.origin + "\nns." + z.origin + " 300 A 127.0.0.1\n" + s.ds
	}
	return texts, anchor
}

// serve answers from the zones on loopback.
func serve(t *testing.T, zones *zonefile.Zones) string {
	t.Helper()
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r, err := zones.Fetch(context.Background(), resolver.Question{
			Name: resolver.CanonicalName(q.Question[0].Name), Type: resolver.Type(q.Question[0].Qtype),
		})
		if err != nil {
			return
		}
		m := r.Msg
		m.Id, m.Question, m.RecursionDesired, m.RecursionAvailable = q.Id, q.Question, q.RecursionDesired, q.RecursionDesired
		m.Extra = nil
		m.SetEdns0(1232, true)
		if w.LocalAddr().Network() == "udp" {
			m.Truncate(1232)
		}
		w.WriteMsg(m)
	})
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: handler}, {Listener: l, Handler: handler}} {
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		go s.ActivateAndServe()
		<-ready
		t.Cleanup(func() { s.Shutdown() })
	}
	_, port, _ := net.SplitHostPort(pc.LocalAddr().String())
	return port
}

// startUnbound runs unbound in front of the server and returns its address.
func startUnbound(t *testing.T, port, anchor string) string {
	t.Helper()
	dir := t.TempDir()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := pc.LocalAddr().String()
	pc.Close()
	_, own, _ := net.SplitHostPort(addr)
	var conf strings.Builder
	fmt.Fprintf(&conf, "server:\n interface: 127.0.0.1@%s\n port: %s\n do-not-query-localhost: no\n username: \"\"\n chroot: \"\"\n"+
		" directory: %q\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n do-daemonize: no\n trust-anchor-file: %q\n qname-minimisation: no\n"+
		" val-log-level: 0\n do-ip6: no\n module-config: \"validator iterator\"\n num-threads: 1\n aggressive-nsec: no\nremote-control:\n control-enable: no\n",
		own, own, dir, filepath.Join(dir, "anchor"))
	for _, z := range peerZones() {
		fmt.Fprintf(&conf, "stub-zone:\n name: %q\n stub-addr: 127.0.0.1@%s\n stub-prime: no\n", z.origin, port)
	}
	for name, text := range map[string]string{"anchor": anchor, "conf": conf.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unbound", "-d", "-c", filepath.Join(dir, "conf"))
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := askServer(addr, "org.", dns.TypeSOA); err == nil {
			return addr
		}
	}
	t.Fatalf("unbound does not answer:\n%s", log.String())
	return ""
}

func askServer(addr, name string, typ uint16) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	m.SetEdns0(1232, true)
	for _, network := range []string{"udp", "tcp"} {
		c := &dns.Client{Net: network, Timeout: 5 * time.Second}
		r, _, err := c.Exchange(m, addr)
		if err != nil || !r.Truncated {
			return r, err
		}
	}
	return nil, fmt.Errorf("truncated")
}

// statusOfUnbound reads the status out of a reply.
func statusOfUnbound(t *testing.T, addr, name string, typ uint16) string {
	t.Helper()
	r, err := askServer(addr, name, typ)
	switch {
	case err != nil:
		t.Fatalf("unbound: %s: %v", name, err)
	case r.Rcode == dns.RcodeServerFailure:
		return "bogus"
	case r.AuthenticatedData:
		return "secure " + dns.RcodeToString[r.Rcode]
	}
	return "insecure " + dns.RcodeToString[r.Rcode]
}

// delvAnchors writes the file that delv reads its anchors from.
func delvAnchors(t *testing.T, a *Anchors) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("trust-anchors {\n")
	for _, ds := range a.zones[root] {
		fmt.Fprintf(&b, " \".\" static-ds %d %d %d \"%s\";\n", ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
	}
	b.WriteString("};\n")
	file := filepath.Join(t.TempDir(), "anchors")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// statusOfDelv runs delv, which tells the status and not the response code.
func statusOfDelv(port, anchors, name string, typ uint16) string {
	out, _ := exec.Command("delv", "@127.0.0.1", "-p", port, "-a", anchors, "+root=.", "-q", name, "-t", dns.TypeToString[typ]).CombinedOutput()
	text := string(out)
	failed := strings.Contains(text, "resolution failed") && !strings.Contains(text, "resolution failed: ncache")
	switch {
	case failed:
		return "bogus"
	case strings.Contains(text, "unsigned answer"), strings.Contains(text, "negative response, unsigned"):
		return "insecure"
	case strings.Contains(text, "fully validated"):
		return "secure"
	}
	return text
}

// peerQuestionsOf lists the questions of the whole tree.
func peerQuestionsOf() [][2]string {
	var out [][2]string
	for _, z := range peerZones() {
		for _, q := range peerQuestions {
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

// TestPeers compares our statuses with those of unbound and delv, over trees
// signed here, by BIND and by ldns, served from zone files.
func TestPeers(t *testing.T) {
	t.Parallel() // it mostly waits for delv
	if testing.Short() {
		t.Skip("-short: runs foreign programs for some seconds")
	}
	for _, program := range []string{"unbound", "delv", "dnssec-signzone", "dnssec-keygen", "ldns-signzone", "ldns-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	for name, sign := range map[string]signer{"here": signHere, "bind": signBIND, "ldns": signLDNS} {
		t.Run(name, func(t *testing.T) {
			texts, anchor := peerTree(t, sign)
			zones := &zonefile.Zones{Authoritative: true}
			for i, text := range texts {
				if err := zones.Add(strings.NewReader(text), fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			anchors, err := ParseAnchors(strings.NewReader(anchor))
			if err != nil {
				t.Fatal(err)
			}
			port := serve(t, zones)
			unbound := startUnbound(t, port, anchor)
			delv := delvAnchors(t, anchors)
			v := &Validator{Source: zones, Anchors: anchors}
			asked := 0
			var wg sync.WaitGroup
			defer wg.Wait()
			slots := make(chan struct{}, 16)
			for _, q := range peerQuestionsOf() {
				asked++
				typ := dns.StringToType[q[1]]
				o, why := askReason(t, v, q[0]+" "+q[1])
				got := o.Status.String() + " " + o.RCode.String()
				if o.Status == resolver.Bogus {
					got = "bogus"
				}
				if want := statusOfUnbound(t, unbound, q[0], typ); got != want {
					t.Errorf("%s %s: got %s (%s), unbound says %s", q[0], q[1], got, why, want)
				}
				if name != "here" || !slices.Contains(delvQuestions, q[1]+" "+strings.Split(q[0], ".")[0]) {
					continue
				}
				wg.Go(func() {
					slots <- struct{}{}
					defer func() { <-slots }()
					want := statusOfDelv(port, delv, q[0], typ)
					// delv calls denials from opt-out spans validated; RFC 5155,
					// Section 9.2 and unbound do not.
					optOut := want == "secure" && strings.Contains(why, "opt-out")
					if o.Status.String() != want && !optOut {
						t.Errorf("%s %s: got %s (%s), delv says %s", q[0], q[1], got, why, want)
					}
				})
			}
			if asked < 200 {
				t.Errorf("only %d names", asked)
			}
		})
	}
}
