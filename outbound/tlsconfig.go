package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/waxseal/waxseal/dane"
)

// demand is what one attempt must reach before MAIL. It is the host's policy, as
// changed by what the message asks for (RFC 8689).
type demand struct {
	policy Policy
	pkix   bool // a valid certificate for the host, also where the policy asks less
	tls    bool // TLS at all
	watch  bool // check the certificate for the reports only (MTA-STS in testing)
}

// demands returns what a host must satisfy for a message, and why the message
// cannot go there at all; "" if it can.
func (plan *Plan) demands(h *Host, m *Message) (demand, string) {
	if m.IgnorePolicy && !m.Options.RequireTLS {
		if len(h.Addresses()) == 0 {
			return demand{}, h.Reason
		}
		return demand{policy: Opportunistic}, ""
	}
	if h.State != Use {
		return demand{}, h.Reason
	}
	d := demand{policy: h.Policy, tls: h.Policy != Opportunistic, pkix: h.Policy == MTASTS}
	if sts := plan.sts(); sts != nil && h.Policy == Opportunistic {
		d.watch = true
	}
	if m.Options.RequireTLS {
		d.tls, d.pkix, d.watch = true, h.Policy != DANE, false
		// RFC 8689, Section 4.2.1: the host's name must be known to be right.
		if !plan.nameProven(h) {
			return d, "REQUIRETLS: neither DNSSEC nor an MTA-STS policy proves that this is a host of " + plan.Domain
		}
	}
	return d, ""
}

// tlsConfig returns the configuration for one handshake. It verifies by itself and
// notes what it found in the attempt.
func (d *Deliverer) tlsConfig(h *Host, want demand, a *Attempt) *tls.Config {
	c := &tls.Config{
		ServerName: h.ServerName(),
		// What crypto/tls would verify is not what DANE asks for; VerifyConnection
		// stands in for it and is never left out.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS12,
		Time:               d.Time,
		// No ClientSessionCache: a session resumed from another policy's connection
		// would bring along what was verified there.
	}
	if want.policy == Opportunistic && !want.tls {
		c.MinVersion, c.CipherSuites = tls.VersionTLS10, opportunisticCiphers() // the alternative is no TLS
	}
	c.VerifyConnection = func(cs tls.ConnectionState) error { return d.verify(h, want, &cs, a) }
	return c
}

// opportunisticCiphers are those of crypto/tls and, as it prefers them less, those
// without forward secrecy, which are all that some old servers know.
func opportunisticCiphers() []uint16 {
	ids := []uint16{
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	}
	for _, c := range tls.CipherSuites() {
		ids = append(ids, c.ID)
	}
	return ids
}

// verify holds the server's certificates against what is demanded.
func (d *Deliverer) verify(h *Host, want demand, cs *tls.ConnectionState, a *Attempt) error {
	a.TLS = tlsState(cs)
	if want.policy == DANE {
		m := dane.Verify(h.TLSA, cs.PeerCertificates, h.Names, d.now())
		a.Match = &m
		if m.Result != dane.Matched {
			return &VerifyError{Host: h.Name, Match: &m}
		}
		a.Authenticated = true
		return nil
	}
	if !want.pkix && !want.watch {
		return nil
	}
	err := d.verifyPKIX(h.Name, cs.PeerCertificates)
	if err == nil {
		a.Authenticated = true
		return nil
	}
	a.PKIX = err.Error()
	a.ResultType, a.FailureReason = classifyPKIX(err)
	if want.pkix {
		return &VerifyError{Host: h.Name, Err: err}
	}
	return nil
}

// verifyPKIX is the check of RFC 8461, Section 4.2.
func (d *Deliverer) verifyPKIX(host string, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errors.New("the server showed no certificate")
	}
	rest := x509.NewCertPool()
	for _, c := range chain[1:] {
		rest.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		DNSName: host, Roots: d.RootCAs, Intermediates: rest, CurrentTime: d.now(),
	})
	return err
}

// VerifyError says that a server is not the one that the policy asks for.
type VerifyError struct {
	Host  string
	Match *dane.Match // with DANE
	Err   error       // with MTA-STS: what crypto/x509 says
}

func (e *VerifyError) Error() string {
	if e.Match != nil {
		return fmt.Sprintf("outbound: %s is not authenticated by DANE: %s", e.Host, e.Match.Reason)
	}
	return fmt.Sprintf("outbound: %s has no valid certificate: %v", e.Host, e.Err)
}

func (e *VerifyError) Unwrap() error { return e.Err }

// TLSState is what was agreed on in a handshake.
type TLSState struct {
	Version string `json:"version"`
	Cipher  string `json:"cipher"`
}

func tlsState(cs *tls.ConnectionState) *TLSState {
	return &TLSState{tls.VersionName(cs.Version), tls.CipherSuiteName(cs.CipherSuite)}
}
