package dnssec

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/resolver"
)

// mutator changes replies as the bytes of a fuzzer tell it.
type mutator struct {
	bytes []byte
	tr    *tree
	seen  []dns.RR // records of earlier replies, to be replayed
}

func (mu *mutator) next() int {
	if len(mu.bytes) == 0 {
		return 0
	}
	b := mu.bytes[0]
	mu.bytes = mu.bytes[1:]
	return int(b)
}

func (mu *mutator) change(_ resolver.Question, m *dns.Msg) *dns.Msg {
	m = m.Copy()
	for range mu.next() % 4 {
		mu.once(m)
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, r := range section {
			mu.seen = append(mu.seen, dns.Copy(r))
		}
	}
	return m
}

var mutatedNames = []string{".", "org.", "example.org.", "mx.example.org.", "nope.example.org.", "*.wild.example.org.", "plain.org.", "b.wild.example.org."}

// once makes one change: drop, replay, rename, move, flip a bit.
func (mu *mutator) once(m *dns.Msg) {
	section := &m.Answer
	if mu.next()%2 == 1 {
		section = &m.Ns
	}
	op := mu.next() % 9
	if len(*section) == 0 && op != 1 && op != 2 && op != 8 {
		return
	}
	i := 0
	if n := len(*section); n > 0 {
		i = mu.next() % n
	}
	switch op {
	case 0:
		*section = slices.Delete(*section, i, i+1)
	case 1: // replay
		if n := len(mu.seen); n > 0 {
			*section = append(*section, dns.Copy(mu.seen[mu.next()%n]))
		}
	case 2: // another reply of the tree
		types := []uint16{dns.TypeA, dns.TypeMX, dns.TypeDS, dns.TypeDNSKEY, dns.TypeTXT, dns.TypeNSEC}
		other := mu.tr.Answer(mutatedNames[mu.next()%len(mutatedNames)], types[mu.next()%len(types)]).Copy()
		m.Answer, m.Ns, m.Rcode = append(m.Answer, other.Answer...), append(m.Ns, other.Ns...), other.Rcode
	case 3:
		(*section)[i].Header().Name = mutatedNames[mu.next()%len(mutatedNames)]
	case 4:
		(*section)[i].Header().Ttl ^= 1 << (mu.next() % 32)
	case 5: // swap between the sections
		m.Answer, m.Ns = m.Ns, m.Answer
	case 6: // flip a bit of the wire form
		wire := make([]byte, dns.Len((*section)[i])+16)
		end, err := dns.PackRR((*section)[i], wire, 0, nil, false)
		if err != nil {
			return
		}
		at := mu.next() * 256
		at = (at + mu.next()) % end
		wire[at] ^= 1 << (mu.next() % 8)
		if r, _, err := dns.UnpackRR(wire[:end], 0); err == nil {
			(*section)[i] = r
		}
	case 7: // a record of the forger
		forged, _ := dns.NewRR(mutatedNames[mu.next()%len(mutatedNames)] + " A 192.0.2.66")
		*section = append(*section, forged)
	case 8:
		m.Rcode = []int{dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeServerFailure}[mu.next()%3]
	}
}

var fuzzQuestions = []string{
	"mx.example.org A", "mx.example.org AAAA", "nope.example.org A", "b.wild.example.org TXT", "alias.example.org A",
	"mx.tree.example.org A", "_25._tcp.mx.example.org TLSA", "plain.org DS", "example.org DS", "mx.plain.org A", "sub.host.example.org A",
}

// FuzzMutate holds that no change of signed replies makes an answer secure that
// the signed zones do not give.
func FuzzMutate(f *testing.F) {
	for i := range fuzzQuestions {
		for kind := range 3 {
			f.Add(byte(i), byte(kind), []byte{1, 0, byte(i), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 1, 6, 2, 1, 7, 1, 2, 9})
			f.Add(byte(i), byte(kind), []byte{2, 0, 2, 1, 1, 1, 0, 0, 1, 1, 1, 1, 3, 0, 3, 0, 2})
		}
	}
	var trees [3]*tree
	var truth [3]map[string]outcome
	for i, denial := range []zonesign.Denial{zonesign.NSEC, zonesign.NSEC3, zonesign.OptOut} {
		trees[i] = tallTree(f, denial)
		truth[i] = make(map[string]outcome)
		v := trees[i].validator(f)
		for _, question := range fuzzQuestions {
			truth[i][question] = ask(f, v, question)
		}
	}
	f.Fuzz(func(t *testing.T, which, kind byte, bytes []byte) {
		if len(bytes) > 1000 {
			return
		}
		i := int(kind) % 3
		question := fuzzQuestions[int(which)%len(fuzzQuestions)]
		tr := *trees[i]
		mu := &mutator{bytes: bytes, tr: trees[i]}
		tr.World = &zonesign.World{Zones: trees[i].Zones, Tamper: mu.change}
		v := (&tr).validator(t)
		// Earlier lookups fill caches with what the mutator made of them.
		for range mu.next() % 3 {
			ask(t, v, fuzzQuestions[mu.next()%len(fuzzQuestions)])
		}
		got, why := askReason(t, v, question)
		want := truth[i][question]
		if got.Status == resolver.Insecure && want.Status == resolver.Secure {
			t.Errorf("%s: secure became insecure: %+v (%s), want %+v", question, got, why, want)
		}
		if got.Status != resolver.Secure || got == want {
			return
		}
		// An alias alone, its target denied, is as far as a prefix of the truth.
		if got.RCode == want.RCode && strings.HasPrefix(want.Records, got.Records+"|") {
			t.Errorf("%s: part of the truth as the whole: %+v (%s), want %+v", question, got, why, want)
			return
		}
		t.Errorf("%s: got %+v (%s), want %+v", question, got, why, want)
	})
}

// wireSource answers everything with the same bytes.
type wireSource []byte

func (w wireSource) Fetch(_ context.Context, q resolver.Question) (*resolver.Reply, error) {
	m := new(dns.Msg)
	if err := m.Unpack(w); err != nil {
		return nil, &resolver.Error{Reason: resolver.BadReply, Name: q.Name, Type: q.Type}
	}
	return &resolver.Reply{Msg: m}, nil
}

// FuzzWire holds that no message makes the validator panic or work without end.
func FuzzWire(f *testing.F) {
	tr := tallTree(f, zonesign.NSEC3)
	for _, question := range fuzzQuestions {
		domain, mnemonic, _ := strings.Cut(question, " ")
		for _, typ := range []uint16{dns.StringToType[mnemonic], dns.TypeDS, dns.TypeDNSKEY} {
			wire, err := tr.Answer(domain, typ).Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(domain, typ, wire)
		}
	}
	f.Fuzz(func(t *testing.T, domain string, typ uint16, wire []byte) {
		v := tr.validator(t)
		v.Source = wireSource(wire)
		a, err := v.Lookup(context.Background(), domain, resolver.Type(typ))
		var e *resolver.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		if s := v.Stats(); s.Signatures > 2*maxSignaturesPerLookup || s.Hashes > 2*maxHashes || s.Fetches > 2*maxFetches {
			t.Errorf("%+v", s)
		}
		if err == nil {
			_ = a.Lines()
		}
	})
}
