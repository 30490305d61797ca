package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// arcBench is where messages travel between us and dkimpy.
type arcBench struct {
	key   dkim.Key
	zones *zonefile.Zones
	peer  *dkimpy
}

func newARCBench(t *testing.T) *arcBench {
	t.Helper()
	keys, zones := peerKeys(t)
	return &arcBench{keys[0], zones, startDKIMPy(t, zones)} // dkimpy has RSA alone for ARC
}

// chainVerdict is what a validator says of a chain.
type chainVerdict struct {
	Result string
	Valid  []bool // for each set whether both its signatures are
}

func (b *arcBench) ours(t *testing.T, text string) (chainVerdict, *arc.Validation) {
	t.Helper()
	m := readMessage(t, text)
	v, err := (&arc.Validator{Resolver: unvalidated(t, b.zones)}).Validate(context.Background(), m.Header, m.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := chainVerdict{Result: string(v.Result)}
	for _, s := range v.Sets {
		got.Valid = append(got.Valid, s.AMS.Result == dkim.Pass && s.AS.Result == dkim.Pass)
	}
	return got, v
}

func (b *arcBench) theirs(t *testing.T, text string) chainVerdict {
	t.Helper()
	return b.peer.validate(t, text)
}

func (p *dkimpy) validate(t *testing.T, text string) chainVerdict {
	t.Helper()
	a := p.ask(t, dkimpyRequest{Op: "validate", Message: text})
	return chainVerdict{a.Result, a.Sets}
}

// hop returns the message as hop n sends it on: 'w' is ours, 'p' is dkimpy's.
// The hop has found the chain in the state that it writes down.
func (b *arcBench) hop(t *testing.T, who rune, n int, state, text string) string {
	t.Helper()
	service := fmt.Sprintf("hop%d.example.org", n)
	text = "Authentication-Results: " + service + "; spf=pass smtp.mailfrom=" + peerDomain + ";\r\n arc=" + state + "\r\n" + text
	if who == 'p' {
		return b.peer.ask(t, dkimpyRequest{Op: "seal", Message: text, Service: service, Key: dkimpyKey{
			Selector: b.key.Selector, Domain: peerDomain, Private: dkimpyPrivate(t, b.key),
		}}).Fields + text
	}
	m := readMessage(t, text)
	s := arc.Sealer{Key: b.key, AuthServID: service}
	fields, _, err := s.Seal(context.Background(), &arc.Validator{Resolver: unvalidated(t, b.zones)}, m.Header, m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

// travel sends the message through the hops and has both validate it at each.
func (b *arcBench) travel(t *testing.T, hops, text string) string {
	t.Helper()
	state := "none"
	for i, who := range hops {
		n := i + 1
		text = b.hop(t, who, n, state, text)
		state = "pass"
		want := chainVerdict{"pass", slices.Repeat([]bool{true}, n)}
		got, v := b.ours(t, text)
		same(t, fmt.Sprintf("hop %d, ours: %s", n, v.Reason), got, want)
		same(t, fmt.Sprintf("hop %d, dkimpy", n), b.theirs(t, text), want)
	}
	return text
}

func TestDKIMPyARC(t *testing.T) {
	b := newARCBench(t)
	type row struct{ name, hops, body string }
	var rows []row
	for _, hops := range []string{"www", "ppp", "wpwp", "pwpw"} {
		rows = append(rows, row{hops + "/plain", hops, "Hello\r\n"})
	}
	for _, hops := range []string{"w", "p"} {
		for _, body := range corpusBodies() {
			rows = append(rows, row{hops + "/" + body.name, hops, body.text})
		}
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
	}
	runRows(t, "dkimpy", "ARC chains", names, func(t *testing.T, i int) {
		sealed := b.travel(t, rows[i].hops, corpusHeader+"\r\n"+rows[i].body)
		for _, change := range append(tamperings(sealed), chainTamperings()...) {
			tampered := change.change(sealed)
			got, _ := b.ours(t, tampered)
			same(t, change.name+", ours", got.Result, "fail")
			same(t, change.name+", dkimpy", b.theirs(t, tampered).Result, "fail")
		}
	})
}

// chainTamperings are changes to the ARC sets of a message.
func chainTamperings() []tampering {
	const oldest = "\nARC-Authentication-Results: i=1; hop"
	return []tampering{
		{"oldest-results-changed", func(msg string) string {
			i := strings.LastIndex(msg, oldest) + len(oldest)
			return msg[:i] + "9" + msg[i:]
		}},
		{"no-newest-seal", without("ARC-Seal")},
		{"no-newest-signature", without("ARC-Message-Signature")},
		{"no-newest-results", without("ARC-Authentication-Results")},
	}
}

// without takes the topmost field of a name away.
func without(name string) func(msg string) string {
	return func(msg string) string {
		i := strings.Index("\n"+msg, "\n"+name+":")
		rest := msg[i:]
		end := strings.Index(rest, "\r\n")
		for rest[end+2] == ' ' || rest[end+2] == '\t' {
			end += 2 + strings.Index(rest[end+2:], "\r\n")
		}
		return msg[:i] + rest[end+2:]
	}
}

// A hop that finds the chain broken seals that, and nobody adds to it.
func TestDKIMPyARCEnds(t *testing.T) {
	b := newARCBench(t)
	for _, hops := range []string{"ww", "wp", "pw", "pp"} {
		t.Run(hops, func(t *testing.T) {
			text := b.travel(t, hops[:1], corpusHeader+"\r\nHello\r\n") + "changed\r\n"
			text = b.hop(t, rune(hops[1]), 2, "fail", text)
			got, v := b.ours(t, text)
			same(t, "ours: "+v.Reason, got.Result, "fail")
			same(t, "ended", v.Ended(), true)
			same(t, "dkimpy", b.theirs(t, text).Result, "fail")

			m := readMessage(t, text)
			s := arc.Sealer{Key: b.key, AuthServID: "hop3.example.org"}
			_, _, err := s.Seal(context.Background(), &arc.Validator{Resolver: unvalidated(t, b.zones)}, m.Header, m.Body)
			var e *arc.Error
			if !errors.As(err, &e) || e.Reason != arc.ChainEnded {
				t.Errorf("third hop: got %v, want %q", err, arc.ChainEnded)
			}
		})
	}
}
