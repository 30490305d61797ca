package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/resolver"
)

const day = 24 * time.Hour

// rolling is a root zone whose keys change. It signs anew whenever it is asked.
type rolling struct {
	t              *testing.T
	mu             sync.Mutex
	signing, shown []*zonesign.Key
	down           bool
	asked          int // for its keys
}

func (r *rolling) set(signing []*zonesign.Key, shown ...*zonesign.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signing, r.shown = signing, shown
}

func (r *rolling) fail(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *rolling) Fetch(_ context.Context, q resolver.Question) (*resolver.Reply, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.Type == resolver.TypeDNSKEY {
		r.asked++
	}
	if r.down {
		return nil, &resolver.Error{Reason: resolver.Timeout, Name: q.Name, Type: q.Type}
	}
	now := time.Now()
	z := zonesign.MustSign(zonesign.Zone{
		Origin: ".", Text: "mail. 60 TXT hello", Keys: r.signing, Inception: now.Add(-day), Expiration: now.Add(10 * day),
	})
	for _, k := range r.shown {
		z.Add(k.DNSKEY)
	}
	z.SetSignatures(".", dns.TypeDNSKEY, nil)
	for _, k := range r.signing {
		before := z.Signatures(".", dns.TypeDNSKEY)
		if err := z.ResignAs(k, ".", dns.TypeDNSKEY); err != nil {
			r.t.Error(err)
		}
		z.SetSignatures(".", dns.TypeDNSKEY, append(before, z.Signatures(".", dns.TypeDNSKEY)...))
	}
	return &resolver.Reply{Msg: z.Answer(q.Name, uint16(q.Type)), Server: "rolling"}, nil
}

func rootKey(t *testing.T, seed string) *zonesign.Key {
	k, err := zonesign.NewKey(".", dns.ECDSAP256SHA256, zonesign.KSK, seed)
	if err != nil {
		t.Fatal(err)
	}
	k.DNSKEY.Hdr.Ttl = 2 * 86400 // as that of the real root: asked for once a day
	return k
}

func revoked(t *testing.T, k *zonesign.Key) *zonesign.Key {
	out, err := zonesign.KeyFrom(".", dns.ECDSAP256SHA256, zonesign.Revoked, k.Signer)
	if err != nil {
		t.Fatal(err)
	}
	out.DNSKEY.Hdr.Ttl = k.DNSKEY.Hdr.Ttl
	return out
}

func rootKeys(k ...*zonesign.Key) []*zonesign.Key { return k }

// record is a log that is read while it is written.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// roll is a daemon's anchors over a rolling root.
type roll struct {
	t      *testing.T
	root   *rolling
	config *config.Config
	log    record
	a      *anchored
	stop   func()
}

func newRoll(t *testing.T, dir string, anchors ...*zonesign.Key) *roll {
	r := &roll{t: t, root: &rolling{t: t}, config: config.Default()}
	r.root.set(anchors)
	r.config.State.Directory = dir
	r.config.DNS.Tracking = "on"
	r.config.DNS.TrustAnchor = filepath.Join(t.TempDir(), "anchors")
	r.configure(anchors...)
	return r
}

func (r *roll) configure(anchors ...*zonesign.Key) {
	var text strings.Builder
	for _, k := range anchors {
		text.WriteString(k.DS(dns.SHA256).String() + "\n")
	}
	if err := os.WriteFile(r.config.DNS.TrustAnchor, []byte(text.String()), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// start starts a daemon's part that has to do with trust anchors.
func (r *roll) start() {
	r.t.Helper()
	a, err := newAnchored(r.config, r.root)
	if err != nil {
		r.t.Fatal(err)
	}
	r.a = a
	d := &Daemon{Log: slog.New(slog.NewJSONHandler(&r.log, nil))}
	ctx, cancel := context.WithCancel(r.t.Context())
	a.resume(d.Log)
	d.state.Store(&state{anchored: a})
	var wg sync.WaitGroup
	wg.Go(func() { d.follow(ctx) })
	r.stop = func() { cancel(); wg.Wait() }
	synctest.Wait()
}

func (r *roll) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

// ask returns how far a name is proven now.
func (r *roll) ask() string {
	a, err := r.a.Lookup(r.t.Context(), "mail", resolver.TypeTXT)
	var e *resolver.Error
	if errors.As(err, &e) {
		return string(e.Reason)
	}
	return a.Status.String()
}

// times counts what the log says.
func (r *roll) times(words string) int { return strings.Count(r.log.String(), words) }

// TestRollover lives through the roll of a root key as a daemon does, with restarts
// within the thirty days, and compares it at the end with one that follows nothing.
func TestRollover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh := rootKey(t, "old"), rootKey(t, "fresh")
		r := newRoll(t, t.TempDir(), old)
		r.start()
		still := *r.config
		still.DNS.Tracking = "off"
		unmoved, err := newAnchored(&still, r.root)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for d := range 120 {
			switch d {
			case 10:
				r.root.set(rootKeys(old), fresh) // announced
			case 30, 39, 60, 100:
				r.restart() // within the thirty days, and after each step
			case 45:
				r.root.set(rootKeys(fresh), old) // signs alone
			case 50:
				r.root.set(rootKeys(fresh, revoked(t, old)))
			case 85:
				r.root.set(rootKeys(fresh))
			}
			time.Sleep(day)
			synctest.Wait()
			if s := r.ask(); len(got) == 0 || !strings.HasSuffix(got[len(got)-1], s) {
				got = append(got, fmt.Sprintf("day %d: %s", d, s))
			}
		}
		if diff := cmp.Diff(got, []string{"day 0: secure"}); diff != "" {
			t.Errorf("%s\n%s", diff, r.log.String())
		}
		if _, err := unmoved.Lookup(t.Context(), "mail", resolver.TypeTXT); resolver.StatusOf(nil, err) != resolver.Bogus {
			t.Errorf("without following it: got %v, want bogus", err)
		}
		if want := identify([]string{fresh.DS(dns.SHA256).String()}); cmp.Diff(r.a.current.Load().anchors, want) != "" {
			t.Errorf("trusts %v, want %v", r.a.current.Load().anchors, want)
		}
		var states []string
		for line := range strings.Lines(r.log.String()) {
			if _, rest, ok := strings.Cut(line, `"state":"`); ok {
				state, _, _ := strings.Cut(rest, `"`)
				states = append(states, state)
			}
		}
		if diff := cmp.Diff(states, strings.Fields("valid addpend valid revoked")); diff != "" {
			t.Errorf("%s\n%s", diff, r.log.String())
		}
		r.stop()
	})
}

// TestFollowOften holds that keys are asked for as often as RFC 5011, Section 2.3
// says, and an hour after a failure, and that a restart does not ask again.
func TestFollowOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := rootKey(t, "key")
		r := newRoll(t, t.TempDir(), key)
		r.start()
		count := func() int { r.root.mu.Lock(); defer r.root.mu.Unlock(); n := r.root.asked; r.root.asked = 0; return n }
		if got := count(); got != 1 {
			t.Errorf("asked %d times at the start", got)
		}
		r.restart()
		if got := count(); got != 0 {
			t.Errorf("asked %d times after a restart", got)
		}
		time.Sleep(10*day + time.Hour)
		synctest.Wait()
		if got := count(); got != 10 { // the TTL is two days
			t.Errorf("asked %d times in ten days", got)
		}
		r.root.fail(true)
		time.Sleep(2 * day)
		synctest.Wait()
		if got := count(); got < 24 || got > 48 || r.times("could not be followed") != got {
			t.Errorf("asked %d times in two days of failure, told %d", got, r.times("could not be followed"))
		}
		r.root.fail(false)
		if got := r.ask(); got != "secure" {
			t.Errorf("got %s", got)
		}
		r.stop()
	})
}

// TestAnchorsFile holds that whatever becomes of the file, answers are validated.
func TestAnchorsFile(t *testing.T) {
	for _, row := range []struct {
		name string
		harm func(t *testing.T, r *roll)
		told string
	}{
		{"missing", func(t *testing.T, r *roll) { remove(t, r.a.file.Path()) }, ""},
		{"cut", func(t *testing.T, r *roll) { rewrite(t, r.a.file.Path(), `{"version":1,`) }, "cannot be used; the configured ones hold"},
		{"empty", func(t *testing.T, r *roll) { rewrite(t, r.a.file.Path(), "") }, "cannot be used; the configured ones hold"},
		{"unreadable", func(t *testing.T, r *roll) {
			remove(t, r.a.file.Path())
			if err := os.Mkdir(r.a.file.Path(), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "cannot be used; the configured ones hold"},
		{"no-directory", func(t *testing.T, r *roll) {
			if err := os.RemoveAll(r.config.State.Directory); err != nil {
				t.Fatal(err)
			}
		}, "followed in memory alone, as their file cannot be written"},
		{"built-in-before", func(t *testing.T, r *roll) {
			s, err := r.a.file.Load()
			if err != nil {
				t.Fatal(err)
			}
			s.BuiltIn = true
			if err := r.a.file.Save(s); err != nil {
				t.Fatal(err)
			}
		}, "other trust anchors are configured than before"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoll(t, filepath.Join(t.TempDir()), rootKey(t, "key"))
				r.start()
				r.stop()
				row.harm(t, r)
				r.start()
				for range 3 {
					time.Sleep(day)
					if got := r.ask(); got != "secure" {
						t.Fatalf("got %s", got)
					}
				}
				synctest.Wait()
				if row.told != "" && r.times(row.told) != 1 {
					t.Errorf("told %d times:\n%s", r.times(row.told), r.log.String())
				}
				if row.name == "no-directory" {
					if err := os.Mkdir(r.config.State.Directory, 0o700); err != nil {
						t.Fatal(err)
					}
					time.Sleep(2 * day)
					synctest.Wait()
					if r.times("can be written again") != 1 {
						t.Errorf("not told that it works again:\n%s", r.log.String())
					}
				}
				if row.name != "unreadable" {
					if s, err := r.a.file.Load(); err != nil || s == nil || s.BuiltIn {
						t.Errorf("kept: %+v, %v", s, err)
					}
				}
				r.stop()
			})
		})
	}
}

func remove(t *testing.T, name string) {
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, name, text string) {
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAnchorsChanged holds that the operator's file rules: what was learnt for
// another one does not count, in either direction.
func TestAnchorsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := rootKey(t, "first"), rootKey(t, "second")
		r := newRoll(t, t.TempDir(), first)
		r.start()
		r.stop()
		r.configure(second)
		r.start()
		if got := r.ask(); got != "bogus" {
			t.Errorf("got %s under a key that was taken out", got)
		}
		r.stop()
		r.root.set(rootKeys(second))
		r.start()
		if got := r.ask(); got != "secure" {
			t.Errorf("got %s, want secure", got)
		}
		r.stop()
	})
}

// TestBuiltInAnchors holds that a new release's anchors are trusted beside what was
// learnt, and that a key that was revoked is not trusted again for standing in it.
func TestBuiltInAnchors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := rootKey(t, "first"), rootKey(t, "second")
		r := newRoll(t, t.TempDir(), first)
		release := func(anchors ...*zonesign.Key) {
			r.t.Helper()
			var lines []string
			for _, k := range anchors {
				lines = append(lines, k.DS(dns.SHA256).String())
			}
			a, err := newAnchored(r.config, r.root)
			if err != nil {
				t.Fatal(err)
			}
			if a.configured, err = dnssec.ParseAnchors(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
				t.Fatal(err)
			}
			a.builtIn = true
			a.trust(a.configured)
			a.resume(slog.New(slog.NewJSONHandler(&r.log, nil)))
			a.follow(t.Context(), slog.New(slog.NewJSONHandler(&r.log, nil)))
			time.Sleep(2 * day)
			r.a = a
		}
		release(first)
		r.root.set(rootKeys(second), first)
		release(first, second) // no thirty days for what a release brings
		if got := r.ask(); got != "secure" {
			t.Errorf("got %s under the new release's key", got)
		}
		r.root.set(rootKeys(second, revoked(t, first)))
		release(first, second)
		r.root.set(rootKeys(first))
		time.Sleep(40 * day) // long enough for the revoked key to be forgotten
		for range 3 {
			release(first, second)
		}
		if got := r.ask(); got != "bogus" {
			t.Errorf("got %s under a key that was revoked", got)
		}
	})
}

// TestAllRevoked holds that with no anchor left nothing is taken for proven, and
// that where proof is demanded there are no answers at all.
func TestAllRevoked(t *testing.T) {
	for demand, want := range map[config.DNSSEC]string{"require": string(resolver.NoDNSSEC), "auto": "indeterminate"} {
		t.Run(string(demand), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key := rootKey(t, "key")
				r := newRoll(t, t.TempDir(), key)
				r.config.DNS.DNSSEC = demand
				r.start()
				r.root.set(rootKeys(revoked(t, key)))
				time.Sleep(2 * day)
				synctest.Wait()
				if got := r.ask(); got != want || r.times("every trust anchor has been revoked") != 1 {
					t.Errorf("got %s, want %s\n%s", got, want, r.log.String())
				}
				r.restart()
				if got := r.ask(); got != want {
					t.Errorf("after a restart: got %s, want %s", got, want)
				}
				r.stop()
			})
		})
	}
}

// TestNegativeAnchors holds that a zone is taken for unsigned for the time given and
// no longer than a week, and that the operator is told.
func TestNegativeAnchors(t *testing.T) {
	for _, row := range []struct {
		name, entry string
		days        int
	}{
		{"no-end", "mail", 7},
		{"end", "mail until 2000-01-03", 2},
		{"too-long", "mail until 2001-01-01", 7},
		{"over", "mail until 1999-12-31", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // at the beginning of 2000
				r := newRoll(t, t.TempDir(), rootKey(t, "key"))
				r.root.set(rootKeys(rootKey(t, "another"))) // everything is bogus
				r.config.DNS.NegativeTrustAnchors = []config.NegativeAnchor{config.NegativeAnchor(row.entry)}
				r.start()
				days := 0
				for range 10 {
					if s := r.ask(); s == "insecure" {
						days++
					} else if s != "bogus" {
						t.Errorf("got %s", s)
					}
					time.Sleep(day)
				}
				synctest.Wait()
				if days != row.days {
					t.Errorf("got %d days, want %d", days, row.days)
				}
				if r.times("is taken for unsigned") != min(row.days, 1) || r.times("negative trust anchor has ended") != 1 {
					t.Errorf("told:\n%s", r.log.String())
				}
				r.stop()
			})
		})
	}
}
