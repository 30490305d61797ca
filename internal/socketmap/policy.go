// Package socketmap answers Postfix's question under which TLS policy a domain's
// mail may leave (smtp_tls_policy_maps), over the socketmap protocol. It decides
// nothing: a Planner does, and this package says in Postfix's words what the plan
// comes to for the domain as a whole.
//
// Those words know one policy for all hosts of a domain, where a plan has one for
// each. What they cannot say is rounded up, never down:
//
//   - If all hosts are under DANE and the MX lookup is secure: dane-only.
//   - If an enforced MTA-STS policy rules for a host, or names the hosts of an
//     insecure MX lookup: secure, with the names of the hosts that may be used.
//     A host of such a domain that DANE rules for is then checked by its
//     certificate alone.
//   - If DANE rules for some hosts only: dane, by which Postfix decides for each.
//   - Else nothing: the key is not found, and Postfix's own
//     smtp_tls_security_level holds, which may be more than may. Server.Default
//     names a level instead.
//
// Under dane Postfix asks nothing more of a host without TLSA records than under
// may, and of TLSA records behind an insecure MX lookup what
// smtp_tls_dane_insecure_mx_policy says. Who demands encryption of all says so in
// Server.Default, and then such hosts are left out or encrypted instead.
//
// A domain that has no hosts demands nothing, unless an enforced MTA-STS policy is
// known for it, or it is not known whether there is one: that waits, for Postfix asks
// where it has seen hosts.
//
// A domain with a host that would have to wait for DNS, among others that MTA-STS
// rules for, waits as a whole: by itself Postfix would use that host.
//
// Under dane and dane-only Postfix looks the TLSA records up again, and believes
// the resolver of its host that they are secure. It looks up the MX records itself
// and before it asks here: a forged null MX or NXDOMAIN bounces mail whatever this
// map knows of the domain's MTA-STS policy.
package socketmap

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/outbound"
	"github.com/waxseal/waxseal/resolver"
)

// Planner plans the way to a domain, as outbound.Planner does. It always returns a
// plan: lookups that fail are part of it.
type Planner interface {
	Plan(ctx context.Context, domain string) *outbound.Plan
}

// The names of the maps.
const (
	// Policy is the map for every Postfix.
	Policy = "policy"
	// PolicyTLSRPT also says what Postfix 3.10 and later should report of MTA-STS
	// policies (RFC 8460); to earlier ones its answers are errors.
	PolicyTLSRPT = "policy-tlsrpt"
)

// Replies, with the space that Postfix insists on.
const (
	ok       = "OK "
	notFound = "NOTFOUND "
	temp     = "TEMP "
	perm     = "PERM "
)

// maxReason is how long a reason in a reply may be.
const maxReason = 400

// Level is a TLS security level of Postfix.
type Level string

// The levels for domains that nothing demands TLS of.
const (
	Own     Level = "postfix" // whatever smtp_tls_security_level says; the default
	May     Level = "may"
	Encrypt Level = "encrypt"
	DANE    Level = "dane" // as may, and DANE for hosts that have it when Postfix looks
)

// domainOf returns the domain that a key of the map asks for. Postfix also asks for
// its parents, with a dot in front, for next-hops with brackets or a port, and for
// addresses: of all of those we know nothing.
func domainOf(key string) (string, bool) {
	if strings.HasPrefix(key, ".") {
		return "", false
	}
	if _, err := netip.ParseAddr(key); err == nil {
		return "", false
	}
	name, err := domain.Parse(key)
	return string(name), err == nil && strings.Contains(string(name), ".")
}

// answer returns the reply that a plan comes to; otherwise is the level for what
// nothing demands TLS of.
func answer(plan *outbound.Plan, otherwise Level, tlsrpt bool) string {
	switch plan.Outcome {
	case outbound.Defer:
		return temp + clean(plan.Reason)
	case outbound.Reject:
		if enforced(plan) != nil || unknown(plan) {
			// Postfix asks because it has found a host, where we found that there is
			// none: one of us was lied to, and by itself it would trust that host.
			return temp + "Postfix sees MX hosts, but here: " + clean(plan.Reason)
		}
		return level(otherwise)
	}
	sts := enforced(plan)
	s := surveyOf(plan)
	secure := plan.MX.Status == resolver.Secure
	switch {
	case sts != nil && (s.mtasts > 0 || !secure):
		if s.waits != "" {
			return temp + clean(s.waits)
		}
		if len(s.names) == 0 {
			return temp + "no MX host has a name that a certificate can have"
		}
		reply := ok + "secure match=" + strings.Join(s.names, ":") + " servername=hostname"
		if tlsrpt {
			reply += attributes(plan.Domain, sts)
		}
		return reply
	case s.dane > 0 && s.dane == s.used && secure:
		return ok + "dane-only"
	case otherwise == Encrypt:
		return encrypted(s, secure)
	case s.dane+s.unauthenticated > 0 || s.waits != "":
		return ok + string(DANE)
	}
	return level(otherwise)
}

// level returns the reply for a domain that demands nothing.
func level(otherwise Level) string {
	switch otherwise {
	case May, Encrypt, DANE:
		return ok + string(otherwise)
	}
	return notFound
}

// encrypted returns the reply for a domain that DANE rules for in part at most,
// where all mail must be encrypted: dane would let a host without TLSA records have
// it in the clear.
func encrypted(s survey, secureMX bool) string {
	switch {
	case s.dane > 0 && secureMX:
		return ok + "dane-only" // Postfix passes over the other hosts
	case s.waits != "":
		return temp + clean(s.waits)
	}
	return ok + string(Encrypt)
}

// enforced returns the MTA-STS policy if it is enforced.
func enforced(plan *outbound.Plan) *mtasts.Policy {
	if plan.STS == nil || plan.STS.Policy == nil || plan.STS.Policy.Mode != mtasts.Enforce {
		return nil
	}
	return plan.STS.Policy
}

// unknown reports whether nobody could find out if there is an MTA-STS policy.
func unknown(plan *outbound.Plan) bool {
	return plan.STS != nil && plan.STS.Policy == nil && plan.STS.Status == mtasts.TempError
}

// survey counts the hosts of a plan.
type survey struct {
	used, dane, mtasts, unauthenticated int

	names []string // of the hosts that MTA-STS lists and that may be used
	waits string   // why a host must wait that DANE may rule for
}

func surveyOf(plan *outbound.Plan) survey {
	var s survey
	for i := range plan.Hosts {
		h := &plan.Hosts[i]
		switch h.State {
		case outbound.Wait:
			if s.waits == "" {
				s.waits = h.Name + ": " + h.Reason
			}
			continue
		case outbound.Skip:
			continue
		}
		s.used++
		switch h.Policy {
		case outbound.DANE:
			s.dane++
		case outbound.MTASTS:
			s.mtasts++
		case outbound.DANEUnauthenticated:
			s.unauthenticated++
		}
		// The name is a stranger's: one with a colon or a space would be an
		// attribute of its own.
		if name, err := domain.Parse(h.Name); err == nil && h.Pattern != "" && !slices.Contains(s.names, string(name)) {
			s.names = append(s.names, string(name))
		}
	}
	return s
}

// attributes are what Postfix reports of an MTA-STS policy.
func attributes(name string, p *mtasts.Policy) string {
	var b strings.Builder
	b.WriteString(" policy_type=sts policy_domain=" + name)
	line := func(key, value string) {
		if !strings.ContainsAny(value, "{}") {
			b.WriteString(" { policy_string = " + key + ": " + clean(value) + " }")
		}
	}
	line("version", p.Version)
	line("mode", string(p.Mode))
	for _, mx := range p.MX {
		line("mx", mx)
	}
	line("max_age", strconv.FormatInt(p.MaxAge, 10))
	for _, mx := range p.MX {
		if _, err := domain.Parse(strings.TrimPrefix(mx, "*.")); err == nil {
			b.WriteString(" mx_host_pattern=" + mx)
		}
	}
	return b.String()
}

// clean makes a text one line of US-ASCII.
func clean(s string) string {
	b := make([]byte, 0, min(len(s), maxReason))
	for i := 0; i < len(s) && len(b) < maxReason; i++ {
		c := s[i]
		if c != ' ' && !ascii.IsPrint(c) {
			c = '?'
		}
		b = append(b, c)
	}
	return string(b)
}
