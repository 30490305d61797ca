package dane

import (
	"crypto/x509"
	"fmt"
	"strings"
)

// anchor is a certificate that a DANE-TA record makes trusted.
type anchor struct {
	cert   *x509.Certificate
	record int
	by     anchorKind
}

type anchorKind uint8

const (
	inChain    anchorKind = iota // the server sent it
	inRecord                     // the whole certificate is in the record
	signedByTA                   // the bare key in the record signed it
)

// trustAnchor tries the DANE-TA records (RFC 7671, Section 5.2): a valid path
// from the server's certificate to a certificate that a record means.
func (v *verification) trustAnchor() Match {
	anchors := v.anchors()
	if len(anchors) == 0 {
		return v.noRecord()
	}
	leaf := v.chain[0]
	roots, rest := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range anchors {
		roots.AddCert(a.cert)
	}
	for _, c := range v.chain[1:] {
		if !c.Equal(leaf) {
			rest.AddCert(c)
		}
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: rest, CurrentTime: v.now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return v.noPath(anchors, err)
	}
	path := shortest(paths)
	a := anchorOf(anchors, path[len(path)-1])
	// RFC 7672, Section 3.1.2: with DANE-TA the name must be checked, or any
	// customer of the CA could stand in for the server.
	if !namedBy(leaf, v.names) {
		v.records[a.record].State = StateNoMatch
		v.records[a.record].Reason = "the trust anchor matches, the name does not"
		return v.fail(WrongName, fmt.Sprintf("the certificate is for %s, not for %s",
			list(presented(leaf)), list(v.names)))
	}
	return v.matched(a.record, len(path)-1, a.by.reason())
}

func (k anchorKind) reason() string {
	switch k {
	case inRecord:
		return "the trust anchor's %s is in the record and a valid path leads to it"
	case signedByTA:
		return "the %s in the record signed the chain and a valid path leads to it"
	}
	return "the trust anchor's %s in the chain matches the record and a valid path leads to it"
}

// anchors returns what the DANE-TA records make trusted. The server's own
// certificate is never among them by its own digest or key: x509 would take a
// leaf found among the roots as verified by itself.
func (v *verification) anchors() []anchor {
	var out []anchor
	left := MaxAnchorSignatures
	for i := range v.records {
		c := &v.records[i]
		if c.State != StateUnasked || c.Record.Usage != DANETA {
			continue
		}
		before := len(out)
		for depth := 1; depth < len(v.chain); depth++ {
			if v.is(depth, &c.Record) && !v.chain[depth].Equal(v.chain[0]) {
				out = append(out, anchor{v.chain[depth], i, inChain})
			}
		}
		if len(out) == before && c.Record.MatchingType == Full {
			out = append(out, v.absent(i, &left)...)
		}
		if len(out) == before {
			c.State, c.Reason = StateNoMatch, "the chain has no such trust anchor"
		}
	}
	return out
}

// absent returns the anchors of a record that holds the trust anchor itself,
// which the server then need not send (RFC 7671, Section 5.2.2 and 5.2.3).
func (v *verification) absent(i int, left *int) []anchor {
	r := &v.records[i].Record
	if r.Selector == Cert {
		cert, err := x509.ParseCertificate(r.Data)
		if err != nil || cert.Equal(v.chain[0]) {
			return nil
		}
		return []anchor{{cert, i, inRecord}}
	}
	key, err := x509.ParsePKIXPublicKey(r.Data)
	if err != nil || v.is(0, r) {
		return nil
	}
	ta := &x509.Certificate{PublicKey: key}
	var out []anchor
	for _, c := range v.chain {
		if *left == 0 || weakSignature(c.SignatureAlgorithm) {
			continue
		}
		*left--
		if ta.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			out = append(out, anchor{c, i, signedByTA})
		}
	}
	return out
}

// weakSignature reports the algorithms that CheckSignature still takes and that
// x509.Certificate.Verify does not.
func weakSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// noPath is the failure of a chain that holds a trust anchor to which no valid
// path leads.
func (v *verification) noPath(anchors []anchor, err error) Match {
	for _, a := range anchors {
		v.records[a.record].State = StateNoMatch
		v.records[a.record].Reason = "the trust anchor is there, no valid path leads to it"
	}
	f := NotTrusted
	for _, c := range append(v.chain[:len(v.chain):len(v.chain)], anchors[0].cert) {
		if v.now.Before(c.NotBefore) || v.now.After(c.NotAfter) {
			f = Expired // what x509 says of an intermediate does not tell
		}
	}
	return v.fail(f, "no valid path leads to the trust anchor: "+strings.TrimPrefix(err.Error(), "x509: "))
}

func shortest(paths [][]*x509.Certificate) []*x509.Certificate {
	best := paths[0]
	for _, p := range paths[1:] {
		if len(p) < len(best) {
			best = p
		}
	}
	return best
}

func anchorOf(anchors []anchor, cert *x509.Certificate) anchor {
	for _, a := range anchors {
		if a.cert.Equal(cert) {
			return a
		}
	}
	return anchors[0]
}

// list quotes the first few names for a sentence; a certificate can claim
// anything.
func list(names []string) string {
	const most = 4
	if len(names) == 0 {
		return "no name"
	}
	var b strings.Builder
	for i, n := range names[:min(most, len(names))] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", shorten(n))
	}
	if len(names) > most {
		fmt.Fprintf(&b, " and %d more", len(names)-most)
	}
	return b.String()
}
