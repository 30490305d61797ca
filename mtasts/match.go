package mtasts

import (
	"strings"

	"github.com/waxseal/waxseal/resolver"
)

// Match returns the mx pattern of the policy that names host, and whether there is
// one (RFC 8461, Section 4.1). A wildcard stands for exactly one label.
func (p *Policy) Match(host string) (pattern string, ok bool) {
	host = resolver.CanonicalName(host)
	parent := ""
	if i := strings.IndexByte(host, '.'); i > 0 {
		parent = host[i+1:]
	}
	for _, mx := range p.MX {
		suffix, wildcard := strings.CutPrefix(mx, "*.")
		if wildcard && parent == suffix || !wildcard && host == mx {
			return mx, true
		}
	}
	return "", false
}
