package outbound_test

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/outbound"
)

// oddSerial gives a certificate of serial number 1 a negative one, which crypto/x509
// does not read. DANE-EE would not look at that (RFC 7671, Section 5.1).
func oddSerial(t *testing.T, der []byte) []byte {
	t.Helper()
	before, after := []byte{2, 1, 2, 2, 1, 1}, []byte{2, 1, 2, 2, 1, 0x81} // version 3, then the number
	odd := bytes.Replace(der, before, after, 1)
	if _, err := x509.ParseCertificate(odd); err == nil {
		t.Fatal("crypto/x509 reads it: the limit of package dane is gone")
	}
	return odd
}

// TestDeliverUnreadableCertificate shows what becomes of mail for a server whose
// certificate crypto/x509 cannot read, though it matches the TLSA record: crypto/tls
// ends the handshake before anybody could compare. The mail waits, and says why.
func TestDeliverUnreadableCertificate(t *testing.T) {
	ca := newAuthority(t)
	c, record := ca.issue(t, template("mx.to.signed"))
	c.Certificate = [][]byte{oddSerial(t, c.Certificate[0])}
	s := situation{domain: "to.signed", tlsa: record, server: func(t *testing.T, _ *authority) *mx { return startMX(t, withCert(c), nil) }}
	s.want, s.witness = "deferred  dane validation-failure", ""
	b, planner := s.bed(t, ca)
	s.check(t, b, planner)
	got := b.deliverer().Deliver(t.Context(), planner.Plan(t.Context(), s.domain), message(t, s.domain))
	if !strings.Contains(got.Reason, "failed to parse certificate from server: x509: negative serial number") {
		t.Errorf("the reason is %q", got.Reason)
	}
}

// TestDeliverForgedNullMX holds that a denial that contradicts a policy in force makes
// a message wait and not go back.
func TestDeliverForgedNullMX(t *testing.T) {
	w := newWorld(t, "", "to.plain. MX 0 .\n_mta-sts.to.plain. TXT \"v=STSv1; id=1;\"\n")
	b := &bed{ca: newAuthority(t), world: w}
	plan := w.planner(t, "to.plain enforce mx.to.plain").Plan(t.Context(), "to.plain")
	d := b.deliverer().Deliver(t.Context(), plan, message(t, "to.plain"))
	const want = "451 4.4.3 DNS says that to.plain takes no mail (null MX); that is not proven and contradicts the MTA-STS policy in force"
	if d.Result != outbound.Deferred || d.Reply != want {
		t.Errorf("got %s, %s", d.Result, d.Reply)
	}
}
