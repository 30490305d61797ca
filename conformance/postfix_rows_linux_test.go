package conformance

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/internal/testca"
	"github.com/waxseal/waxseal/resolver"
)

// daneRow is a situation that both senders meet: to.ROW.ZONE has mail.
type daneRow struct {
	name  string
	zone  string // signed (the default) or plain
	text  string // the zone's records; "" for an MX, mx.to, with an address and the TLSA records
	tlsa  []string
	serve func(t testing.TB, host string, w *witness)
	want  string // of ours: result, how the server saw the message, whether authenticated
	spoil spoiling
}

func digest(matching uint8, content []byte) []byte {
	switch matching {
	case dane.SHA256:
		s := sha256.Sum256(content)
		return s[:]
	case dane.SHA512:
		s := sha512.Sum512(content)
		return s[:]
	}
	return content
}

// with serves under TLS with a chain.
func with(chain *tls.Certificate) func(testing.TB, string, *witness) {
	return func(t testing.TB, host string, w *witness) {
		serveMail(t, host, w, &tls.Config{Certificates: []tls.Certificate{*chain}})
	}
}

func withoutTLS(t testing.TB, host string, w *witness) { serveMail(t, host, w, nil) }

func answering(words string) func(testing.TB, string, *witness) {
	return func(t testing.TB, host string, w *witness) { serveStartTLS(t, host, w, words) }
}

// leafOnly is the chain without the authority's certificate.
func leafOnly(c *tls.Certificate) *tls.Certificate {
	short := *c
	short.Certificate = c.Certificate[:1]
	return &short
}

const (
	verified   = "delivered tls authenticated"
	encrypted  = "delivered tls"
	inTheClear = "delivered clear"
	deferred   = "deferred nothing"
	refused    = "refused nothing"
)

// party is who has a certificate in the situations.
type party struct {
	ca, stranger *authority
	ee           *tls.Certificate // for mx.signed
	nameless     *tls.Certificate // expired too
	other        *tls.Certificate // for other.signed
	self         *tls.Certificate // self-signed
	record       string           // 3 1 1 of ee
	unreadable   *tls.Certificate // to crypto/x509; Leaf is what it would be
}

func newParty(t testing.TB) *party {
	p := &party{ca: newAuthority(t, "authority"), stranger: newAuthority(t, "stranger")}
	p.ee = p.ca.issue(t, certificateFor("mx.signed"))
	p.nameless = p.ca.issue(t, expiredFor())
	p.other = p.ca.issue(t, certificateFor("other.signed"))
	key, cert := (*testca.Authority)(nil).Sign(t, certificateFor("mx.to.ta-self-signed-leaf.signed"))
	p.self = &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
	p.record = tlsaOf(p.ee.Leaf, 3, 1, 1)
	p.unreadable = unreadable(t, p.ca)
	return p
}

// unreadable issues a certificate with a negative serial number.
func unreadable(t testing.TB, ca *authority) *tls.Certificate {
	t.Helper()
	tmpl := certificateFor("mx.signed")
	tmpl.SerialNumber = big.NewInt(1)
	c := ca.issue(t, tmpl)
	odd := bytes.Replace(c.Certificate[0], []byte{2, 1, 2, 2, 1, 1}, []byte{2, 1, 2, 2, 1, 0x81}, 1)
	if bytes.Equal(odd, c.Certificate[0]) {
		t.Fatal("no serial number found")
	}
	c.Certificate = [][]byte{odd}
	c.Leaf = &x509.Certificate{Raw: odd, RawSubjectPublicKeyInfo: c.Leaf.RawSubjectPublicKeyInfo}
	return c
}

// named issues a certificate for names; without any, for the MX host of the row.
func (p *party) named(t testing.TB, row string, names ...string) *tls.Certificate {
	t.Helper()
	if len(names) == 0 {
		names = []string{"mx.to." + row + ".signed"}
	}
	return p.ca.issue(t, certificateFor(names...))
}

// old serves with TLS 1.0 and nothing newer.
func (p *party) old(t testing.TB, host string, w *witness) {
	serveMail(t, host, w, &tls.Config{
		Certificates: []tls.Certificate{*p.ee}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
	})
}

// spoiling breaks a record of the row's domain in the zone.
type spoiling = func(w *zonesign.World, z *zonesign.Signed, domain string)

func corrupt(owner string, typ uint16) spoiling {
	return func(_ *zonesign.World, z *zonesign.Signed, domain string) { z.Corrupt(owner+domain+".", typ) }
}

// servfail lets the name server fail at a question.
func servfail(owner string, typ resolver.Type) spoiling {
	return func(w *zonesign.World, _ *zonesign.Signed, domain string) {
		before := w.Tamper
		w.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
			if before != nil {
				m = before(q, m)
			}
			if q.Type == typ && q.Name == owner+domain {
				m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
			}
			return m
		}
	}
}

func one(record string) []string { return []string{record} }

func daneRows(t testing.TB, p *party) []daneRow {
	rows := slices.Concat(
		p.endEntityRows(), p.trustAnchorRows(t), p.unusableRows(), p.channelRows(), p.lookupRows(), p.nameRows(t))
	for i := range rows {
		rows[i].zone = cmp.Or(rows[i].zone, "signed")
	}
	return rows
}

// endEntityRows are those of DANE-EE and of digest agility.
func (p *party) endEntityRows() []daneRow {
	return []daneRow{
		{name: "ee-3-1-1", tlsa: one(p.record), serve: with(p.ee), want: verified},
		{name: "ee-3-1-2", tlsa: one(tlsaOf(p.ee.Leaf, 3, 1, 2)), serve: with(p.ee), want: verified},
		{name: "ee-3-1-0", tlsa: one(tlsaOf(p.ee.Leaf, 3, 1, 0)), serve: with(p.ee), want: verified},
		{name: "ee-3-0-1", tlsa: one(tlsaOf(p.ee.Leaf, 3, 0, 1)), serve: with(p.ee), want: verified},
		{name: "ee-3-0-0", tlsa: one(tlsaOf(p.ee.Leaf, 3, 0, 0)), serve: with(p.ee), want: verified},
		{name: "ee-expired-nameless", tlsa: one(tlsaOf(p.nameless.Leaf, 3, 1, 1)), serve: with(p.nameless), want: verified},
		{name: "ee-self-signed", tlsa: one(tlsaOf(p.self.Leaf, 3, 1, 1)), serve: with(p.self), want: verified},
		{name: "ee-unreadable", tlsa: one(tlsaOf(p.unreadable.Leaf, 3, 1, 1)), serve: with(p.unreadable), want: deferred},
		{name: "ee-unreadable-whole", tlsa: one(tlsaOf(p.unreadable.Leaf, 3, 0, 1)), serve: with(p.unreadable), want: deferred},
		{name: "ee-wrong", tlsa: one(tlsaOf(p.nameless.Leaf, 3, 1, 1)), serve: with(p.ee), want: deferred},
		{name: "ee-rollover", tlsa: []string{tlsaOf(p.nameless.Leaf, 3, 1, 1), p.record}, serve: with(p.ee), want: verified},
		{name: "ee-means-authority", tlsa: one(tlsaOf(p.ca.Cert, 3, 1, 1)), serve: with(p.ee), want: deferred},
		{name: "agility-weak-matches", tlsa: []string{p.record, tlsaOf(p.nameless.Leaf, 3, 1, 2)}, serve: with(p.ee), want: deferred},
		{name: "agility-other-selector", tlsa: []string{p.record, tlsaOf(p.nameless.Leaf, 3, 0, 2)}, serve: with(p.ee), want: verified},
		{name: "agility-full-stays", tlsa: []string{tlsaOf(p.ee.Leaf, 3, 1, 0), tlsaOf(p.nameless.Leaf, 3, 1, 2)}, serve: with(p.ee), want: verified},
	}
}

// trustAnchorRows are those of DANE-TA.
func (p *party) trustAnchorRows(t testing.TB) []daneRow {
	return []daneRow{
		{name: "ta-2-1-1", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 1)), serve: with(p.named(t, "ta-2-1-1")), want: verified},
		{name: "ta-2-0-1", tlsa: one(tlsaOf(p.ca.Cert, 2, 0, 1)), serve: with(p.named(t, "ta-2-0-1")), want: verified},
		{name: "ta-2-0-2", tlsa: one(tlsaOf(p.ca.Cert, 2, 0, 2)), serve: with(p.named(t, "ta-2-0-2")), want: verified},
		{name: "ta-omitted-digest", tlsa: one(tlsaOf(p.ca.Cert, 2, 0, 1)), serve: with(leafOnly(p.named(t, "ta-omitted-digest"))), want: deferred},
		{name: "ta-omitted-certificate", tlsa: one(tlsaOf(p.ca.Cert, 2, 0, 0)), serve: with(leafOnly(p.named(t, "ta-omitted-certificate"))), want: verified},
		{name: "ta-omitted-key", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 0)), serve: with(leafOnly(p.named(t, "ta-omitted-key"))), want: verified},
		{name: "ta-next-hop-name", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 1)), serve: with(p.named(t, "", "to.ta-next-hop-name.signed")), want: verified},
		{name: "ta-wildcard-name", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 1)), serve: with(p.named(t, "", "*.to.ta-wildcard-name.signed")), want: verified},
		{name: "ta-next-hop-wildcard", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 1)), serve: with(p.named(t, "", "*.ta-next-hop-wildcard.signed")), want: verified},
		{name: "ta-wildcard-depth", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 1)), serve: with(p.named(t, "", "*.signed")), want: deferred},
		{name: "ta-wrong-name", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 1)), serve: with(p.other), want: deferred},
		{name: "ta-expired", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 1)), serve: with(p.ca.issue(t, expiredFor("mx.to.ta-expired.signed"))), want: deferred},
		{name: "ta-stranger", tlsa: one(tlsaOf(p.stranger.Cert, 2, 1, 1)), serve: with(p.named(t, "ta-stranger")), want: deferred},
		{name: "ta-self-signed-leaf", tlsa: one(tlsaOf(p.self.Leaf, 2, 1, 1)), serve: with(p.self), want: deferred},
		{name: "ta-wrong-ee-right", tlsa: []string{tlsaOf(p.stranger.Cert, 2, 1, 1), p.record}, serve: with(p.ee), want: verified},
		{name: "ta-name-of-customer", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 1)), serve: with(p.named(t, "", "to.mx-insecure-next-hop-name.plain")), want: deferred},
	}
}

// unusableRows are those of records that authenticate nothing.
func (p *party) unusableRows() []daneRow {
	const unusable = "1 1 1 0000000000000000000000000000000000000000000000000000000000000000"
	return []daneRow{
		{name: "unusable-usage-1", tlsa: one(unusable), serve: with(p.other), want: encrypted},
		{name: "unusable-usage-0", tlsa: one("0" + unusable[1:]), serve: with(p.other), want: encrypted},
		{name: "unusable-short-digest", tlsa: one("3 1 1 0011"), serve: with(p.other), want: encrypted},
		{name: "unusable-selector", tlsa: one("3 9 1" + unusable[5:]), serve: with(p.other), want: encrypted},
		{name: "unusable-matching-type", tlsa: one("3 1 9" + unusable[5:]), serve: with(p.other), want: encrypted},
		{name: "unusable-stripped", tlsa: one(unusable), serve: withoutTLS, want: deferred},
		{name: "unusable-beside-good", tlsa: []string{unusable, p.record}, serve: with(p.ee), want: verified},
		{name: "unusable-beside-wrong", tlsa: []string{unusable, p.record}, serve: with(p.other), want: deferred},
	}
}

// channelRows are those in which TLS fails, or nobody asks for it.
func (p *party) channelRows() []daneRow {
	return []daneRow{
		{name: "stripped", tlsa: one(p.record), serve: withoutTLS, want: deferred},
		{name: "starttls-454", tlsa: one(p.record), serve: answering("454 not now\r\n"), want: deferred},
		{name: "handshake-broken", tlsa: one(p.record), serve: answering("220 go on\r\n"), want: deferred},
		{name: "injected", tlsa: one(p.record), serve: answering("220 go on\r\n250-mx.signed\r\n250 SIZE\r\n"), want: deferred},
		{name: "tls-1.0", tlsa: one(p.record), serve: p.old, want: deferred},
		{name: "no-tlsa", serve: with(p.other), want: encrypted},
		{name: "no-tlsa-stripped", serve: withoutTLS, want: inTheClear},
		{name: "no-tlsa-454", serve: answering("454 not now\r\n"), want: inTheClear},
		{name: "no-tlsa-handshake-broken", serve: answering("220 go on\r\n"), want: inTheClear},
		{name: "no-tlsa-unreadable", serve: with(p.unreadable), want: inTheClear},
		{name: "no-tlsa-tls-1.0", serve: p.old, want: encrypted},
	}
}

// lookupRows are those of lookups that fail or prove nothing.
func (p *party) lookupRows() []daneRow {
	return []daneRow{
		{name: "tlsa-unsigned", zone: "plain", tlsa: one(p.record), serve: with(p.other), want: encrypted},
		{name: "tlsa-bogus", tlsa: one(p.record), serve: with(p.ee), want: deferred, spoil: corrupt("_25._tcp.mx.to.", dns.TypeTLSA)},
		{name: "tlsa-servfail", tlsa: one(p.record), serve: with(p.ee), want: deferred, spoil: servfail("_25._tcp.mx.to.", resolver.TypeTLSA)},
		{name: "address-bogus", tlsa: one(p.record), serve: with(p.ee), want: deferred, spoil: corrupt("mx.to.", dns.TypeA)},
		{name: "mx-bogus", tlsa: one(p.record), serve: with(p.ee), want: deferred, spoil: corrupt("to.", dns.TypeMX)},
		{name: "mx-servfail", tlsa: one(p.record), serve: with(p.ee), want: deferred, spoil: servfail("to.", resolver.TypeMX)},
		{name: "second-host", text: "DOMAIN. MX 10 mx.to.ee-wrong.signed.\nDOMAIN. MX 20 mx.DOMAIN.\nmx.DOMAIN. A HOST\n_25._tcp.mx.DOMAIN. TLSA TLSA", tlsa: one(p.record), serve: with(p.ee), want: verified},
		{name: "second-host-unprotected", text: "DOMAIN. MX 10 mx.to.ee-wrong.signed.\nDOMAIN. MX 20 mx.DOMAIN.\nmx.DOMAIN. A HOST", serve: withoutTLS, want: inTheClear},
		{name: "second-host-first-bogus", text: "DOMAIN. MX 10 mx.to.tlsa-bogus.signed.\nDOMAIN. MX 20 mx.DOMAIN.\nmx.DOMAIN. A HOST\n_25._tcp.mx.DOMAIN. TLSA TLSA", tlsa: one(p.record), serve: with(p.ee), want: verified},
		{name: "null-mx", text: "DOMAIN. MX 0 .", serve: with(p.ee), want: refused},
		{name: "no-domain", text: "x-DOMAIN. A HOST", serve: with(p.ee), want: refused},
		{name: "mx-without-address", text: "DOMAIN. MX 10 mx.DOMAIN.", serve: with(p.ee), want: refused},
	}
}

// nameRows are those in which the host is not the domain's MX by its own name.
func (p *party) nameRows(t testing.TB) []daneRow {
	const (
		alias       = "DOMAIN. MX 10 mx.DOMAIN.\nmx.DOMAIN. CNAME real.DOMAIN.\nreal.DOMAIN. A HOST\n"
		domainAlias = "DOMAIN. CNAME real.DOMAIN.\nreal.DOMAIN. MX 10 mx.DOMAIN.\nmx.DOMAIN. A HOST\n"
	)
	return []daneRow{
		{name: "mx-insecure", zone: "plain", text: "DOMAIN. MX 10 mx.to.ee-3-1-1.signed.", serve: with(p.other), want: verified},
		{name: "mx-insecure-wrong", zone: "plain", text: "DOMAIN. MX 10 mx.to.ee-wrong.signed.", serve: with(p.other), want: deferred},
		{name: "mx-insecure-next-hop-name", zone: "plain", text: "DOMAIN. MX 10 mx.to.ta-name-of-customer.signed.", serve: with(p.other), want: verified},
		{name: "mx-away-insecure", text: "DOMAIN. MX 10 mx.to.tlsa-unsigned.plain.", serve: with(p.ee), want: encrypted},
		{name: "mx-alias", text: alias + "_25._tcp.real.DOMAIN. TLSA TLSA", tlsa: one(p.record), serve: with(p.ee), want: verified},
		{name: "mx-alias-records-at-alias", text: alias + "_25._tcp.mx.DOMAIN. TLSA TLSA", tlsa: one(p.record), serve: with(p.ee), want: verified},
		{name: "mx-alias-wrong-record", text: alias + "_25._tcp.real.DOMAIN. TLSA TLSA", tlsa: one(p.record), serve: with(p.other), want: deferred},
		{name: "tlsa-alias", text: "DOMAIN. MX 10 mx.DOMAIN.\nmx.DOMAIN. A HOST\n_25._tcp.mx.DOMAIN. CNAME keys.DOMAIN.\nkeys.DOMAIN. TLSA TLSA", tlsa: one(p.record), serve: with(p.ee), want: verified},
		{name: "domain-alias", text: domainAlias + "_25._tcp.mx.DOMAIN. TLSA TLSA", tlsa: one(p.record), serve: with(p.ee), want: verified},
		{name: "domain-alias-ta-name", text: domainAlias + "_25._tcp.mx.DOMAIN. TLSA TLSA", tlsa: one(tlsaOf(p.ca.Cert, 2, 1, 1)), serve: with(p.named(t, "", "real.to.domain-alias-ta-name.signed")), want: verified},
		{name: "implicit-mx", text: "DOMAIN. A HOST\n_25._tcp.DOMAIN. TLSA TLSA", tlsa: one(p.record), serve: with(p.ee), want: verified},
		{name: "implicit-mx-wrong", text: "DOMAIN. A HOST\n_25._tcp.DOMAIN. TLSA TLSA", tlsa: one(p.record), serve: with(p.other), want: deferred},
	}
}

func (r *daneRow) domain() string { return "to." + r.name + "." + r.zone }

// records writes the row's part of its zone.
func (r *daneRow) records(host string) string {
	text := r.text
	if text == "" {
		text = "DOMAIN. MX 10 mx.DOMAIN.\nmx.DOMAIN. A HOST\n_25._tcp.mx.DOMAIN. TLSA TLSA"
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		line = strings.NewReplacer("DOMAIN", r.domain(), "HOST", host).Replace(line)
		head, all := strings.CutSuffix(line, " TLSA TLSA")
		if !all {
			b.WriteString(line + "\n")
			continue
		}
		for _, one := range r.tlsa {
			b.WriteString(head + " TLSA " + one + "\n")
		}
	}
	return b.String()
}
