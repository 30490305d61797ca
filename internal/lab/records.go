package lab

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/spf"
)

// Records are the mail records of a domain of the user's, to be put in the place
// of one of the story's.
type Records struct {
	Domain string
	Signed bool     // the zone has a DNSKEY record
	MX     bool     // and takes mail
	STS    bool     // announces an MTA-STS policy; what it says is not in DNS
	TLSA   []string // of all its servers
	// Hosted is set if an MX host is outside of the domain: whether that one has TLSA
	// records is not in the file.
	Hosted bool

	texts    []string // records of types that say something about senders
	included []string // domains outside that its SPF records lead to
}

// maxRecordsFile is far above any zone's mail records.
const maxRecordsFile = 4 << 20

// ParseRecords reads what a zone file has about a domain. The error is a
// *zonefile.Error, or says that the file has nothing about the domain.
func ParseRecords(r io.Reader, name string, of domain.Name) (*Records, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxRecordsFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxRecordsFile {
		return nil, &zonefile.Error{Reason: zonefile.TooLarge, File: name}
	}
	if _, err := zonefile.Parse(bytes.NewReader(text), name); err != nil {
		return nil, err
	}
	rs := &Records{Domain: string(of)}
	z := dns.NewZoneParser(bytes.NewReader(text), string(of)+".", name)
	z.SetDefaultTTL(zonefile.DefaultTTL)
	n := 0
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		if dns.IsSubDomain(string(of)+".", rr.Header().Name) {
			n++
			rs.add(rr)
		}
	}
	if err := z.Err(); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("lab: %s has no record of %s", name, of)
	}
	return rs, nil
}

func (rs *Records) add(rr dns.RR) {
	apex := dns.CanonicalName(rr.Header().Name) == rs.Domain+"."
	switch rr := rr.(type) {
	case *dns.DNSKEY:
		rs.Signed = rs.Signed || apex
	case *dns.MX:
		rs.MX = rs.MX || apex && rr.Mx != "."
		rs.Hosted = rs.Hosted || apex && rr.Mx != "." && !dns.IsSubDomain(rs.Domain+".", rr.Mx)
	case *dns.TLSA:
		rs.TLSA = append(rs.TLSA, strings.TrimPrefix(rr.String(), rr.Hdr.String()))
	case *dns.TXT:
		text := strings.Join(rr.Txt, "")
		if strings.EqualFold(rr.Hdr.Name, "_mta-sts."+rs.Domain+".") {
			_, err := mtasts.ParseRecord(text)
			rs.STS = rs.STS || err == nil
		}
		rs.include(text)
		rs.texts = append(rs.texts, rr.String())
	case *dns.A, *dns.AAAA, *dns.CNAME:
		rs.texts = append(rs.texts, rr.String())
	}
}

// include notes the domains outside that a text leads SPF to.
func (rs *Records) include(text string) {
	r, err := spf.ParseRecord(text)
	if err != nil {
		return
	}
	note := func(d spf.DomainSpec) {
		name, ok := d.Name()
		if ok && name != "" && !dns.IsSubDomain(rs.Domain+".", name+".") && !slices.Contains(rs.included, name) {
			rs.included = append(rs.included, name)
		}
	}
	for i := range r.Directives {
		note(r.Directives[i].Domain)
	}
	note(r.Redirect.Domain)
}

// zones are the zones that stand for the domain as a sender. What is outside of
// it is not in the file: SPF records there are taken to list no host of the
// attacker's.
func (rs *Records) zones() []zoneText {
	how := unsigned
	if rs.Signed {
		how = ecdsaNSEC
	}
	all := []zoneText{{rs.Domain, strings.Join(rs.texts, "\n"), how}}
	outside := map[string]string{}
	for _, name := range rs.included {
		labels := dns.SplitDomainName(name)
		origin := strings.Join(labels[max(0, len(labels)-2):], ".")
		if len(labels) < 2 || strings.HasSuffix(origin, ".example") || strings.HasSuffix(origin, ".invalid") ||
			dns.IsSubDomain(origin+".", rs.Domain+".") {
			continue // of the story, or where it cannot be put
		}
		outside[origin] += name + ". TXT \"v=spf1 -all\"\n"
	}
	for origin, text := range outside {
		all = append(all, zoneText{origin, text, unsigned})
	}
	slices.SortFunc(all[1:], func(a, b zoneText) int { return cmp.Compare(a.origin, b.origin) })
	return all
}

// recordedSetup is what the domain has set up as a receiver. Its server is played
// by ours, so that usable TLSA records become ours, and a policy is one that is
// enforced.
func (w *World) recordedSetup() Setup {
	s := Setup{Cert: w.clinicMX}
	usable := false
	for _, text := range w.records.TLSA {
		r, err := dane.Parse(text)
		usable = usable || err == nil && r.Unusable() == ""
	}
	switch {
	case usable:
		s.TLSA = []string{w.TLSA().String()}
	default:
		s.TLSA = w.records.TLSA
	}
	if w.records.STS {
		s.Policy = w.policyText()
	}
	return s
}

// role is whose place a domain takes.
type role int

const (
	asSender role = iota
	asReceiver
)

// Worlds returns two worlds: one in which the domain is the one whose name is
// misused, and one in which it receives; nil where it takes no mail.
func (rs *Records) Worlds() (sender, receiver *World, err error) {
	if sender, err = newWorld(rs, asSender); err != nil || !rs.MX {
		return sender, nil, err
	}
	receiver, err = newWorld(rs, asReceiver)
	return sender, receiver, err
}
