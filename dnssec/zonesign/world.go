package zonesign

import (
	"time"

	"github.com/miekg/dns"
)

// worldDays is how long before and after its time a World's signatures are valid.
const worldDays = 9

// SignedAndPlain returns the smallest world in which a status can differ: the root,
// signed. below it, which is signed, and plain., which is proven not to be. The texts
// are master files of the two zones, the signatures are valid around at, and anchor
// is the DS record of the root's key.
func SignedAndPlain(at time.Time, signed, plain string) (w *World, inner *Signed, anchor string, err error) {
	w = new(World)
	if inner, err = w.Add(at, "signed.", signed); err != nil {
		return nil, nil, "", err
	}
	bare, err := Sign(Zone{Origin: "plain.", Text: plain})
	if err != nil {
		return nil, nil, "", err
	}
	w.Zones = append(w.Zones, bare)
	root, err := w.Add(at, ".", "signed. NS ns.signed.\nplain. NS ns.plain.\n"+inner.DS())
	if err != nil {
		return nil, nil, "", err
	}
	return w, inner, root.DS(), nil
}

// Add signs a zone with one key of its own, valid around at, and adds it.
func (w *World) Add(at time.Time, origin, text string) (*Signed, error) {
	k, err := NewKey(origin, dns.ECDSAP256SHA256, KSK, "key of "+origin)
	if err != nil {
		return nil, err
	}
	s, err := Sign(Zone{
		Origin: origin, Text: text, Keys: []*Key{k},
		Inception: at.AddDate(0, 0, -worldDays), Expiration: at.AddDate(0, 0, worldDays),
	})
	if err != nil {
		return nil, err
	}
	w.Zones = append(w.Zones, s)
	return s, nil
}
