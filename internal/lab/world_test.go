package lab

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/resolver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func world(t testing.TB) *World {
	t.Helper()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func open(t testing.TB, w *World, c Controls) *Stage {
	t.Helper()
	s := newStage(t.Context(), w, c)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStatus holds that the tree is what the story needs: proven, not signed,
// damaged, and forged on the way.
func TestStatus(t *testing.T) {
	w := world(t)
	for _, tt := range []struct {
		name, ask string
		t         resolver.Type
		tamper    Tamper
		want      string
	}{
		{"ecdsa-nsec", Bank, resolver.TypeTXT, nil, "secure 1"},
		{"rsa-nsec3", Shop, resolver.TypeTXT, nil, "secure 1"},
		{"nsec-denial", "nothing." + Bank, resolver.TypeA, nil, "secure 0"},
		{"nsec3-denial", "nothing." + Shop, resolver.TypeA, nil, "secure 0"},
		{"unsigned", Gazette, resolver.TypeTXT, nil, "insecure 1"},
		{"unsigned-below-nsec3", Crook, resolver.TypeTXT, nil, "insecure 1"},
		{"damaged", BadlyRun, resolver.TypeTXT, nil, "bogus 0"},
		{"clinic", Clinic, resolver.TypeMX, nil, "secure 1"},
		{"forged", Clinic, resolver.TypeMX, Forge(Clinic, resolver.TypeMX, Clinic+". 300 IN MX 10 x."), "bogus 0"},
		{"denied", "_dmarc." + Bank, resolver.TypeTXT, Deny("_dmarc." + Bank), "bogus 0"},
		{"stripped", Bank, resolver.TypeTXT, StripSignatures(Bank), "bogus 0"},
		{"failing", Bank, resolver.TypeTXT, Fail(Bank), "indeterminate 0"},
		{"forged-where-unsigned", Gazette, resolver.TypeTXT, Forge(Gazette, resolver.TypeTXT, Gazette+". 300 IN TXT x", Gazette+". 300 IN TXT y"), "insecure 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, w, DNSSEC)
			if tt.tamper != nil {
				s.Tamper(tt.tamper)
			}
			a, err := s.Resolver.Lookup(t.Context(), tt.ask, tt.t)
			n := 0
			if err == nil && !a.Void() {
				n = len(a.Records)
			}
			if got := resolver.StatusOf(a, err).String() + " " + string(rune('0'+n)); got != tt.want {
				t.Errorf("got %q want %q (%v)", got, tt.want, err)
			}
		})
	}
}

// TestOldRecord holds that the signature of the replayed record was good once: it
// fails by its time alone.
func TestOldRecord(t *testing.T) {
	w := world(t)
	old, err := w.OldRecord(Bank, `"v=spf1 -all"`)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, w, DNSSEC)
	s.Tamper(Forge(Bank, resolver.TypeTXT, old...))
	_, err = s.Resolver.Lookup(t.Context(), Bank, resolver.TypeTXT)
	if got := resolver.ReasonOf(err); !strings.Contains(got, "expired") {
		t.Errorf("got %q want an expired signature", got)
	}
}

func TestWeakKey(t *testing.T) {
	w := world(t)
	sum := sha256.Sum256([]byte("x"))
	k := w.WeakKey()
	sig, err := k.Sum(sum)
	if err != nil {
		t.Fatal(err)
	}
	public := k.Private.Public().(*rsa.PublicKey)
	record := dkim.Record{KeyType: "rsa", Public: public, Bits: public.N.BitLen()}
	t.Setenv("GODEBUG", "rsa1024min=0") // crypto/rsa refuses to check such a key
	if !record.Verify(sum, sig) || record.Bits != weakBits {
		t.Errorf("the signature of %d bits does not verify", record.Bits)
	}
}

// BenchmarkStart makes a world and starts its servers; it should be there in under
// two seconds.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s := newStage(b.Context(), world(b), everything)
		if err := errors.Join(s.Open(), s.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

// TestHanging holds that an attack that hangs is given up and leaves nothing.
func TestHanging(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a := &Attack{ID: "x_hangs", Run: func(ctx context.Context, s *Stage) (Result, error) {
		if err := s.Open(); err != nil {
			return Result{}, err
		}
		<-ctx.Done()
		return Result{}, ctx.Err()
	}}
	if _, err := Run(ctx, world(t), a, Columns()[0]); err == nil || !strings.Contains(err.Error(), "lab: x_hangs under nothing") {
		t.Errorf("got %v", err)
	}
}

func TestGolden(t *testing.T) {
	m := &Matrix{
		Columns: []Column{{Name: "a"}, {Name: "b"}},
		Rows: []Row{
			{&Attack{ID: "x"}, []Cell{{Result: Result{Outcome: Passes}, Column: "a"}, {Result: Result{Outcome: Stopped, By: Deferred}, Column: "b"}}},
			{&Attack{ID: "y"}, []Cell{{Result: Result{Outcome: Flagged}, Column: "a"}, {Result: Result{Outcome: Passes}, Column: "b"}}},
		},
	}
	g := ParseGolden(m.Format())
	if ds := m.Compare(g); len(ds) > 0 {
		t.Errorf("differs from itself: %v", ds)
	}
	m.Rows[0].Cells[1].By = Rejected
	delete(g.Rows, "y")
	want := []Difference{
		{"x", "b", "stopped:rejected", "stopped:deferred"},
		{"y", "a", "flagged", ""},
		{"y", "b", "passes", ""},
	}
	if diff := cmp.Diff(want, m.Compare(g)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
