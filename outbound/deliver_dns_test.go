package outbound_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
)

// dnsSituation is a situation in which the zones are unusual: signed or plain has
// the records of that zone, with HOST for the server's address and RECORD for tlsa.
type dnsSituation struct {
	situation
	signed, plain string
	spoil         func(*world)
}

func (s *dnsSituation) bed(t *testing.T, ca *authority) (*bed, *outbound.Planner) {
	fill := strings.NewReplacer("HOST", "192.0.2.1", "RECORD", s.tlsa)
	b := &bed{ca: ca, servers: []*mx{s.server(t, ca)}, world: newWorld(t, fill.Replace(s.signed), fill.Replace(s.plain))}
	if s.spoil != nil {
		s.spoil(b.world)
	}
	var policies []string
	if s.sts != "" {
		policies = append(policies, s.domain+" "+s.sts)
	}
	return b, b.planner(t, policies...)
}

// failing lets the name server fail at a question.
func failing(name string, typ resolver.Type) func(*world) {
	return func(w *world) {
		w.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
			if q.Name == name && q.Type == typ {
				m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
			}
			return m
		}
	}
}

func corrupting(owner string, typ uint16) func(*world) {
	return func(w *world) { w.signed.Corrupt(owner+".", typ) }
}

// What DNS proves, disproves and leaves open decides what a server is asked.
func TestDeliverDNS(t *testing.T) {
	ca := newAuthority(t)
	good, record := ca.issue(t, template("mx.to.signed"))
	_, wrong := ca.issue(t, template("mx.to.signed"))
	serve := func(c tls.Certificate) func(*testing.T, *authority) *mx {
		return func(t *testing.T, _ *authority) *mx { return startMX(t, withCert(c), nil) }
	}
	plaintext := func(t *testing.T, _ *authority) *mx { return startMX(t, nil, nil) }
	taken := fmt.Sprintf("tls:mail tls:rcpt tls:data=%d", len(messageText))
	inClear := fmt.Sprintf("mail rcpt data=%d", len(messageText))
	const usual = "to.signed. MX 10 mx.to.signed.\nmx.to.signed. A HOST\n_25._tcp.mx.to.signed. TLSA RECORD\n"
	const alias = "to.signed. MX 10 mx.to.signed.\nmx.to.signed. CNAME real.signed.\nreal.signed. A HOST\n"
	const sts = "_mta-sts.to.signed. TXT \"v=STSv1; id=1;\"\n"
	to := func(name, tlsa, want, witness string) situation {
		return situation{name: name, domain: "to.signed", tlsa: tlsa, server: serve(good), want: want, witness: witness}
	}
	with := func(s situation, change func(*situation)) situation { change(&s); return s }
	dane, later := "delivered authenticated dane", "deferred  dane"
	bogus := later + " dnssec-invalid"
	tests := []dnsSituation{
		{to("tlsa-bogus", record, bogus, ""), usual, "", corrupting("_25._tcp.mx.to.signed", dns.TypeTLSA)},
		{to("tlsa-servfail", record, bogus, ""), usual, "", failing("_25._tcp.mx.to.signed", resolver.TypeTLSA)},
		{with(to("tlsa-servfail-sts", record, bogus, ""), func(s *situation) { s.sts = "enforce mx.to.signed" }), usual + sts, "", failing("_25._tcp.mx.to.signed", resolver.TypeTLSA)},
		{to("tlsa-alias", record, dane, taken), strings.Replace(usual, "TLSA RECORD", "CNAME keys.signed.\nkeys.signed. TLSA RECORD", 1), "", nil},
		{to("tlsa-alias-bogus", record, bogus, ""), strings.Replace(usual, "TLSA RECORD", "CNAME keys.signed.\nkeys.signed. TLSA RECORD", 1), "", corrupting("keys.signed", dns.TypeTLSA)},
		{to("tlsa-none-proof-bogus", record, bogus, ""), strings.Replace(usual, "_25._tcp", "_26._tcp", 1), "", corrupting("mx.to.signed", dns.TypeNSEC)},
		{to("address-bogus", record, "deferred  opportunistic dnssec-invalid", ""), usual, "", corrupting("mx.to.signed", dns.TypeA)},
		{to("mx-bogus", record, "deferred   dnssec-invalid", ""), usual, "", corrupting("to.signed", dns.TypeMX)},
		{to("mx-servfail", record, "deferred", ""), usual, "", failing("to.signed", resolver.TypeMX)},
		{with(to("tlsa-unsigned", wrong, "delivered  opportunistic", taken), func(s *situation) { s.domain = "to.plain" }), "", strings.ReplaceAll(usual, "signed", "plain"), nil},
		{with(to("mx-insecure", record, dane, taken), func(s *situation) { s.domain = "to.plain" }), usual, "to.plain. MX 10 mx.to.signed.\n", nil},
		{with(to("mx-insecure-wrong", wrong, later+" validation-failure", ""), func(s *situation) { s.domain = "to.plain" }), usual, "to.plain. MX 10 mx.to.signed.\n", nil},
		{with(to("mx-forged-sts", record, "deferred  mta-sts validation-failure", ""), func(s *situation) { s.domain, s.sts = "to.plain", "enforce mx.to.plain" }), usual, "to.plain. MX 10 mx.to.signed.\n_mta-sts.to.plain. TXT \"v=STSv1; id=1;\"\n", nil},
		{to("mx-away-insecure", wrong, "delivered  opportunistic", taken), "to.signed. MX 10 mx.plain.\n", "mx.plain. A HOST\n_25._tcp.mx.plain. TLSA RECORD\n", nil},
		{to("mx-alias", record, dane, taken), alias + "_25._tcp.real.signed. TLSA RECORD\n", "", nil},
		{to("mx-alias-records-at-alias", record, dane, taken), alias + "_25._tcp.mx.to.signed. TLSA RECORD\n", "", nil},
		{to("mx-alias-wrong", wrong, later+" validation-failure", ""), alias + "_25._tcp.real.signed. TLSA RECORD\n", "", nil},
		{to("mx-alias-bogus", record, "deferred  opportunistic dnssec-invalid", ""), alias + "_25._tcp.real.signed. TLSA RECORD\n", "", corrupting("mx.to.signed", dns.TypeCNAME)},
		{to("domain-alias", record, dane, taken), "to.signed. CNAME real.signed.\nreal.signed. MX 10 mx.signed.\nmx.signed. A HOST\n_25._tcp.mx.signed. TLSA RECORD\n", "", nil},
		{to("implicit-mx", record, dane, taken), "to.signed. A HOST\n_25._tcp.to.signed. TLSA RECORD\n", "", nil},
		{to("implicit-mx-wrong", wrong, later+" validation-failure", ""), "to.signed. A HOST\n_25._tcp.to.signed. TLSA RECORD\n", "", nil},
		{to("null-mx", record, "refused", ""), "to.signed. MX 0 .\nto.signed. A HOST\n", "", nil},
		{to("nxdomain", record, "refused", ""), "other.signed. A HOST\n", "", nil},
		{to("no-address", record, "refused", ""), "to.signed. MX 10 mx.to.signed.\n", "", nil},
		{to("null-mx-bogus", record, "deferred   dnssec-invalid", ""), "to.signed. MX 0 .\n", "", corrupting("to.signed", dns.TypeMX)},
		{to("agility", record, later+" validation-failure", ""), usual + "_25._tcp.mx.to.signed. TLSA 3 1 2 " + strings.Repeat("00", 64) + "\n", "", nil},
		{to("rollover", record, dane, taken), usual + "_25._tcp.mx.to.signed. TLSA " + wrong + "\n", "", nil},
		{with(to("unusable-sts", "1 1 1 00", "delivered authenticated mta-sts tlsa-invalid", taken), func(s *situation) { s.sts = "enforce mx.to.signed" }), usual + sts, "", nil},
		{with(to("unusable-sts-stranger", "1 1 1 00", "deferred  mta-sts certificate-host-mismatch", ""), func(s *situation) { s.sts, s.server = "enforce mx.to.signed", cert("mx.signed") }), usual + sts, "", nil},
		{with(to("no-tlsa-sts", "", "delivered authenticated mta-sts", taken), func(s *situation) { s.sts = "enforce mx.to.signed" }), "to.signed. MX 10 mx.to.signed.\nmx.to.signed. A HOST\n" + sts, "", nil},
		{with(to("insecure-not-required", "", "delivered  opportunistic starttls-not-supported", inClear), func(s *situation) { s.server = plaintext }), "to.signed. MX 10 mx.to.signed.\nmx.to.signed. A HOST\n", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, planner := tt.bed(t, ca)
			tt.check(t, b, planner)
		})
	}
}
