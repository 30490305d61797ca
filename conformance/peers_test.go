package conformance

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// peerDomain is no name under .test: libunbound answers those by itself.
const peerDomain = "peers.example.org"

// missing ends a test for want of software of other people, which CI must have.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI must have it", what)
	}
	t.Skipf("%s is not installed; test.sh installs it", what)
}

// program finds a program, also where only root's PATH has it.
func program(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, filepath.Join("/usr/sbin", name)} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	missing(t, name)
	return ""
}

// peerKeys returns a key of each algorithm, with the algorithm's key type as
// its selector, and the zone that has their records.
func peerKeys(t *testing.T) ([]dkim.Key, *zonefile.Zones) {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := []dkim.Key{
		{Domain: peerDomain, Selector: "rsa", Private: rsaKey},
		{Domain: peerDomain, Selector: "ed25519", Private: edKey},
	}
	zone := "example.org. SOA ns.example.org. root.example.org. 1 3600 600 86400 60\nexample.org. NS ns.example.org.\nns.example.org. A 127.0.0.1\n"
	for i := range keys {
		zone += keys[i].KeyName() + ". TXT " + quoteString(keyRecord(t, keys[i].Private)) + "\n"
	}
	return keys, zonefile.FromText(zone)
}

func keyRecord(t *testing.T, private crypto.Signer) string {
	t.Helper()
	text, err := dkim.FormatRecord(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// verdicts has the result for each signature, by its selector.
type verdicts map[string]string

// anyPass reports whether a signature verified.
func (v verdicts) anyPass() bool {
	for _, result := range v {
		if result == "pass" {
			return true
		}
	}
	return false
}

func readMessage(t *testing.T, text string) *message.Message {
	t.Helper()
	m, err := message.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// verify returns our verdicts, one for each signature.
func verify(t *testing.T, zones *zonefile.Zones, text string) verdicts {
	t.Helper()
	m := readMessage(t, text)
	v := dkim.Verifier{Resolver: unvalidated(t, zones)}
	all, err := v.Verify(context.Background(), m.Header, m.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := verdicts{}
	for _, one := range all {
		got[one.Selector] = string(one.Result)
	}
	return got
}

// sign returns a message with our signatures in front.
func sign(t *testing.T, s *dkim.Signer, text string) string {
	t.Helper()
	m := readMessage(t, text)
	fields, err := s.Sign(m.Header, m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

// canonPair is the value of c=.
type canonPair struct{ header, body dkim.Canonicalization }

func (c canonPair) String() string { return c.header.String() + "/" + c.body.String() }

func canonPairs() []canonPair {
	return []canonPair{
		{dkim.Relaxed, dkim.Relaxed},
		{dkim.Relaxed, dkim.Simple},
		{dkim.Simple, dkim.Relaxed},
		{dkim.Simple, dkim.Simple},
	}
}

// crossCase is a message of the corpus to be signed with a key in a
// canonicalization, with the name that it has in skips.tsv.
type crossCase struct {
	name  string
	key   dkim.Key
	canon canonPair
	text  string
}

func crossCases(keys []dkim.Key) []crossCase {
	var all []crossCase
	for _, k := range keys {
		for _, c := range canonPairs() {
			for _, b := range corpusBodies() {
				all = append(all, crossCase{
					name:  fmt.Sprintf("%s/%s-%s/%s", k.Selector, c.header, c.body, b.name),
					key:   k,
					canon: c,
					text:  corpusHeader + "\r\n" + b.text,
				})
			}
		}
	}
	return all
}

// headerCases are odd headers to be signed with an RSA key, in each header
// canonicalization.
func headerCases(keys []dkim.Key) []crossCase {
	var all []crossCase
	for _, c := range []canonPair{{dkim.Relaxed, dkim.Simple}, {dkim.Simple, dkim.Relaxed}} {
		for _, h := range oddHeaders() {
			all = append(all, crossCase{c.header.String() + "/" + h.name, keys[0], c, h.text + "\r\nHello\r\n"})
		}
	}
	return all
}

// of returns the verdict on the signature of the case, where there are others.
func (c crossCase) of(v verdicts) verdicts { return verdicts{c.key.Selector: v[c.key.Selector]} }

func names(cases []crossCase) []string {
	var all []string
	for _, c := range cases {
		all = append(all, c.name)
	}
	return all
}

// sign returns the message with our signature in front.
func (c crossCase) sign(t *testing.T) string {
	t.Helper()
	return sign(t, &dkim.Signer{Keys: []dkim.Key{c.key}, Header: c.canon.header, Body: c.canon.body}, c.text)
}

// pass is what the signature alone gives.
func (c crossCase) pass() verdicts { return verdicts{c.key.Selector: "pass"} }

// checkForeign verifies what a peer signed, and what tampering makes of it.
func (c crossCase) checkForeign(t *testing.T, zones *zonefile.Zones, signed string) {
	t.Helper()
	same(t, "signed", verify(t, zones, signed), c.pass())
	for _, change := range tamperings(signed) {
		if got := verify(t, zones, change.change(signed)); got.anyPass() {
			t.Errorf("%s: got %v", change.name, got)
		}
	}
}

// runRows runs a subtest for each row and compares how many passed with RESULTS.md.
func runRows(t *testing.T, suite, mode string, names []string, run func(t *testing.T, row int)) {
	t.Helper()
	excused := skips(t, suite)
	count := tally{Suite: suite, Mode: mode}
	for i, name := range names {
		count.Cases++
		if excuses(t, excused, mode+": "+name) {
			count.Skipped++
			continue
		}
		if t.Run(name, func(t *testing.T) { run(t, i) }) {
			count.Passed++
		}
	}
	count.check(t)
}

// excuses reports whether skips.tsv excuses a row; in these suites its cases are
// patterns.
func excuses(t *testing.T, excused map[string]string, row string) bool {
	t.Helper()
	for pattern := range excused {
		ok, err := path.Match(pattern, row)
		if err != nil {
			t.Fatalf("skips.tsv: %q: %v", pattern, err)
		}
		if ok {
			return true
		}
	}
	return false
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%s: got - want +\n%s", what, diff)
	}
}
