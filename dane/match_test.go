package dane_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dane"
)

// world is the set of certificates that the tests of Verify use.
type world struct {
	root, sub, leaf              *issued
	expiredLeaf, expiredSub      *issued
	underExpired, nameless, self *issued
	selfCA, cnOnly, wild         *issued
}

func newWorld(t testing.TB) *world {
	past := func(c x509.Certificate) x509.Certificate {
		c.NotBefore, c.NotAfter = now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)
		return c
	}
	w := &world{root: issue(t, nil, ca("root"))}
	w.sub = issue(t, w.root, ca("sub"))
	w.leaf = issue(t, w.sub, server("mx.example", "alt.example"))
	w.expiredLeaf = issue(t, w.sub, past(server("mx.example")))
	w.expiredSub = issue(t, w.root, past(ca("old sub")))
	w.underExpired = issue(t, w.expiredSub, server("mx.example"))
	backwards := x509.Certificate{NotBefore: now, NotAfter: now.AddDate(-1, 0, 0)}
	w.nameless = issue(t, nil, backwards)
	w.self = issue(t, nil, server("mx.example"))
	w.selfCA = issue(t, nil, x509.Certificate{DNSNames: []string{"mx.example"}, IsCA: true, Subject: pkix.Name{CommonName: "both"}})
	w.cnOnly = issue(t, w.sub, x509.Certificate{Subject: pkix.Name{CommonName: "mx.example"}, SerialNumber: big.NewInt(7)})
	w.wild = issue(t, w.sub, server("*.example"))
	return w
}

// outcome is the part of a Match that the table states.
type outcome struct {
	Result  dane.Result
	Record  int // which of the records matched, -1 none
	Depth   int
	Failure dane.Failure
}

func outcomeOf(m dane.Match) outcome {
	o := outcome{m.Result, -1, m.Depth, m.Failure}
	for i, c := range m.Records {
		if c.State == dane.StateMatched {
			o.Record = i
		}
	}
	return o
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	full := chain(w.leaf, w.sub, w.root)
	match := func(record, depth int) outcome { return outcome{dane.Matched, record, depth, ""} }
	no := func(f dane.Failure) outcome { return outcome{dane.NoMatch, -1, -1, f} }
	unusable := outcome{dane.Unusable, -1, -1, ""}
	rs := func(r ...dane.Record) []dane.Record { return r }
	short := dane.Record{Usage: 3, Selector: 1, MatchingType: 1, Data: []byte{1, 2}}
	tests := []struct {
		name    string
		records []dane.Record
		chain   []*x509.Certificate
		names   []string
		want    outcome
	}{
		{"no-records", nil, full, nil, outcome{dane.None, -1, -1, ""}},
		{"no-chain", rs(tlsa(3, 1, 1, w.leaf)), nil, nil, no(dane.NoServerCert)},
		{"ee-300", rs(tlsa(3, 0, 0, w.leaf)), full, nil, match(0, 0)},
		{"ee-301", rs(tlsa(3, 0, 1, w.leaf)), full, nil, match(0, 0)},
		{"ee-302", rs(tlsa(3, 0, 2, w.leaf)), full, nil, match(0, 0)},
		{"ee-310", rs(tlsa(3, 1, 0, w.leaf)), full, nil, match(0, 0)},
		{"ee-311", rs(tlsa(3, 1, 1, w.leaf)), full, nil, match(0, 0)},
		{"ee-312", rs(tlsa(3, 1, 2, w.leaf)), full, nil, match(0, 0)},
		{"ee-wrong-name", rs(tlsa(3, 1, 1, w.leaf)), full, []string{"other.example"}, match(0, 0)},
		{"ee-expired", rs(tlsa(3, 1, 1, w.expiredLeaf)), chain(w.expiredLeaf), nil, match(0, 0)},
		{"ee-nameless-backwards", rs(tlsa(3, 0, 1, w.nameless)), chain(w.nameless), nil, match(0, 0)},
		{"ee-of-issuer", rs(tlsa(3, 1, 1, w.sub)), full, nil, no(dane.NoRecord)},
		{"ee-wrong", rs(wrong(tlsa(3, 1, 1, w.leaf))), full, nil, no(dane.NoRecord)},
		{"ee-next-key", rs(tlsa(3, 1, 1, w.self), tlsa(3, 1, 1, w.leaf)), full, nil, match(1, 0)},

		{"ta-root-200", rs(tlsa(2, 0, 0, w.root)), full, []string{"mx.example"}, match(0, 2)},
		{"ta-root-201", rs(tlsa(2, 0, 1, w.root)), full, []string{"mx.example"}, match(0, 2)},
		{"ta-root-210", rs(tlsa(2, 1, 0, w.root)), full, []string{"mx.example"}, match(0, 2)},
		{"ta-root-211", rs(tlsa(2, 1, 1, w.root)), full, []string{"mx.example"}, match(0, 2)},
		{"ta-root-212", rs(tlsa(2, 1, 2, w.root)), full, []string{"mx.example"}, match(0, 2)},
		{"ta-sub-211", rs(tlsa(2, 1, 1, w.sub)), full, []string{"mx.example"}, match(0, 1)},
		{"ta-sub-201-no-root", rs(tlsa(2, 0, 1, w.sub)), chain(w.leaf, w.sub), []string{"mx.example"}, match(0, 1)},
		{"ta-unordered-chain", rs(tlsa(2, 1, 1, w.root)), chain(w.leaf, w.root, w.sub), []string{"mx.example"}, match(0, 2)},
		{"ta-second-name", rs(tlsa(2, 1, 1, w.root)), full, []string{"other.example", "alt.example"}, match(0, 2)},
		{"ta-absent-201", rs(tlsa(2, 0, 1, w.root)), chain(w.leaf, w.sub), []string{"mx.example"}, no(dane.NoRecord)},
		{"ta-absent-211", rs(tlsa(2, 1, 1, w.root)), chain(w.leaf, w.sub), []string{"mx.example"}, no(dane.NoRecord)},
		{"ta-absent-200", rs(tlsa(2, 0, 0, w.root)), chain(w.leaf, w.sub), []string{"mx.example"}, match(0, 2)},
		{"ta-absent-200-sub", rs(tlsa(2, 0, 0, w.sub)), chain(w.leaf), []string{"mx.example"}, match(0, 1)},
		{"ta-absent-210-root", rs(tlsa(2, 1, 0, w.root)), chain(w.leaf, w.sub), []string{"mx.example"}, match(0, 1)},
		{"ta-absent-210-sub", rs(tlsa(2, 1, 0, w.sub)), chain(w.leaf), []string{"mx.example"}, match(0, 0)},
		{"ta-absent-210-wrong-name", rs(tlsa(2, 1, 0, w.sub)), chain(w.leaf), []string{"no.example"}, no(dane.WrongName)},
		{"ta-absent-210-expired", rs(tlsa(2, 1, 0, w.sub)), chain(w.expiredLeaf), []string{"mx.example"}, no(dane.Expired)},
		{"ta-absent-210-other-key", rs(tlsa(2, 1, 0, w.self)), chain(w.leaf, w.sub), []string{"mx.example"}, no(dane.NoRecord)},
		{"ta-missing-intermediate", rs(tlsa(2, 1, 1, w.root)), chain(w.leaf, w.root), []string{"mx.example"}, no(dane.NotTrusted)},
		{"ta-wrong-name", rs(tlsa(2, 1, 1, w.root)), full, []string{"other.example"}, no(dane.WrongName)},
		{"ta-no-names", rs(tlsa(2, 1, 1, w.root)), full, nil, no(dane.WrongName)},
		{"ta-wildcard", rs(tlsa(2, 1, 1, w.root)), chain(w.wild, w.sub, w.root), []string{"mx.example"}, match(0, 2)},
		{"ta-wildcard-depth", rs(tlsa(2, 1, 1, w.root)), chain(w.wild, w.sub, w.root), []string{"a.mx.example"}, no(dane.WrongName)},
		{"ta-common-name", rs(tlsa(2, 1, 1, w.root)), chain(w.cnOnly, w.sub, w.root), []string{"mx.example"}, match(0, 2)},
		{"ta-expired-leaf", rs(tlsa(2, 1, 1, w.root)), chain(w.expiredLeaf, w.sub, w.root), []string{"mx.example"}, no(dane.Expired)},
		{"ta-expired-intermediate", rs(tlsa(2, 1, 1, w.root)), chain(w.underExpired, w.expiredSub, w.root), []string{"mx.example"}, no(dane.Expired)},
		// A leaf is never its own trust anchor, in whatever way it is offered.
		{"ta-leaf-211", rs(tlsa(2, 1, 1, w.leaf)), full, []string{"mx.example"}, no(dane.NoRecord)},
		{"ta-leaf-201", rs(tlsa(2, 0, 1, w.leaf)), full, []string{"mx.example"}, no(dane.NoRecord)},
		{"ta-leaf-200", rs(tlsa(2, 0, 0, w.self)), chain(w.self), []string{"mx.example"}, no(dane.NoRecord)},
		{"ta-leaf-210", rs(tlsa(2, 1, 0, w.self)), chain(w.self), []string{"mx.example"}, no(dane.NoRecord)},
		{"ta-leaf-twice", rs(tlsa(2, 0, 1, w.self)), chain(w.self, w.self), []string{"mx.example"}, no(dane.NoRecord)},
		{"ta-leaf-ca-twice", rs(tlsa(2, 1, 1, w.selfCA)), chain(w.selfCA, w.selfCA), []string{"mx.example"}, no(dane.NoRecord)},
		{"ta-not-a-ca", rs(tlsa(2, 1, 1, w.self)), chain(issue(t, w.self, server("mx.example")), w.self), []string{"mx.example"}, no(dane.NotTrusted)},
		{"ta-stranger-in-chain", rs(tlsa(2, 1, 1, w.root)), chain(w.self, w.root), []string{"mx.example"}, no(dane.NotTrusted)},

		{"pkix-unusable", rs(tlsa(0, 1, 1, w.root), tlsa(1, 1, 1, w.leaf)), full, nil, unusable},
		{"short-digest", rs(short), full, nil, unusable},
		{"unknown-usage", rs(dane.Record{Usage: 9, MatchingType: 1, Data: make([]byte, 32)}), full, nil, unusable},
		{"unknown-selector", rs(dane.Record{Usage: 3, Selector: 2, MatchingType: 1, Data: make([]byte, 32)}), full, nil, unusable},
		{"unknown-matching", rs(dane.Record{Usage: 3, MatchingType: 3, Data: make([]byte, 48)}), full, nil, unusable},
		{"garbage-200", rs(dane.Record{Usage: 2, Data: []byte{0x30, 0}}), full, nil, unusable},
		{"garbage-300", rs(dane.Record{Usage: 3, Data: []byte("no der")}), full, nil, unusable},
		{"unusable-beside-usable", rs(short, tlsa(3, 1, 1, w.leaf)), full, nil, match(1, 0)},
		{"unusable-beside-wrong", rs(short, tlsa(3, 1, 1, w.self)), full, nil, no(dane.NoRecord)},

		// RFC 7671, Section 9, by usage and selector; Full is exempt.
		{"agility-weak-ignored", rs(tlsa(3, 1, 1, w.leaf), tlsa(3, 1, 2, w.self)), full, nil, no(dane.NoRecord)},
		{"agility-other-selector", rs(tlsa(3, 1, 1, w.leaf), tlsa(3, 0, 2, w.self)), full, nil, match(0, 0)},
		{"agility-other-usage", rs(tlsa(3, 1, 1, w.leaf), tlsa(2, 1, 2, w.self)), full, nil, match(0, 0)},
		{"agility-full-exempt", rs(tlsa(3, 1, 0, w.leaf), tlsa(3, 1, 2, w.self)), full, nil, match(0, 0)},
		{"agility-malformed-strong", rs(tlsa(3, 1, 1, w.leaf), dane.Record{Usage: 3, Selector: 1, MatchingType: 2, Data: make([]byte, 63)}), full, nil, match(0, 0)},
		{"ta-beside-wrong-ee", rs(tlsa(3, 1, 1, w.self), tlsa(2, 1, 1, w.root)), full, []string{"mx.example"}, match(1, 2)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := dane.Verify(tt.records, tt.chain, tt.names, now)
			if got := outcomeOf(m); got != tt.want {
				t.Errorf("got %+v, want %+v (%s)", got, tt.want, m.Reason)
			}
			if m.Reason == "" {
				t.Error("no reason")
			}
		})
	}
}

// A path that a CA forbids by its constraints is no path.
func TestVerifyConstraints(t *testing.T) {
	names := []string{"mx.example"}
	limited := ca("limited")
	limited.PermittedDNSDomains, limited.PermittedDNSDomainsCritical = []string{"other.example"}, true
	root := issue(t, nil, ca("root"))
	sub := issue(t, root, limited)
	leaf := issue(t, sub, server("mx.example"))
	m := dane.Verify([]dane.Record{tlsa(2, 1, 1, root)}, chain(leaf, sub, root), names, now)
	if m.Failure != dane.NotTrusted {
		t.Errorf("name constraints: got %q, want %q", m.Failure, dane.NotTrusted)
	}
	client := server("mx.example")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	leaf = issue(t, root, client)
	m = dane.Verify([]dane.Record{tlsa(2, 1, 1, root)}, chain(leaf, root), names, now)
	if m.Failure != dane.NotTrusted {
		t.Errorf("key usage: got %q, want %q", m.Failure, dane.NotTrusted)
	}
}

func TestMatchJSON(t *testing.T) {
	w := newWorld(t)
	r := tlsa(3, 1, 1, w.leaf)
	b, err := json.Marshal(dane.Verify([]dane.Record{r}, chain(w.leaf), nil, now))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"result":"match","matched":"` + r.String() + `","depth":0,` +
		`"reason":"the server's public key matches the record",` +
		`"records":[{"record":"` + r.String() + `","state":"matched"}]}`
	if diff := cmp.Diff(string(b), want); diff != "" {
		t.Error(diff)
	}
}

// The work for a hostile zone and a hostile chain together stays bounded.
func TestVerifyBounds(t *testing.T) {
	w := newWorld(t)
	var records []dane.Record
	for range 1000 {
		records = append(records, tlsa(2, 1, 0, w.self))
	}
	certs := []*issued{w.leaf}
	for range 50 {
		certs = append(certs, w.sub)
	}
	start := time.Now()
	m := dane.Verify(records, chain(certs...), []string{"mx.example"}, now)
	if m.Result != dane.NoMatch || len(m.Records) != dane.MaxRecords {
		t.Errorf("got %s with %d records, want %s with %d", m.Result, len(m.Records), dane.NoMatch, dane.MaxRecords)
	}
	t.Log(time.Since(start))
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	full := chain(w.leaf, w.sub, w.root)
	for _, bench := range []struct {
		name string
		r    dane.Record
	}{{"311", tlsa(3, 1, 1, w.leaf)}, {"211", tlsa(2, 1, 1, w.root)}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			records, names := []dane.Record{bench.r}, []string{"mx.example"}
			for b.Loop() {
				if dane.Verify(records, full, names, now).Result != dane.Matched {
					b.Fatal("no match")
				}
			}
		})
	}
}
