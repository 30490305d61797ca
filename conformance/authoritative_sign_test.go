package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
)

// signed is what a signer makes of a zone.
type signed struct {
	rrs []dns.RR
	ds  string
}

// signer signs the text of a zone, to be valid from begin to end.
type signer func(t *testing.T, z treeZone, text string, begin, end time.Time) signed

type namedSigner struct {
	name string
	sign signer
}

// signers are those that others wrote, and ours.
func signers(t *testing.T) []namedSigner {
	t.Helper()
	for _, name := range []string{"dnssec-keygen", "dnssec-signzone", "ldns-keygen", "ldns-signzone", "kzonesign", "keymgr"} {
		program(t, name)
	}
	return []namedSigner{{"waxseal", signHere}, {"bind", signBIND}, {"ldns", signLDNS}, {"knot", signKnot}}
}

func zoneKey(t *testing.T, origin string, flags uint16, seed string) *zonesign.Key {
	t.Helper()
	k, err := zonesign.NewKey(origin, dns.ECDSAP256SHA256, flags, seed+origin)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signHere(t *testing.T, z treeZone, text string, begin, end time.Time) signed {
	t.Helper()
	s, err := zonesign.Sign(zonesign.Zone{
		Origin: z.origin, Text: text, Denial: z.denial, Inception: begin, Expiration: end,
		Keys: []*zonesign.Key{zoneKey(t, z.origin, zonesign.KSK, "k"), zoneKey(t, z.origin, zonesign.ZSK, "z")},
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
	p.SetDefaultTTL(300) // keymgr leaves it out
	for r, ok := p.Next(); ok; r, ok = p.Next() {
		rrs = append(rrs, r)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return rrs
}

// lines is the records in zone format, the SOA record first.
func lines(rrs []dns.RR) string {
	soa := slices.IndexFunc(rrs, func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeSOA })
	var b strings.Builder
	b.WriteString(rrs[soa].String() + "\n")
	for i, r := range rrs {
		if i != soa {
			b.WriteString(r.String() + "\n")
		}
	}
	return b.String()
}

func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program(t, name), args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unsignedFile writes the zone where a signer finds it.
func unsignedFile(t *testing.T, z treeZone, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "zone"), "$ORIGIN "+z.origin+"\n"+text)
	return dir
}

// dsOf returns the DS record of the key in a file.
func dsOf(t *testing.T, z treeZone, path string) string {
	t.Helper()
	var ds string
	for _, r := range parseZone(t, z.origin, readText(t, path)) {
		ds += r.(*dns.DNSKEY).ToDS(dns.SHA256).String() + "\n"
	}
	return ds
}

const signerTime = "20060102150405"

func signBIND(t *testing.T, z treeZone, text string, begin, end time.Time) signed {
	t.Helper()
	dir := unsignedFile(t, z, text)
	ksk := output(t, dir, "dnssec-keygen", "-a", "ECDSAP256SHA256", "-f", "KSK", z.origin)
	output(t, dir, "dnssec-keygen", "-a", "ECDSAP256SHA256", z.origin)
	args := []string{
		"-S", "-P", "-o", z.origin, "-f", "signed",
		"-s", begin.UTC().Format(signerTime), "-e", end.UTC().Format(signerTime),
	}
	if z.denial != zonesign.NSEC {
		args = append(args, "-3", "-", "-H", "0")
	}
	if z.denial == zonesign.OptOut {
		args = append(args, "-A")
	}
	output(t, dir, "dnssec-signzone", append(args, "zone")...)
	return signed{parseZone(t, z.origin, readText(t, filepath.Join(dir, "signed"))), dsOf(t, z, filepath.Join(dir, ksk+".key"))}
}

func signLDNS(t *testing.T, z treeZone, text string, begin, end time.Time) signed {
	t.Helper()
	dir := unsignedFile(t, z, text)
	ksk := output(t, dir, "ldns-keygen", "-a", "ECDSAP256SHA256", "-k", z.origin)
	zsk := output(t, dir, "ldns-keygen", "-a", "ECDSAP256SHA256", z.origin)
	args := []string{
		"-o", z.origin, "-f", "signed",
		"-i", begin.UTC().Format(signerTime), "-e", end.UTC().Format(signerTime),
	}
	if z.denial != zonesign.NSEC {
		args = append(args, "-n", "-t", "0")
	}
	if z.denial == zonesign.OptOut {
		args = append(args, "-p")
	}
	output(t, dir, "ldns-signzone", append(args, "zone", ksk, zsk)...)
	return signed{parseZone(t, z.origin, readText(t, filepath.Join(dir, "signed"))), dsOf(t, z, filepath.Join(dir, ksk+".key"))}
}

// signKnot has Knot make the keys too. It signs from some minutes before the
// time that it is told.
func signKnot(t *testing.T, z treeZone, text string, begin, end time.Time) signed {
	t.Helper()
	dir := unsignedFile(t, z, text)
	policy := ""
	if z.denial != zonesign.NSEC {
		policy = "    nsec3: on\n    nsec3-iterations: 0\n    nsec3-salt-length: 0\n"
	}
	if z.denial == zonesign.OptOut {
		policy += "    nsec3-opt-out: on\n"
	}
	write(t, filepath.Join(dir, "conf"), fmt.Sprintf(`database:
    storage: %[1]q
policy:
  - id: own
    algorithm: ecdsap256sha256
    cds-cdnskey-publish: none
    propagation-delay: 0
    rrsig-refresh: 1h
    rrsig-lifetime: %[2]d
%[3]szone:
  - domain: %[4]q
    file: %[5]q
    dnssec-signing: on
    dnssec-policy: own
`, dir, int(end.Sub(begin).Seconds()), policy, z.origin, filepath.Join(dir, "zone")))
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	output(t, dir, "kzonesign", "-c", "conf", "-o", out, "-t", fmt.Sprint(begin.Unix()), z.origin)
	ds, _, _ := strings.Cut(output(t, dir, "keymgr", "-c", "conf", z.origin, "ds"), "\n")
	return signed{parseZone(t, z.origin, readText(t, filepath.Join(out, "zone"))), ds + "\n"}
}
