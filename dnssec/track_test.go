package dnssec

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// states writes the keys of a tracker as "tag state" in order of appearance.
func states(t *testing.T, tr *Tracker) string {
	t.Helper()
	var out []string
	for _, k := range tr.Keys {
		key := rr(t, k.Key).(*dns.DNSKEY)
		out = append(out, fmt.Sprintf("%d:%s", key.KeyTag(), k.State))
	}
	return strings.Join(out, " ")
}

// TestTrack lives through the roll of a key: shown, trusted after thirty days,
// the old one revoked, missing, forgotten.
func TestTrack(t *testing.T) {
	day := 24 * time.Hour
	old := newKey(t, ".", dns.ECDSAP256SHA256, zonesign.KSK, "old")
	fresh := newKey(t, ".", dns.ECDSAP256SHA256, zonesign.KSK, "fresh")
	revoked, err := zonesign.KeyFrom(".", dns.ECDSAP256SHA256, zonesign.Revoked, old.Signer)
	if err != nil {
		t.Fatal(err)
	}
	o, f := old.DNSKEY.KeyTag(), fresh.DNSKEY.KeyTag()
	anchors, err := ParseAnchors(strings.NewReader(old.DS(dns.SHA256).String()))
	if err != nil {
		t.Fatal(err)
	}
	tracker, err := NewTracker(".", anchors)
	if err != nil {
		t.Fatal(err)
	}
	now := testNow
	show := func(signing, shown []*zonesign.Key) *resolver.Reply {
		z := zonesign.MustSign(zonesign.Zone{
			Origin: ".", Keys: signing, Inception: now.Add(-day), Expiration: now.Add(10 * day),
		})
		for _, k := range shown {
			z.Add(k.DNSKEY)
		}
		z.SetSignatures(".", dns.TypeDNSKEY, nil)
		for _, k := range signing {
			before := z.Signatures(".", dns.TypeDNSKEY)
			if err := z.ResignAs(k, ".", dns.TypeDNSKEY); err != nil {
				t.Fatal(err)
			}
			z.SetSignatures(".", dns.TypeDNSKEY, append(before, z.Signatures(".", dns.TypeDNSKEY)...))
		}
		return &resolver.Reply{Msg: z.Answer(".", dns.TypeDNSKEY)}
	}
	keys := func(k ...*zonesign.Key) []*zonesign.Key { return k }
	for _, row := range []struct {
		name           string
		wait           time.Duration
		signing, shown []*zonesign.Key
		want           string
		fails          bool
		trusted        int
	}{
		{"configured", 0, keys(old), nil, fmt.Sprintf("%d:valid", o), false, 1},
		{"announced", day, keys(old), keys(fresh), fmt.Sprintf("%d:valid %d:addpend", o, f), false, 1},
		{"taken_back", day, keys(old), nil, fmt.Sprintf("%d:valid", o), false, 1},
		{"announced_again", day, keys(old), keys(fresh), fmt.Sprintf("%d:valid %d:addpend", o, f), false, 1},
		{"too_early", 29 * day, keys(old), keys(fresh), fmt.Sprintf("%d:valid %d:addpend", o, f), false, 1},
		{"forged", day, keys(fresh), nil, fmt.Sprintf("%d:valid %d:addpend", o, f), true, 1},
		{"trusted", day, keys(old), keys(fresh), fmt.Sprintf("%d:valid %d:valid", o, f), false, 2},
		{"missing", day, keys(fresh), nil, fmt.Sprintf("%d:missing %d:valid", o, f), false, 2},
		{"back", day, keys(old, fresh), nil, fmt.Sprintf("%d:valid %d:valid", o, f), false, 2},
		{"flag_without_signature", day, keys(fresh), keys(revoked), fmt.Sprintf("%d:missing %d:valid", o, f), false, 2},
		{"revoked", day, keys(fresh, revoked), nil, fmt.Sprintf("%d:revoked %d:valid", o, f), false, 1},
		{"not_again", day, keys(fresh), keys(old), fmt.Sprintf("%d:revoked %d:valid", o, f), false, 1},
		{"forgotten", 30 * day, keys(fresh), nil, fmt.Sprintf("%d:valid", f), false, 1},
	} {
		now = now.Add(row.wait)
		next, err := tracker.Observe(now, show(row.signing, row.shown))
		if (err != nil) != row.fails {
			t.Fatalf("%s: %v", row.name, err)
		}
		if got := states(t, next); got != row.want {
			t.Fatalf("%s: got %s, want %s", row.name, got, row.want)
		}
		if next.NextQuery.Sub(now) < minRefresh || next.NextQuery.Sub(now) > maxRefresh {
			t.Errorf("%s: next query after %s", row.name, next.NextQuery.Sub(now))
		}
		trusted, err := next.Anchors()
		if err != nil || len(trusted.zones[root]) != row.trusted {
			t.Errorf("%s: anchors %v, %v", row.name, trusted.Records(), err)
		}
		// It goes through the caller's file.
		text, err := json.Marshal(next)
		if err != nil {
			t.Fatal(err)
		}
		tracker = new(Tracker)
		if err := json.Unmarshal(text, tracker); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(next, tracker); diff != "" {
			t.Errorf("%s: %s", row.name, diff)
		}
	}
}

// TestTrackLastKey: after the last key is revoked nothing is trusted.
func TestTrackLastKey(t *testing.T) {
	old := newKey(t, ".", dns.ECDSAP256SHA256, zonesign.KSK, "old")
	revoked, err := zonesign.KeyFrom(".", dns.ECDSAP256SHA256, zonesign.Revoked, old.Signer)
	if err != nil {
		t.Fatal(err)
	}
	// Both digests of the key go with it.
	anchors, _ := ParseAnchors(strings.NewReader(old.DS(dns.SHA256).String() + "\n" + old.DS(dns.SHA384).String()))
	tracker, err := NewTracker(".", anchors)
	if err != nil {
		t.Fatal(err)
	}
	z := zonesign.MustSign(zonesign.Zone{Origin: ".", Keys: []*zonesign.Key{revoked}, Inception: testBegin, Expiration: testExpiry})
	next, err := tracker.Observe(testNow, &resolver.Reply{Msg: z.Answer(".", dns.TypeDNSKEY)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := states(t, next), fmt.Sprintf("%d:revoked", old.DNSKEY.KeyTag()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if a, err := next.Anchors(); err != nil || len(a.Zones()) != 0 {
		t.Errorf("still trusted: %v, %v", a.Records(), err)
	}
}

// TestTrackForeignRevocation: a key that is nobody's anchor can revoke itself as often
// as it likes. A forger must not put off the next question with it, nor pass for an
// answer.
func TestTrackForeignRevocation(t *testing.T) {
	old := newKey(t, ".", dns.ECDSAP256SHA256, zonesign.KSK, "old")
	foreign := newKey(t, ".", dns.ECDSAP256SHA256, zonesign.Revoked, "foreign")
	revoked, err := zonesign.KeyFrom(".", dns.ECDSAP256SHA256, zonesign.Revoked, old.Signer)
	if err != nil {
		t.Fatal(err)
	}
	anchors, _ := ParseAnchors(strings.NewReader(old.DS(dns.SHA256).String()))
	configured, err := NewTracker(".", anchors)
	if err != nil {
		t.Fatal(err)
	}
	followed := &Tracker{Zone: ".", Keys: []TrackedKey{{Key: plainKey(old.DNSKEY), State: Valid}}}
	done := &Tracker{Zone: ".", Keys: []TrackedKey{{Key: plainKey(old.DNSKEY), State: Revoked, Until: testExpiry}}}
	for _, row := range []struct {
		name    string
		tracker *Tracker
		key     *zonesign.Key
		fails   bool
	}{
		{"foreign-configured", configured, foreign, true},
		{"foreign-followed", followed, foreign, true},
		{"own-configured", configured, revoked, false},
		{"own-followed", followed, revoked, false},
		{"own-again", done, revoked, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			z := zonesign.MustSign(zonesign.Zone{Origin: ".", Keys: []*zonesign.Key{row.key}, Inception: testBegin, Expiration: testNow.Add(60 * 24 * time.Hour)})
			reply := &resolver.Reply{Msg: z.Answer(".", dns.TypeDNSKEY)}
			for _, rr := range reply.Msg.Answer {
				rr.Header().Ttl = 30 * 24 * 3600
			}
			next, err := row.tracker.Observe(testNow, reply)
			if (err != nil) != row.fails {
				t.Errorf("got %v, want an error %t", err, row.fails)
			}
			if got := next.NextQuery.Sub(testNow); got != minRefresh {
				t.Errorf("asks again after %s, want %s", got, minRefresh)
			}
		})
	}
}

// TestTrackTrust: an anchor that is configured later is trusted at once, unless its
// key has been revoked.
func TestTrackTrust(t *testing.T) {
	old := newKey(t, ".", dns.ECDSAP256SHA256, zonesign.KSK, "old")
	fresh := newKey(t, ".", dns.ECDSAP256SHA256, zonesign.KSK, "fresh")
	gone := newKey(t, ".", dns.ECDSAP256SHA256, zonesign.KSK, "gone")
	other := newKey(t, ".", dns.ECDSAP256SHA256, zonesign.KSK, "other")
	tracker := &Tracker{Zone: ".", Keys: []TrackedKey{
		{Key: plainKey(old.DNSKEY), State: Missing},
		{Key: plainKey(fresh.DNSKEY), State: AddPend, Until: testNow},
		{Key: plainKey(gone.DNSKEY), State: Revoked, Until: testNow},
	}}
	before, _ := json.Marshal(tracker)
	var lines []string
	for _, k := range []*zonesign.Key{old, fresh, gone, other, other} {
		lines = append(lines, k.DS(dns.SHA256).String())
	}
	further, err := ParseAnchors(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	next := tracker.Trust(further)
	want := fmt.Sprintf("%d:missing %d:valid %d:revoked", old.DNSKEY.KeyTag(), fresh.DNSKEY.KeyTag(), gone.DNSKEY.KeyTag())
	if got := states(t, next); got != want || len(next.DS) != 1 {
		t.Errorf("got %s and %d digests, want %s and 1", got, len(next.DS), want)
	}
	if a, err := next.Anchors(); err != nil || len(a.zones[root]) != 3 {
		t.Errorf("trusted: %v, %v", a.Records(), err)
	}
	if after, _ := json.Marshal(tracker); string(after) != string(before) {
		t.Error("the tracker itself has changed")
	}
}
