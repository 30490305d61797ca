package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/dnssec/zonesign"
)

// Numbers of RFC 8624, Section 3.1 and RFC 1035, Section 3.2.2.
const (
	rsaSHA1 = 5
	ed25519 = 15
	typeA   = 1
)

// plot is one zone of the shipped tree.
type plot struct {
	origin, comment, text string
	denial                zonesign.Denial
	alg                   uint8 // 0: not signed
	begin, end            time.Time
	ds                    string // what the parent has instead of the right DS
	breakIt               func(*zonesign.Signed)
}

// TestExampleTree holds the shipped tree to what signs it: the zones below with
// keys that follow from their names. WAXSEAL_UPDATE=1 writes it again.
func TestExampleTree(t *testing.T) {
	zones, key := growTree(t)
	for name, want := range map[string]string{"example/tree.zone": zones, "example/tree.key": key} {
		if os.Getenv("WAXSEAL_UPDATE") != "" {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want {
			t.Errorf("%s is stale (%v): run WAXSEAL_UPDATE=1 go test ./cmd/waxseal -run TestExampleTree", name, err)
		}
	}
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// plots lists the zones, children before parents.
func plots(t *testing.T) []plot {
	old := zonesign.MustSign(zonesign.Zone{
		Origin: "moved.example.", Keys: keysOf(t, "moved.example.", ed25519, "old"),
		Inception: day("2026-01-01"), Expiration: day("2056-01-01"),
	})
	return []plot{
		{origin: "good.example.", comment: "Everything in order, as it should be.", alg: ed25519, text: `
@         MX    10 mx
          TXT   "v=spf1 mx -all"
www       A     192.0.2.10
          AAAA  2001:db8::10
mx        A     192.0.2.25
_25._tcp.mx TLSA 3 1 1 8d02536c887482bc34ff54e41d2ba659bf85b341a0a20afadb5813dcfbcf286d
alias     CNAME www
away      CNAME www.unsigned.example.
*.shop    A     192.0.2.11
`},
		{origin: "unsigned.example.", comment: "Not signed, and its parent proves that.", text: "www A 192.0.2.20\n@ MX 10 www\n"},
		{
			origin: "expired.example.", comment: "Somebody forgot to sign again.", alg: ed25519, end: day("2026-02-01"),
			text: "www A 192.0.2.30\n",
		},
		{
			origin: "early.example.", comment: "Signed for a time to come: a clock is wrong.", alg: ed25519, begin: day("2055-01-01"),
			text: "www A 192.0.2.35\n",
		},
		{
			origin: "forged.example.", comment: "The address of www is not the one that was signed.", alg: ed25519,
			text: "www A 192.0.2.40\n@ MX 10 www\n",
			breakIt: func(s *zonesign.Signed) {
				other := zonesign.MustSign(zonesign.Zone{Origin: "forged.example.", Text: "www A 203.0.113.66\n"})
				s.Replace("www.forged.example.", typeA, other.Records("www.forged.example.", typeA)...)
			},
		},
		{
			origin: "moved.example.", comment: "New keys, while the parent has the DS of the old ones.", alg: ed25519,
			text: "www A 192.0.2.50\n", ds: old.DS(),
		},
		{
			origin: "stripped.example.", comment: "The parent says it is signed, and it is not.", alg: ed25519,
			text: "www A 192.0.2.60\n", breakIt: (*zonesign.Signed).StripAll,
		},
		{origin: "sha1.example.", comment: "Signed with SHA-1 alone, which proves nothing any more (RFC 9905).", alg: rsaSHA1, text: "www A 192.0.2.70\n"},
		{origin: "hashed.example.", comment: "Signed, and what does not exist is denied by NSEC3.", alg: ed25519, denial: zonesign.NSEC3, text: "www A 192.0.2.80\n"},
		{origin: "example.", comment: "The top-level domain: where each zone below is signed, its DS is here.", alg: ed25519},
		{origin: ".", comment: "The root. Its key is in tree.key.", alg: ed25519},
	}
}

func growTree(t *testing.T) (zones, key string) {
	t.Helper()
	delegations := map[string]string{} // by parent
	var parts []string
	for _, p := range plots(t) {
		z := zonesign.Zone{
			Origin: p.origin, Denial: p.denial,
			Text:      "@ NS ns.invalid.\n" + p.text + delegations[p.origin],
			Inception: day("2026-01-01"), Expiration: day("2056-01-01"),
		}
		if p.alg != 0 {
			z.Keys = keysOf(t, p.origin, p.alg, "")
		}
		if !p.begin.IsZero() {
			z.Inception = p.begin
		}
		if !p.end.IsZero() {
			z.Expiration = p.end
		}
		s := zonesign.MustSign(z)
		key = s.DS()
		ds := p.ds
		if ds == "" && p.alg != 0 {
			ds = key
		}
		if p.breakIt != nil {
			p.breakIt(s)
		}
		parent := "."
		if p.origin != "example." {
			parent = "example."
		}
		if p.origin != "." {
			delegations[parent] += p.origin + " NS ns.invalid.\n" + ds
		}
		parts = append(parts, "; "+p.comment+"\n"+strings.Join(sortOwners(s.Lines()), "\n")+"\n")
	}
	slices.Reverse(parts)
	head := "; A small tree of zones, really signed, with one zone for each thing that goes\n" +
		"; wrong. Written by TestExampleTree; every name is reserved by RFC 2606, every\n" +
		"; address by RFC 5737 and RFC 3849. Signatures last until 2056.\n\n"
	return head + strings.Join(parts, "\n"), "; The key that signs the root of tree.zone.\n" + key
}

// sortOwners puts the records of each owner into one order; which of them comes
// first is open otherwise.
func sortOwners(lines []string) []string {
	owner := func(l string) string { return l[:strings.IndexByte(l, '\t')] }
	for i := 0; i < len(lines); {
		j := i
		for j < len(lines) && owner(lines[j]) == owner(lines[i]) {
			j++
		}
		slices.Sort(lines[i:j])
		i = j
	}
	return lines
}

func keysOf(t *testing.T, zone string, alg uint8, seed string) []*zonesign.Key {
	t.Helper()
	if alg != rsaSHA1 {
		k, err := zonesign.NewKey(zone, alg, zonesign.KSK, seed+zone)
		if err != nil {
			t.Fatal(err)
		}
		return []*zonesign.Key{k}
	}
	k, err := zonesign.KeyFrom(zone, alg, zonesign.KSK, shippedRSA(t))
	if err != nil {
		t.Fatal(err)
	}
	return []*zonesign.Key{k}
}

func shippedRSA(t *testing.T) crypto.Signer {
	t.Helper()
	text, err := os.ReadFile("example/rsa.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return k.(*rsa.PrivateKey)
}
