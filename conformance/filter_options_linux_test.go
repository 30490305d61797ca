package conformance

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/dkim"
)

// startEverything starts waxseal serve with all that adds or changes fields.
func (b *filterBed) startEverything(t *testing.T) *serving {
	t.Helper()
	key := filepath.Join(t.TempDir(), "seal")
	write(t, key, privatePEM(t, b.seal))
	config := strings.Replace(b.config, "listen =", fmt.Sprintf("received_spf = true\ntrusted_relays = [%q]\nlisten =", gatewayIP+"/32"), 1)
	return startListening(t, b.program, everyMilter, config+fmt.Sprintf(`[policy]
mode = "enforce"
quarantine = "deliver"
[arc]
domain = "rcpt.signed"
selector = "rsa"
key = %q
recipients = ["list@rcpt.signed"]
networks = [%q]
[lookalike]
header = "Waxseal-Findings"
`, key, listIP+"/32"))
}

// topFields are the names of the fields from the top to the Received field of
// Postfix, and the message below that.
func topFields(t *testing.T, text string) (names, rest string) {
	t.Helper()
	h := readMessage(t, text).Header
	var all []string
	top := 0
	for i := range h.Fields {
		f := &h.Fields[i]
		top += len(f.Raw)
		all = append(all, string(f.Name()))
		if f.Is("Received") {
			break
		}
	}
	return strings.Join(all, " "), text[top:]
}

// TestFilterOptions has a filter that does what is asked for only by configuration.
func TestFilterOptions(t *testing.T) {
	b := filterAlone(t, door(everyPort, "smtpd_milters = inet:"+everyMilter))
	if b == nil {
		return
	}
	s := b.startEverything(t)
	t.Run("received-spf", b.writesReceivedSPF)
	t.Run("findings", b.writesFindings)
	t.Run("quarantine-deliver", b.deliversQuarantine)
	t.Run("relay", func(t *testing.T) { b.looksBehindGateway(t, s) })
	t.Run("seal-recipient", b.sealsForRecipient)
	t.Run("seal-list", b.sealsForList)
	b.nothing(t)
}

func (b *filterBed) writesReceivedSPF(t *testing.T) {
	text := b.genuine(t)
	talk(t, bankIP, everyPort).send("joe@bank.signed", "Received-SPF: pass\r\n"+text)
	got := b.next(t).Text
	names, rest := topFields(t, got)
	same(t, "fields", names, "Authentication-Results Received-SPF Received")
	sameText(t, "rest", rest, "Received-SPF: pass\r\n"+text)
	f := readMessage(t, got).Header.Fields[1]
	if v := string(f.Value()); !strings.HasPrefix(v, " pass\r\n\t(mx.rcpt.signed: bank.signed allows 192.0.2.1 ") || !strings.Contains(v, "client-ip=192.0.2.1;") || !strings.Contains(v, `envelope-from="joe@bank.signed"`) {
		t.Errorf("Received-SPF:%s", v)
	}
	b.elsewhere(t, got, "bank.signed/rsa bank.signed/ed")
}

func (b *filterBed) writesFindings(t *testing.T) {
	text := letter("\"boss@bank.signed\" <joe@plain.signed>", "", "pay\r\n")
	talk(t, strangerIP, everyPort).send("joe@plain.signed", "waxseal-findings: nothing\r\n"+text)
	got := b.next(t).Text
	names, rest := topFields(t, got)
	same(t, "fields", names, "Authentication-Results Received-SPF Waxseal-Findings Received")
	sameText(t, "rest", rest, text)
	same(t, "findings", string(readMessage(t, got).Header.Fields[2].Raw), "Waxseal-Findings: NAME-ADDR medium\r\n")
}

func (b *filterBed) deliversQuarantine(t *testing.T) {
	text := letter("boss@mild.signed", "", "pay\r\n")
	queued(t, talk(t, strangerIP, everyPort).send("joe@mild.signed", text))
	got := b.next(t).Text
	_, rest := topFields(t, got)
	sameText(t, "rest", rest, text)
	if !strings.Contains(got, "policy.dmarc=quarantine") {
		t.Errorf("not marked:\n%s", got)
	}
}

// looksBehindGateway passes on what a Postfix has received from outside: its field is
// what tells the client.
func (b *filterBed) looksBehindGateway(t *testing.T, s *serving) {
	through := func(client, text string) string { // a gateway without a filter
		t.Helper()
		talk(t, client, barePort).send("joe@bank.signed", text)
		return b.next(t).Text
	}
	good := b.genuine(t)
	unsigned := letter("boss@bank.signed", "", "hello\r\n")
	const refused = "550 5.7.26 DMARC policy of bank.signed"
	k := talk(t, gatewayIP, everyPort)

	passed := through(bankIP, unsigned)
	l := s.line(t, queued(t, k.send("joe@bank.signed", passed)))
	same(t, "logged", fmt.Sprint(l["client"], " ", l["helo"], " ", l["relay"], " spf=", l["spf"], " dmarc=", l["dmarc"]),
		"192.0.2.1 mx.bank.signed "+gatewayIP+" spf=pass dmarc=pass")
	_, rest := topFields(t, b.next(t).Text)
	sameText(t, "rest", rest, passed)

	same(t, "stranger", cutReply(k.send("joe@bank.signed", through(strangerIP, unsigned)), refused), refused)
	// A stranger's field below that of the gateway names nobody.
	trace, _, _ := strings.Cut(passed, "From:")
	same(t, "forged trace", cutReply(k.send("joe@bank.signed", through(strangerIP, trace+unsigned)), refused), refused)
	// Without a trace nobody knows the client: the signature still counts, SPF must wait.
	const later = "451 4.7.26 DMARC of bank.signed cannot be evaluated now"
	queued(t, k.send("joe@bank.signed", good))
	b.elsewhere(t, b.next(t).Text, "bank.signed/rsa bank.signed/ed")
	same(t, "no trace", cutReply(k.send("joe@bank.signed", unsigned), later), later)
	// It is a relay and no user: nothing of it is signed.
	ours := letter("ann@out.signed", "", "pay\r\n")
	same(t, "ours", k.send("ann@out.signed", through(strangerIP, ours))[:10], "550 5.7.26")
}

func (b *filterBed) sealsForRecipient(t *testing.T) {
	text := b.genuine(t)
	k := talk(t, bankIP, everyPort)
	k.envelope("joe@bank.signed", "list")
	queued(t, k.data(text))
	got := b.next(t).Text
	names, rest := topFields(t, got)
	same(t, "fields", names, "Authentication-Results Received-SPF ARC-Seal ARC-Message-Signature ARC-Authentication-Results Received")
	sameText(t, "rest", rest, text)
	same(t, "dkimpy", b.dkimpy.validate(t, got), chainVerdict{"pass", []bool{true}})
	b.elsewhere(t, got, "bank.signed/rsa bank.signed/ed")
	k.send("joe@bank.signed", text)
	names, _ = topFields(t, b.next(t).Text)
	same(t, "for another", names, "Authentication-Results Received-SPF Received")
}

// sealsForList has a list on a host of ours change the subject of what came in and
// send it on. The author's signature breaks; the seal says that it held.
func (b *filterBed) sealsForList(t *testing.T) {
	text := sign(t, &dkim.Signer{Keys: b.bank}, letter("boss@bank.signed", "", "hello\r\n"))
	for _, row := range []struct {
		name, to string
		want     chainVerdict
	}{
		{"not-sealed-before", "ann", chainVerdict{"pass", []bool{true}}},
		// The set of the way in covers the subject, too, so only its seal holds.
		{"sealed-before", "list", chainVerdict{"pass", []bool{false, true}}},
	} {
		k := talk(t, bankIP, everyPort)
		k.envelope("joe@bank.signed", row.to)
		k.data(text)
		changed := strings.Replace(b.next(t).Text, "Subject: A", "Subject: [list] A", 1)
		queued(t, talk(t, listIP, everyPort).send("list-bounces@out.signed", changed))
		got := b.next(t).Text
		names, rest := topFields(t, got)
		same(t, row.name+": fields", names, "ARC-Seal ARC-Message-Signature ARC-Authentication-Results Received")
		sameText(t, row.name+": rest", rest, changed)
		same(t, row.name+": dkimpy", b.dkimpy.validate(t, got), row.want)
	}
}
