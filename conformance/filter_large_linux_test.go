package conformance

import (
	"strings"
	"sync"
	"testing"

	"github.com/waxseal/waxseal/dkim"
)

// What the process of the filter may grow by. Go's heap may double before it is
// swept; of bodies it holds chunks of 64 kB, of a header all of it up to its limits,
// 8 MiB and 100,000 fields, with 50 bytes or so for each field.
const (
	growthOfBodies = 16 << 20
	growthOfHeader = 64 << 20
)

// TestFilterLarge sends what is large or many through Postfix and waxseal serve, and
// holds that the filter's memory stays flat.
func TestFilterLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: sends hundreds of megabytes")
	}
	b := filterAlone(t)
	if b == nil {
		return
	}
	for _, port := range []string{monitorPort, enforcePort} { // what a process needs once
		talk(t, bankIP, port).send("joe@bank.signed", b.genuine(t))
		b.next(t)
	}
	t.Run("bodies", b.largeBodies)
	t.Run("signed-body", b.signsLargeBody)
	for _, row := range []struct {
		name    string
		fields  string // in front of a genuine message
		gone    string // of these, what is not delivered
		results string
		refused string // in both modes
	}{
		{name: "fields-99000", fields: strings.Repeat("X-Field: something\r\n", 99_000), results: "dkim=pass dkim=pass arc=none dmarc=pass"},
		{
			name: "fields-200000", fields: strings.Repeat("X-Field: something\r\n", 200_000),
			refused: "552 5.3.4 the header is over a limit: too many header fields",
		},
		{
			name: "header-of-9-MB", fields: strings.Repeat(largeField(50_000), 180),
			refused: "552 5.3.4 the header is over a limit: header too large",
		},
		{
			name: "forged-too-many", fields: strings.Repeat("Authentication-Results: mx.rcpt.signed; dmarc=pass\r\n", 101),
			refused: "552 5.3.4 the header is over a limit: results in this server's name",
		},
		{
			// Postfix goes through the header for each field that it is to delete.
			name: "forged-below-many", fields: strings.Repeat("X-Field: something\r\n", 98_000) + strings.Repeat("Authentication-Results: mx.rcpt.signed; dmarc=pass\r\n", 100),
			gone: "Authentication-Results: mx.rcpt.signed; dmarc=pass\r\n", results: "dkim=pass dkim=pass arc=none dmarc=pass",
		},
	} {
		text := row.fields + b.genuine(t)
		want := text
		if row.gone != "" {
			want = strings.ReplaceAll(text, row.gone, "")
		}
		send := func(t *testing.T, port string, s *serving) {
			var reply string
			s.costs(t, growthOfHeader, func() { reply = talk(t, bankIP, port).send("joe@bank.signed", text) })
			if row.refused != "" {
				same(t, "reply", reply, row.refused)
				return
			}
			queued(t, reply)
			results, rest := opened(t, b.next(t).Text)
			same(t, "results", results, "spf=pass spf=pass "+row.results)
			sameText(t, "rest", rest, want)
		}
		t.Run(row.name+"/monitor", func(t *testing.T) { send(t, monitorPort, b.monitor) })
		t.Run(row.name+"/enforce", func(t *testing.T) { send(t, enforcePort, b.enforce) })
	}
	b.nothing(t)
}

// largeBody is a body of 50 MB.
func largeBody() string {
	line := strings.Repeat("0123456789", 7) + "\r\n"
	return strings.Repeat(line, (50<<20)/len(line))
}

// largeBodies sends four, two at a time.
func (b *filterBed) largeBodies(t *testing.T) {
	text := sign(t, &dkim.Signer{Keys: b.bank}, letter("boss@bank.signed", "", largeBody()))
	b.enforce.costs(t, growthOfBodies, func() {
		var wg sync.WaitGroup
		for range 2 {
			k := talk(t, bankIP, enforcePort)
			wg.Go(func() {
				for range 2 {
					if r := k.send("joe@bank.signed", text); r[0] != '2' {
						t.Error(r)
					}
				}
			})
		}
		wg.Wait()
	})
	for range 4 {
		results, rest := opened(t, b.next(t).Text)
		same(t, "results", results, "spf=pass spf=pass dkim=pass dkim=pass arc=none dmarc=pass")
		sameText(t, "rest", rest, text)
	}
}

func (b *filterBed) signsLargeBody(t *testing.T) {
	text := letter("ann@out.signed", "", largeBody())
	b.enforce.costs(t, growthOfBodies, func() { talk(t, trustedIP, enforcePort).send("ann@out.signed", text) })
	got := b.next(t).Text
	as, rest := signatures(t, got)
	same(t, "signatures", as, "out.signed/rsa out.signed/ed")
	sameText(t, "rest", rest, text)
	same(t, "OpenDKIM", openDKIMVerdicts(t, b.opendkim, got), verdicts{"rsa": "pass", "ed": "pass"})
}
