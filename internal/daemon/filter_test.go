package daemon

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/message"
)

// filter returns the filter of the configuration without a server.
func (s *site) filter() *filter {
	s.t.Helper()
	d := s.daemon()
	c, err := d.Check()
	if err != nil {
		s.t.Fatal(err)
	}
	st, err := newState(c, nil, "", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	d.state.Store(st)
	return &filter{state: d.state.Load, log: d.Log}
}

// edit changes the configuration.
func (s *site) edit(old, text string) {
	s.t.Helper()
	b, err := os.ReadFile(s.dir + "/waxseal.toml")
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("waxseal.toml", strings.Replace(string(b), old, text, 1))
}

// judge hands a message to the filter and returns its answer; nil accepts.
func (s *site) judge(f *filter, client, user, text string) *milter.Answer {
	s.t.Helper()
	return s.hand(f, client, user, "ann@example.org", text)
}

// judgeTo does so for a recipient and the client that bank.example has.
func (s *site) judgeTo(f *filter, to, text string) *milter.Answer {
	s.t.Helper()
	return s.hand(f, "192.0.2.1", "", to, text)
}

func (s *site) hand(f *filter, client, user, to, text string) *milter.Answer {
	s.t.Helper()
	header, body, _ := strings.Cut(text, "\r\n\r\n")
	h, err := message.ParseHeader([]byte(header + "\r\n"))
	if err != nil {
		s.t.Fatal(err)
	}
	m := &milter.Message{
		Client: milter.Client{Addr: netip.MustParseAddr(client), Helo: "client.example"},
		From:   "joe@bank.example", To: []string{to}, Macros: new(milter.Macros), Header: h,
	}
	m.Macros.Set('M', "{auth_authen}", user, "i", "Q1", "{tls_version}", "TLSv1.3")
	tx, a := f.Begin(s.t.Context(), m)
	if tx == nil {
		return a
	}
	if _, err := tx.Write([]byte(body)); err != nil {
		s.t.Fatal(err)
	}
	return tx.End(s.t.Context())
}

const spoofed = "Authentication-Results: mx.example.org; dmarc=pass\r\nAuthentication-Results: other.example; spf=pass\r\n" +
	"From: boss@bank.example\r\n\r\nhello\r\n"

func TestFilter(t *testing.T) {
	const enforce = "[policy]\nmode = \"enforce\"\n"
	for _, row := range []struct {
		name, config, client, user, text string
		want                             milter.Answer // of Insert, the beginning
	}{
		{
			"monitor", "", "203.0.113.9", "", spoofed,
			milter.Answer{Delete: []int{0}, Insert: []byte("Authentication-Results: mx.example.org;")},
		},
		{
			"enforce", enforce, "203.0.113.9", "", spoofed,
			milter.Answer{Action: milter.Reject, Code: 550, Enhanced: "5.7.26"},
		},
		{
			"genuine", enforce, "192.0.2.1", "", "From: boss@bank.example\r\n\r\nhello\r\n",
			milter.Answer{Insert: []byte("Authentication-Results: mx.example.org;")},
		},
		{
			"quarantine", enforce, "203.0.113.9", "", "From: boss@mild.example\r\n\r\nhello\r\n",
			milter.Answer{Insert: []byte("Authentication-Results: mx.example.org;"), Quarantine: "DMARC policy of mild.example"},
		},
		{
			"no-author", enforce, "203.0.113.9", "", "Subject: hello\r\n\r\nhello\r\n",
			milter.Answer{Insert: []byte("Authentication-Results: mx.example.org;"), Quarantine: "DMARC cannot be evaluated: no author domain: no From field: the message has no From field"},
		},
		{
			"trusted-network", enforce, "127.0.0.1", "", "From: ann@example.org\r\n\r\nhello\r\n",
			milter.Answer{Insert: []byte("DKIM-Signature: v=1; a=ed25519-sha256;")},
		},
		{
			"authenticated", enforce, "203.0.113.9", "ann", "From: ann@sub.example.org\r\n\r\nhello\r\n",
			milter.Answer{Insert: []byte("DKIM-Signature: v=1; a=ed25519-sha256;")},
		},
		{
			// A user may write as a stranger; what he writes in our name goes.
			"authenticated-as-stranger", enforce, "203.0.113.9", "ann", spoofed,
			milter.Answer{Delete: []int{0}},
		},
		{
			// What has come back from a filter was a stranger's when it came in.
			"judged-before", enforce, "127.0.0.1", "", "Authentication-Results: mx.example.org; dmarc=fail header.from=example.org\r\nFrom: ann@example.org\r\n\r\nhello\r\n",
			milter.Answer{},
		},
		{
			// The same where the filter takes results out.
			"sealed-before", enforce, "127.0.0.1", "", "ARC-Seal: i=1; cv=none\r\nFrom: ann@example.org\r\n\r\nhello\r\n",
			milter.Answer{},
		},
		{
			"quarantine-deliver", enforce + "quarantine = \"deliver\"\n", "203.0.113.9", "", "From: boss@mild.example\r\n\r\nhello\r\n",
			milter.Answer{Insert: []byte("Authentication-Results: mx.example.org;")},
		},
		{
			"temperror-accept", enforce + "dmarc_temperror = \"accept\"\n", "10.0.0.1", "", "Received: garbage\r\nFrom: boss@bank.example\r\n\r\nhello\r\n",
			milter.Answer{Insert: []byte("Authentication-Results: mx.example.org;\r\n\tspf=temperror")},
		},
		{
			// A gateway that logs in hands over what strangers wrote all the same.
			"relay-logs-in", enforce, "10.0.0.1", "gateway", "Received: from x (x [203.0.113.9]) by gw.example.org\r\nFrom: boss@bank.example\r\n\r\nhello\r\n",
			milter.Answer{Action: milter.Reject, Code: 550, Enhanced: "5.7.26"},
		},
		{
			// A list wrote its own address into From; what came in was another's.
			"list-rewrote-author", enforce, "127.0.0.1", "", "Authentication-Results: mx.example.org; dmarc=pass header.from=bank.example\r\nFrom: list@example.org\r\n\r\nhello\r\n",
			milter.Answer{Insert: []byte("DKIM-Signature: v=1; a=ed25519-sha256;")},
		},
		{
			// Of two judgements one was on our own domain.
			"list-twice", enforce, "127.0.0.1", "", "Authentication-Results: mx.example.org; dmarc=pass header.from=bank.example\r\nAuthentication-Results: mx.example.org; dmarc=fail header.from=sub.example.org\r\nFrom: list@example.org\r\n\r\nhello\r\n",
			milter.Answer{},
		},
		{
			"list-no-author-known", enforce, "127.0.0.1", "", "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=a@bank.example\r\nFrom: list@example.org\r\n\r\nhello\r\n",
			milter.Answer{},
		},
		{
			"relay-genuine", enforce, "10.0.0.1", "", "Received: from out.bank.example (out.bank.example [192.0.2.1]) by gw.example.org\r\nFrom: boss@bank.example\r\n\r\nhello\r\n",
			milter.Answer{Insert: []byte("Authentication-Results: mx.example.org;\r\n\tspf=pass")},
		},
		{
			"relay-spoofed", enforce, "10.0.0.1", "", "Received: from x (x [203.0.113.9]) by gw.example.org\r\nReceived: from x (x [192.0.2.1]) by y\r\nFrom: boss@bank.example\r\n\r\nhello\r\n",
			milter.Answer{Action: milter.Reject, Code: 550, Enhanced: "5.7.26"},
		},
		{
			"relay-unreadable", enforce, "10.0.0.1", "", "Received: garbage\r\nFrom: boss@bank.example\r\n\r\nhello\r\n",
			milter.Answer{Action: milter.TempFail, Code: 451, Enhanced: "4.7.26"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, row.config)
			got := s.judge(s.filter(), row.client, row.user, row.text)
			if got == nil {
				got = &milter.Answer{}
			}
			if !bytes.HasPrefix(got.Insert, row.want.Insert) {
				t.Errorf("inserts %q", got.Insert)
			}
			if got.Action == milter.Reject && !strings.Contains(got.Text, "bank.example") {
				t.Errorf("says %q", got.Text)
			}
			got.Insert, got.Text = row.want.Insert, ""
			if diff := cmp.Diff(*got, row.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHeaderLimit holds that nothing passes of which the filter has seen only a part:
// in the other part could be results in our name.
func TestHeaderLimit(t *testing.T) {
	for _, row := range []struct {
		name, config, client, user string
		want                       milter.Action
	}{
		{"monitor", "", "203.0.113.9", "", milter.Reject},
		{"enforce", "[policy]\nmode = \"enforce\"\n", "203.0.113.9", "", milter.Reject},
		{"relay", "", "10.0.0.1", "", milter.Reject},
		{"user", "", "203.0.113.9", "ann", milter.Reject},
		{"trusted-network", "", "127.0.0.1", "", milter.Accept}, // its results are ours
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newSite(t, row.config).filter()
			m := &milter.Message{
				Client: milter.Client{Addr: netip.MustParseAddr(row.client)}, Header: new(message.Header), Macros: new(milter.Macros),
				Limit: &message.Error{Reason: message.TooManyFields, Limit: 1, Field: 2},
			}
			m.Macros.Set('M', "{auth_authen}", row.user)
			tx, a := f.Begin(t.Context(), m)
			if tx != nil {
				a = tx.End(t.Context())
			}
			if a == nil {
				a = new(milter.Answer)
			}
			if a.Action != row.want {
				t.Errorf("got %v, want %v", a, row.want)
			}
		})
	}
}

// TestLogLine holds that a verdict is one line with what an operator asks for.
func TestLogLine(t *testing.T) {
	s := newSite(t, "")
	s.judge(s.filter(), "203.0.113.9", "", spoofed)
	var got map[string]any
	if err := json.Unmarshal(s.log.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, s.log.Bytes())
	}
	for key, want := range map[string]any{
		"msg": "checked", "queue_id": "Q1", "client": "203.0.113.9", "tls": "TLSv1.3", "spf": "fail", "dmarc": "fail",
		"action": string(inbound.Accept), "would": string(inbound.Reject),
	} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
}
