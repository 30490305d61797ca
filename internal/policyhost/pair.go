package policyhost

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// Files are the two files of a certificate.
type Files struct{ Certificate, Key string }

// Pair is a certificate with its key in two files, and what is in force of it: what
// the files had when they last had something good.
type Pair struct {
	files Files
	names []string // that it must be for

	current atomic.Pointer[tls.Certificate]
	// For Refresh alone: when the files were last read, and what they have that is not
	// valid yet, nil for nothing.
	seen  stamp
	early *tls.Certificate
}

// stamp tells whether files have changed.
type stamp [2]struct {
	size     int64
	modified time.Time
}

// OpenPair reads the files. The certificate must be for all names, and may have
// expired.
func OpenPair(f Files, names []string) (*Pair, error) {
	p := &Pair{files: f, names: names}
	var err error
	if p.seen, err = f.stamp(); err != nil {
		return nil, err
	}
	cert, err := p.read()
	if err != nil {
		return nil, err
	}
	p.current.Store(cert)
	return p, nil
}

// Certificate returns what is in force, with its Leaf.
func (p *Pair) Certificate() *tls.Certificate { return p.current.Load() }

// Refresh reads the files again if they have changed, and reports whether that changed
// what is in force. What is broken, for other names, or out of its time changes
// nothing and is an error, once: until the files change again. What is not valid yet
// comes into force when it is.
func (p *Pair) Refresh(now time.Time) (changed bool, err error) {
	seen, err := p.files.stamp()
	if err != nil {
		if p.seen == (stamp{}) {
			return false, nil // told already
		}
		p.seen = stamp{}
		return false, err
	}
	if seen == p.seen {
		return p.begun(now), nil
	}
	// Taken before reading: what is written meanwhile is seen the next time.
	p.seen, p.early = seen, nil
	cert, err := p.read()
	if err != nil {
		return false, err
	}
	if problem := outOfTime(cert.Leaf, now); problem != "" && outOfTime(p.Certificate().Leaf, now) == "" {
		if now.Before(cert.Leaf.NotBefore) {
			p.early = cert
		}
		return false, fmt.Errorf("%s: %s; the one before stays in force", p.files.Certificate, problem)
	}
	if p.Certificate().Leaf.Equal(cert.Leaf) && len(p.Certificate().Certificate) == len(cert.Certificate) {
		return false, nil
	}
	p.current.Store(cert)
	return true, nil
}

// begun takes over what was not valid yet, if it is now.
func (p *Pair) begun(now time.Time) bool {
	if p.early == nil || outOfTime(p.early.Leaf, now) != "" {
		return false
	}
	p.current.Store(p.early)
	p.early = nil
	return true
}

func (f Files) stamp() (s stamp, err error) {
	for i, name := range []string{f.Certificate, f.Key} {
		info, err := os.Stat(name) // follows links: certbot changes those
		if err != nil {
			return stamp{}, err
		}
		s[i].size, s[i].modified = info.Size(), info.ModTime()
	}
	return s, nil
}

// read reads the files and checks that the certificate is of use for the names.
func (p *Pair) read() (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(p.files.Certificate, p.files.Key)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil, err // names the file
	}
	if err != nil {
		return nil, fmt.Errorf("%s with %s: %w", p.files.Certificate, p.files.Key, err)
	}
	if cert.Leaf == nil {
		if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", p.files.Certificate, err)
		}
	}
	for _, name := range p.names {
		if err := cert.Leaf.VerifyHostname(name); err != nil {
			return nil, fmt.Errorf("%s: %w", p.files.Certificate, err)
		}
	}
	return &cert, nil
}

// outOfTime says what is wrong with a certificate now, "" if its time is right.
func outOfTime(leaf *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(leaf.NotBefore):
		return "the certificate is not valid before " + leaf.NotBefore.UTC().Format(time.RFC3339)
	case now.After(leaf.NotAfter):
		return "the certificate has expired at " + leaf.NotAfter.UTC().Format(time.RFC3339)
	}
	return ""
}

// expiryWarning is how long before its end a certificate is warned of, unless it lives
// so short that it could not have been renewed by then.
const expiryWarning = 14 * 24 * time.Hour

// endsSoon reports whether nothing has renewed a certificate that should have been.
func endsSoon(leaf *x509.Certificate, now time.Time) bool {
	const renewed = 4 // the part of its life before whose beginning everybody renews
	return leaf.NotAfter.Sub(now) < min(expiryWarning, leaf.NotAfter.Sub(leaf.NotBefore)/renewed)
}

// unverified says why the CAs of the system do not lead to a certificate, "" if they
// do. Senders mostly know the same.
func unverified(cert *tls.Certificate, now time.Time) string {
	between := x509.NewCertPool()
	for _, der := range cert.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	_, err := cert.Leaf.Verify(x509.VerifyOptions{Intermediates: between, CurrentTime: now})
	switch {
	case err == nil:
		return ""
	case len(cert.Certificate) == 1:
		return err.Error() + "; the file has one certificate alone, is there another with the full chain?"
	}
	return err.Error()
}
