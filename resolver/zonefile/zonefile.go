// Package zonefile answers questions from RFC 1035 master files alone, the way
// an authoritative name server would that serves all of them: aliases (CNAME,
// and DNAME of RFC 6672), wildcards (RFC 4592), empty non-terminals, referrals,
// DS at the parent's side and, where the text has the records, the signatures
// and the NSEC or NSEC3 records of RFC 4035, Section 3.1 and RFC 5155, Section
// 7.2.
//
// A zone begins at the owner of an SOA record. Records that no zone of their
// file contains join the zone that another file gave, or stand alone: they are
// answered as they are, and no name server records cut anything off there.
//
// It diverges from a strict reader where people paste: the TTL may be missing
// (3600), a character string may be longer than 255 bytes (it is split), and a
// name is taken as absolute when no $ORIGIN came before. $INCLUDE is refused.
package zonefile

import (
	"context"
	"io"
	"strings"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// MaxLinks is how many aliases one reply follows, one more than any resolver
// should accept.
const MaxLinks = 16

// Zones is a set of zones and of records that are in none of them, all loaded
// from master files. It implements resolver.Source. The zero value knows no
// name. Fetch may be called from several goroutines once everything is added.
type Zones struct {
	// Fail makes questions fail, for tests: the key is a canonical name, or such
	// a name, a space and a type. ServerFailed gives a SERVFAIL reply, any other
	// reason an error. nil means that nothing fails.
	Fail map[string]resolver.Reason

	// Authoritative makes names outside all loaded zones refused, as a name
	// server does. When false the zones are the whole world, and names outside
	// do not exist.
	Authoritative bool

	zones   map[string]*zone // by apex
	loose   *zone            // the records that no zone contains
	records int
}

var _ resolver.Source = (*Zones)(nil)

// Parse reads one master file. The name stands for it in errors.
func Parse(r io.Reader, name string) (*Zones, error) {
	z := new(Zones)
	if err := z.Add(r, name); err != nil {
		return nil, err
	}
	return z, nil
}

// FromText returns the zones written in text, which may be indented as a whole.
// It is for tests and examples, and panics on a text that is no master file.
func FromText(text string) *Zones {
	z, err := Parse(strings.NewReader(dedent(text)), "text")
	if err != nil {
		panic(err)
	}
	return z
}

// dedent removes the white space that all lines of text begin with.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	indent, first := "", true
	for _, l := range lines {
		rest := strings.TrimLeft(l, " \t")
		if rest == "" || rest == "\r" {
			continue
		}
		own := l[:len(l)-len(rest)]
		if first {
			indent, first = own, false
		}
		for !strings.HasPrefix(own, indent) {
			indent = indent[:len(indent)-1]
		}
	}
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, indent)
	}
	return strings.Join(lines, "\n")
}

// Fetch answers q from the loaded records. It never waits.
func (z *Zones) Fetch(ctx context.Context, q resolver.Question) (*resolver.Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	m.Response, m.Authoritative = true, true
	m.Question = []dns.Question{{Name: dns.Fqdn(q.Name), Qtype: uint16(q.Type), Qclass: dns.ClassINET}}
	name := q.Name
	for links := 0; name != "" && links < MaxLinks; links++ {
		if reason, ok := z.failure(name, q.Type); ok {
			if reason != resolver.ServerFailed {
				return nil, &resolver.Error{Reason: reason, Name: q.Name, Type: q.Type, Detail: "asked for by the test"}
			}
			m.Rcode, m.Answer, m.Ns, m.Extra = dns.RcodeServerFailure, nil, nil, nil
			break
		}
		name = z.answer(m, name, uint16(q.Type))
	}
	return &resolver.Reply{Msg: m, Server: "zone file"}, nil
}

func (z *Zones) failure(name string, t resolver.Type) (resolver.Reason, bool) {
	if len(z.Fail) == 0 {
		return "", false
	}
	if r, ok := z.Fail[name]; ok {
		return r, true
	}
	r, ok := z.Fail[name+" "+t.String()]
	return r, ok
}

// zoneOf returns the zone that answers for name: the deepest one, but the
// parent's for DS (RFC 4035, Section 3.1.4.1).
func (z *Zones) zoneOf(name string, typ uint16) *zone {
	if typ == dns.TypeDS && name != "." {
		if zn := z.enclosing(parent(name)); zn != nil && zn != z.loose {
			return zn
		}
	}
	return z.enclosing(name)
}

// enclosing returns the deepest zone that contains name; the loose records if
// there is none, nil if there are none of those either.
func (z *Zones) enclosing(name string) *zone {
	for n := name; n != ""; n = parent(n) {
		if zn := z.zones[n]; zn != nil {
			return zn
		}
	}
	return z.loose
}

// parent returns name without its first label: "." for a top-level name, "" for
// the root.
func parent(name string) string {
	if name == "." {
		return ""
	}
	off, end := dns.NextLabel(name, 0)
	if end || off >= len(name) {
		return "."
	}
	return name[off:]
}
