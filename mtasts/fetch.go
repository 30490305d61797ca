package mtasts

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/waxseal/waxseal/internal/panics"
	"github.com/waxseal/waxseal/resolver"
)

const (
	// wellKnown is where the policy is (RFC 8461, Section 3.3).
	wellKnown = "/.well-known/mta-sts.txt"
	// maxHeader bounds the HTTP header that a policy host may send.
	maxHeader = 16 << 10
	// maxAddresses bounds how many of a policy host's addresses are tried.
	maxAddresses = 6
	// dialTimeout leaves time for another address when one is silent.
	dialTimeout = 10 * time.Second
)

// Fetcher fetches policies. It uses no proxy, follows no redirect, keeps no
// connection and no cookie.
type Fetcher struct {
	// Resolver looks up the addresses of policy hosts. Required.
	Resolver resolver.Resolver
	// RootCAs are the CAs that count; nil means the system's.
	RootCAs *x509.CertPool
	// Port is the HTTPS port; 0 means 443. Others are for tests.
	Port int
	// Timeout is for one fetch in all; 0 means FetchTimeout.
	Timeout time.Duration
	// Dial opens connections; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Forbid says why an address must not be connected to, "" if it may: a stranger's
	// zone can name a service of this host or network. nil forbids none.
	Forbid func(netip.Addr) string
	// Time is the clock that certificates are checked by; nil means time.Now.
	Time func() time.Time
}

// Fetch returns the policy of a policy domain and its body. The error is a *Error.
func (f *Fetcher) Fetch(ctx context.Context, domain string) (*Policy, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(f.Timeout, FetchTimeout))
	defer cancel()
	fail := func(err error) (*Policy, []byte, error) {
		var e *Error
		if !errors.As(err, &e) {
			e = classify(ctx, err)
		}
		e.Domain = domain
		return nil, nil, e
	}
	body, err := f.get(ctx, "mta-sts."+domain)
	if err != nil {
		return fail(err)
	}
	p, err := ParsePolicy(body)
	if err != nil {
		return fail(err)
	}
	return p, body, nil
}

// get returns the body found at the well-known place of host.
func (f *Fetcher) get(ctx context.Context, host string) ([]byte, error) {
	addrs, err := f.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	authority := host
	if f.Port != 0 && f.Port != 443 {
		authority = net.JoinHostPort(host, strconv.Itoa(f.Port))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+authority+wellKnown, nil)
	if err != nil {
		return nil, &Error{Reason: HostLookup, Detail: "not a host name", Err: err}
	}
	req.Header.Set("Accept", "text/plain")
	// A bare transport: no client means no redirects (RFC 8461, Section 3.3).
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return f.dial(ctx, network, addrs)
		},
		TLSClientConfig: &tls.Config{
			// RFC 8461, Section 3.3: a certificate for mta-sts.DOMAIN by a CA that
			// counts, with SNI.
			RootCAs: f.RootCAs, ServerName: host, MinVersion: tls.VersionTLS12, Time: f.Time,
		},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := checkHeader(resp); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxPolicy+1))
	if err == nil {
		// A server can still end the body in order while our time-out closes the
		// connection; what came then is not the policy.
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	if len(body) > MaxPolicy {
		return nil, &Error{Reason: TooLarge}
	}
	return body, nil
}

// checkHeader applies what RFC 8461, Section 3.3 asks of the response.
func checkHeader(resp *http.Response) error {
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return &Error{Reason: Redirected, Detail: strconv.Itoa(resp.StatusCode) + " to " + strconv.Quote(shorten(resp.Header.Get("Location")))}
	case resp.StatusCode != http.StatusOK:
		return &Error{Reason: BadStatus, Detail: strconv.Itoa(resp.StatusCode)}
	case resp.Header.Get("Content-Encoding") != "":
		return &Error{Reason: HTTPFailed, Detail: "a content encoding that was not asked for"}
	case resp.ContentLength > MaxPolicy:
		return &Error{Reason: TooLarge}
	}
	got := resp.Header.Get("Content-Type")
	if mediaType, _, err := mime.ParseMediaType(got); err != nil || mediaType != "text/plain" {
		return &Error{Reason: BadContentType, Detail: strconv.Quote(shorten(got))}
	}
	return nil
}

// addresses looks up host, by our own resolver: the system's may not see the DNS
// that the rest of the decision rests on.
func (f *Fetcher) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	type found struct {
		addrs []netip.Addr
		err   error
	}
	v6 := panics.Go(func() found {
		addrs, _, err := resolver.LookupAddr(ctx, f.Resolver, host, resolver.TypeAAAA)
		return found{addrs, err}
	})
	v4, _, err := resolver.LookupAddr(ctx, f.Resolver, host, resolver.TypeA)
	got := v6()
	all, forbidden := f.allowed(interleave(got.addrs, v4))
	switch {
	case len(all) == 0 && forbidden != "":
		return nil, &Error{Reason: ForbiddenHost, Detail: forbidden}
	case len(all) > 0:
		return all[:min(len(all), maxAddresses)], nil
	case err != nil || got.err != nil:
		err = cmp.Or(err, got.err)
		return nil, &Error{Reason: HostLookup, Detail: resolver.ReasonOf(err), Err: err}
	}
	return nil, &Error{Reason: NoHost}
}

// allowed returns the addresses that may be connected to, and what is wrong with
// the others.
func (f *Fetcher) allowed(addrs []netip.Addr) (all []netip.Addr, forbidden string) {
	if f.Forbid == nil {
		return addrs, ""
	}
	for _, a := range addrs {
		if why := f.Forbid(a); why != "" {
			forbidden = a.String() + " is " + why
			continue
		}
		all = append(all, a)
	}
	return all, forbidden
}

// interleave takes from a and b in turns, so that both families are tried early.
func interleave(a, b []netip.Addr) []netip.Addr {
	out := make([]netip.Addr, 0, len(a)+len(b))
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			out = append(out, a[i])
		}
		if i < len(b) {
			out = append(out, b[i])
		}
	}
	return out
}

// dial tries the addresses in order.
func (f *Fetcher) dial(ctx context.Context, network string, addrs []netip.Addr) (net.Conn, error) {
	dial := f.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	var errs []error
	for _, a := range addrs {
		one, cancel := context.WithTimeout(ctx, dialTimeout)
		conn, err := dial(one, network, netip.AddrPortFrom(a, uint16(cmp.Or(f.Port, 443))).String())
		cancel()
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &Error{Reason: Unreachable, Detail: errs[0].Error(), Err: errors.Join(errs...)}
}

// classify gives an error of the transport its reason.
func classify(ctx context.Context, err error) *Error {
	var (
		cert   *tls.CertificateVerificationError
		remote *net.OpError // an alert of theirs; its own type is not exported
		record tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &cert):
		return &Error{Reason: BadCertificate, Detail: cert.Err.Error(), Err: err}
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		return &Error{Reason: Timeout, Err: err}
	case errors.As(err, &remote) && remote.Op == "remote error", errors.As(err, &record):
		return &Error{Reason: HandshakeFailed, Detail: err.Error(), Err: err}
	}
	return &Error{Reason: HTTPFailed, Detail: shorten(fmt.Sprint(err)), Err: err}
}
