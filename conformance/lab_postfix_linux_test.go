package conformance

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/internal/lab/attacks"
	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/smtp"
)

// labCell is a cell of the lab's matrix, in which Postfix plays.
type labCell struct{ attack, column string }

// labCells makes cells of attacks, each with its columns behind it.
func labCells(lines ...string) []labCell {
	var cells []labCell
	for _, line := range lines {
		f := strings.Fields(line)
		for _, column := range f[1:] {
			cells = append(cells, labCell{f[0], column})
		}
	}
	return cells
}

// labPlay is the lab with Postfix in one of the places.
type labPlay struct {
	mode   string
	cells  []labCell
	peers  func(t *testing.T) lab.Peers
	other  map[string]string  // the cells in which Postfix does something else
	played func(t *testing.T) // called after each cell that was right; may be nil
}

// run holds each cell to the lab's own matrix.
func (p *labPlay) run(t *testing.T) {
	t.Helper()
	w, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	golden := attacks.Golden()
	names := make([]string, len(p.cells))
	for i, c := range p.cells {
		names[i] = c.attack + "/" + c.column
	}
	runRows(t, "postfix", p.mode, names, func(t *testing.T, i int) {
		c := p.cells[i]
		a := slices.IndexFunc(attacks.All(), func(a *lab.Attack) bool { return a.ID == c.attack })
		column := slices.IndexFunc(lab.Columns(), func(l lab.Column) bool { return l.Name == c.column })
		if a < 0 || column < 0 {
			t.Fatal("there is no such cell")
		}
		got, err := p.peers(t).Run(t.Context(), w, attacks.All()[a], lab.Columns()[column])
		if err != nil {
			t.Fatal(err)
		}
		want := golden.Cell(c.attack, c.column)
		theirs, differs := p.other[names[i]]
		delete(p.other, names[i])
		if differs && theirs == want {
			t.Error("postfix_lab.tsv has what the matrix has")
		} else if differs {
			want = theirs
		}
		if got.Word() != want {
			t.Fatalf("got %s want %s: %s", got.Word(), want, got.Text)
		}
		if p.played != nil {
			p.played(t)
		}
	})
	for name := range p.other {
		t.Errorf("postfix_lab.tsv: there is no cell %s", name)
	}
}

const labMilter = "127.0.0.1:8891"

// labVictimSettings make Postfix the clinic's server, with the lab's receiver as its
// milter. It is told the clients' addresses of the story by PROXY headers.
const labVictimSettings = `relay_domains = ` + lab.Clinic + `
relay_transport = lmtp:inet:` + finalServer + `
smtpd_upstream_proxy_protocol = haproxy
smtpd_peername_lookup = no
smtpd_forbid_bare_newline = reject
smtpd_milters = inet:` + labMilter + `
milter_default_action = tempfail
`

// TestPostfixLabVictim lets the lab attack a Postfix in the place of the clinic's
// server, and compares what it stores with what it was told to store.
func TestPostfixLabVictim(t *testing.T) {
	program(t, "postfix")
	if !alone(t) {
		return
	}
	came := make(chan delivered, 10)
	serveAt(t, finalServer, &smtp.Server{
		Hostname: "final.signed", LMTP: true,
		Handler: smtp.HandlerFunc(func(context.Context, *smtp.Conn) (smtp.Session, *smtp.Reply) {
			return &finalSession{done: came}, nil
		}),
	})
	f := new(labFilter)
	f.serve(t)
	startPostfix(t, labVictimSettings)
	cells := labCells(
		"spf_legit nothing +DMARC all",
		"spf_mail_from nothing SPF",
		"spf_own_envelope SPF +DMARC",
		"dkim_body_changed SPF +DKIM",
		"dkim_second_subject all",
		"dkim_second_from +DKIM +DMARC",
		"dmarc_no_subdomain +DKIM +DMARC",
		"dmarc_policy_none +DMARC",
		"header_forged_results nothing SPF all",
		"dns_own_goal +DNSSEC",
		"smtp_smuggling nothing all",
	)
	receive := func(s *lab.Stage) (string, error) {
		f.stage.Store(s)
		f.taken.Store(nil)
		return postfixHost + ":25", nil
	}
	play := labPlay{mode: "lab victim", cells: cells, peers: func(*testing.T) lab.Peers { return lab.Peers{Receive: receive} }}
	play.played = func(t *testing.T) {
		if j := f.taken.Load(); j != nil {
			text, results := (<-came).Text, j.Verdict.Header(lab.ClinicMX)
			if rest, above := strings.CutPrefix(text, results); above { // a milter's fields go above those of Postfix
				text = results + withoutTrace(rest)
			}
			same(t, "stored", text, j.Message)
		}
	}
	play.run(t)
	select {
	case extra := <-came:
		t.Errorf("arrived and should not have: %+v", extra)
	default:
	}
}

// labFilter is the lab's receiver as a milter.
type labFilter struct {
	stage atomic.Pointer[lab.Stage]
	taken atomic.Pointer[lab.Judgement] // the last one that Postfix was told to take
}

func (f *labFilter) serve(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", labMilter)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = (&milter.Server{Handler: f}).Serve(ctx, l) }()
	t.Cleanup(func() { stop(); <-done })
}

// Begin implements milter.Handler.
func (f *labFilter) Begin(_ context.Context, m *milter.Message) (milter.Transaction, *milter.Answer) {
	x := &labTransaction{filter: f, message: m}
	for i := range m.Header.Fields {
		x.Write(m.Header.Fields[i].Raw)
	}
	x.WriteString("\r\n")
	return x, nil
}

// labTransaction is one message, as far as it has come.
type labTransaction struct {
	bytes.Buffer
	filter  *labFilter
	message *milter.Message
}

// End implements milter.Transaction.
func (x *labTransaction) End(ctx context.Context) *milter.Answer {
	m, s := x.message, x.filter.stage.Load()
	env := inbound.Envelope{RemoteAddr: m.Client.Addr, Helo: m.Client.Helo, MailFrom: m.From, RcptTo: m.To}
	j, reply := s.Check(ctx, env, &x.Buffer)
	if reply != nil {
		a := &milter.Answer{Action: milter.TempFail, Code: reply.Code, Enhanced: reply.Enhanced.String(), Text: strings.Join(reply.Lines, " ")}
		if reply.Permanent() {
			a.Action = milter.Reject
		}
		return a
	}
	x.filter.taken.Store(j)
	if s.Controls&lab.Sender == 0 {
		return nil
	}
	return &milter.Answer{Delete: authres.Forged(m.Header, lab.ClinicMX), Insert: []byte(j.Verdict.Header(lab.ClinicMX))}
}

// Abort implements milter.Transaction.
func (x *labTransaction) Abort() {}
