package lab

import (
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"golang.org/x/sync/errgroup"
)

// World is what all runs share: keys, certificates and signed zones. Nothing in
// it changes once it is made, and nothing in it runs.
type World struct {
	Born    time.Time
	CA      *Authority // one that everybody trusts
	RogueCA *Authority // one that everybody trusts and nobody should
	Roots   *x509.CertPool

	// The domains that are attacked: the one whose name is misused, and the one
	// that mail is for.
	Bank, Clinic, ClinicMX string
	records                *Records // of the one that is the user's; nil for none

	keys    *keys
	zones   []*zonesign.Signed // all but the clinic's
	clinic  *zonesign.Key
	anchors *dnssec.Anchors
	anchor  string // the anchors as DS records

	clinicMX, policyHost, plainMX *tls.Certificate
}

// New makes a world as of now.
func New() (*World, error) { return newWorld(nil, asSender) }

// newWorld makes a world, with a domain of the user's in one of the places.
func newWorld(r *Records, as role) (*World, error) {
	w := &World{Born: time.Now(), Roots: x509.NewCertPool(), Bank: Bank, Clinic: Clinic, ClinicMX: ClinicMX, records: r}
	switch {
	case r == nil:
	case as == asSender:
		w.Bank = r.Domain
	default:
		w.Clinic, w.ClinicMX = r.Domain, "mx."+r.Domain
	}
	var err error
	if w.keys, err = newKeys(); err != nil {
		return nil, err
	}
	if err := w.certify(); err != nil {
		return nil, err
	}
	return w, w.sign()
}

// certify makes the authorities and the certificates of honest servers.
func (w *World) certify() (err error) {
	if w.CA, err = newAuthority("Honest CA", w.Born); err != nil {
		return err
	}
	if w.RogueCA, err = newAuthority("Rogue CA", w.Born); err != nil {
		return err
	}
	w.Roots.AddCert(w.CA.Cert)
	w.Roots.AddCert(w.RogueCA.Cert)
	var errs [3]error
	w.clinicMX, errs[0] = w.CA.Issue(w.ClinicMX)
	w.policyHost, errs[1] = w.CA.Issue("mta-sts." + w.Clinic)
	w.plainMX, errs[2] = w.CA.Issue(PlainMX)
	return errors.Join(errs[:]...)
}

// TLSA is the record that the clinic publishes for its server.
func (w *World) TLSA() dane.Record { return dane.MakeRecord(w.clinicMX.Leaf) }

// sign signs the tree from the leaves to the root.
func (w *World) sign() error {
	var err error
	if w.clinic, err = zonesign.NewKey(w.Clinic+".", dns.ECDSAP256SHA256, zonesign.KSK, w.Clinic); err != nil {
		return err
	}
	texts := w.keys.zones(dane.MakeRecord(w.plainMX.Leaf).String())
	if w.Bank != Bank {
		texts = append(texts, w.records.zones()...)
	}
	leaves := make([]*zonesign.Signed, len(texts))
	var g errgroup.Group
	for i, t := range texts {
		g.Go(func() (err error) {
			leaves[i], err = w.signZone(t)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	cuts := map[string]string{} // what each parent has, by its name
	cut := func(origin, ds string) {
		parent := "" // domains of the user's hang below the root
		for _, top := range []string{"example", "invalid"} {
			if strings.HasSuffix(origin, "."+top) {
				parent = top
			}
		}
		cuts[parent] += delegation(origin) + ds
	}
	for i, z := range leaves {
		ds := ""
		if texts[i].how != unsigned {
			ds = z.DS()
		}
		cut(texts[i].origin, ds)
	}
	ds := ""
	if w.clinicSigned() {
		ds = w.clinic.DS(dns.SHA256).String() + "\n"
	}
	cut(w.Clinic, ds)
	tops := []zoneText{{"example", cuts["example"], ecdsaNSEC}, {"invalid", cuts["invalid"], ecdsaNSEC3}}
	root := cuts[""]
	for _, t := range tops {
		z, err := w.signZone(t)
		if err != nil {
			return err
		}
		root += delegation(t.origin) + z.DS()
		leaves = append(leaves, z)
	}
	top, err := w.signZone(zoneText{"", root, ecdsaNSEC})
	if err != nil {
		return err
	}
	w.zones, w.anchor = append(leaves, top), top.DS()
	w.anchors, err = dnssec.ParseAnchors(strings.NewReader(w.anchor))
	return err
}

// delegation is what the parent has of a zone. All name servers are one host.
func delegation(origin string) string {
	return fmt.Sprintf("%[1]s. NS ns.%[1]s.\nns.%[1]s. A 192.0.2.53\n", origin)
}

func (w *World) signZone(t zoneText) (*zonesign.Signed, error) {
	origin := t.origin + "."
	z := zonesign.Zone{Origin: origin, Text: unindent(t.text), Inception: w.Born.Add(-validity), Expiration: w.Born.Add(validity)}
	algorithm := dns.ECDSAP256SHA256
	switch t.how {
	case rsaNSEC3:
		algorithm, z.Denial = dns.RSASHA256, zonesign.NSEC3
	case ecdsaNSEC3:
		z.Denial = zonesign.NSEC3
	}
	if t.origin != "" {
		z.Text += fmt.Sprintf("%[1]s. NS ns.%[1]s.\nns.%[1]s. A 192.0.2.53\n", t.origin)
	} else {
		z.Text += ". NS ns.root-servers.example.\n"
	}
	if t.how != unsigned {
		k, err := zonesign.NewKey(origin, algorithm, zonesign.KSK, t.origin)
		if err != nil {
			return nil, err
		}
		z.Keys = []*zonesign.Key{k}
	}
	s, err := zonesign.Sign(z)
	if err != nil {
		return nil, fmt.Errorf("lab: zone %s: %w", origin, err)
	}
	if t.how == damaged {
		s.Corrupt(origin, dns.TypeTXT)
		s.Corrupt("_dmarc."+origin, dns.TypeTXT)
	}
	return s, nil
}

// unindent lets zones stand indented in the source.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.TrimSpace(strings.Join(lines, "\n")) + "\n"
}

// Anchor returns the trust anchor of the world as DS records in zone format.
func (w *World) Anchor() string { return w.anchor }

// TLSA512 is the clinic's record with the stronger digest.
func (w *World) TLSA512() dane.Record {
	sum := sha512.Sum512(w.clinicMX.Leaf.RawSubjectPublicKeyInfo)
	return dane.Record{Usage: dane.DANEEE, Selector: dane.SPKI, MatchingType: dane.SHA512, Data: sum[:]}
}

// OldRecord returns a TXT record that a domain had a year ago, with the signature
// that it had then.
func (w *World) OldRecord(origin, text string) ([]string, error) {
	k, err := zonesign.NewKey(origin+".", dns.ECDSAP256SHA256, zonesign.KSK, origin)
	if err != nil {
		return nil, err
	}
	then := w.Born.AddDate(-1, 0, 0)
	z, err := zonesign.Sign(zonesign.Zone{
		Origin: origin + ".", Text: "@ 300 TXT " + text + "\n", Keys: []*zonesign.Key{k},
		Inception: then.Add(-validity), Expiration: then.Add(validity),
	})
	if err != nil {
		return nil, err
	}
	records := []string{}
	for _, rr := range z.Records(origin+".", dns.TypeTXT) {
		records = append(records, rr.String())
	}
	for _, sig := range z.Signatures(origin+".", dns.TypeTXT) {
		records = append(records, sig.String())
	}
	return records, nil
}

// Recipient is whom mail is for.
func (w *World) Recipient() string { return "ann@" + w.Clinic }
