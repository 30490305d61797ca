package conformance

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/iterative"
)

// delvShare is how much delv is asked: one question in so many of each tree, of
// each tree other ones. It is a process for each, and waits where it is bogus.
const delvShare = 7

// TestAuthoritative goes from the root down through trees that Waxseal, BIND,
// ldns and Knot have signed, good and broken zones side by side, served by BIND
// and Knot. Our statuses are those of unbound and of delv.
func TestAuthoritative(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs foreign programs for some seconds")
	}
	for _, name := range []string{"named", "knotd", "unbound", "delv"} {
		program(t, name)
	}
	for turn, signer := range signers(t) {
		t.Run(signer.name, func(t *testing.T) {
			t.Parallel()
			zones := treeZones()
			for i := range zones {
				zones[i].hosts = [][]string{{namedAddr}, {knotAddr}, {namedAddr, knotAddr}}[i%3]
			}
			tr := newTree(t, zones, treeText, signer.sign)
			port := freePort(t, namedAddr, knotAddr, otherAddr)
			tr.startNamed(t, port)
			tr.startKnot(t, port)
			unbound := tr.startUnbound(t, port, "validator iterator")
			v := &dnssec.Validator{Source: tr.source(t, port), Anchors: tr.anchors(t)}
			questions := treeQuestions(zones)
			ours := make(map[[2]string]proven) // what delv is asked
			for i, q := range questions {
				got := lookup(t, v, q[0], q[1])
				if i%delvShare == turn {
					ours[q] = got
				}
				if want := unboundStatus(t, unbound, q[0], q[1]); got.text() != want {
					t.Errorf("%s %s: got %s (%s), unbound says %s", q[0], q[1], got.text(), got.reason, want)
				}
			}
			if len(questions) < 200 {
				t.Errorf("only %d names", len(questions))
			}
			tr.compareDelv(t, unbound, ours)
		})
	}
}

// source goes down from the root of the tree.
func (tr *tree) source(t *testing.T, port uint16) *iterative.Source {
	t.Helper()
	var b strings.Builder
	for i, host := range tr.zones[0].hosts {
		fmt.Fprintf(&b, ". 300 NS ns%[1]d.\nns%[1]d. 300 A %[2]s\n", i, host)
	}
	hints, err := iterative.ParseHints(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return &iterative.Source{Hints: hints, Port: port, Loopback: true, NoIPv6: true}
}

func (tr *tree) anchors(t *testing.T) *dnssec.Anchors {
	t.Helper()
	a, err := dnssec.ParseAnchors(strings.NewReader(tr.anchor))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// proven is what a lookup came to.
type proven struct {
	status resolver.Status
	rcode  resolver.RCode
	data   string // of the records
	reason string
	err    resolver.Reason // set where there was nothing to judge
}

func (p proven) text() string {
	switch {
	case p.err != "" && p.status != resolver.Bogus:
		return "error: " + string(p.err)
	case p.status == resolver.Bogus:
		return "bogus"
	}
	return p.status.String() + " " + p.rcode.String()
}

func lookup(t *testing.T, r resolver.Resolver, name, mnemonic string) proven {
	t.Helper()
	typ, err := resolver.ParseType(mnemonic)
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Lookup(context.Background(), name, typ)
	var out proven
	var e *resolver.Error
	if errors.As(err, &e) {
		out.err = e.Reason
		a = e.AsAnswer()
	} else if err != nil {
		t.Fatal(err)
	}
	var data []string
	for _, rr := range a.Records {
		data = append(data, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	out.status, out.rcode, out.reason, out.data = a.Status, a.RCode, a.Reason, strings.Join(data, " ")
	return out
}

// unboundStatus reads the status out of a reply.
func unboundStatus(t *testing.T, addr, name, typ string) string {
	t.Helper()
	r, err := exchange(addr, name, dns.StringToType[typ], 5*time.Second)
	switch {
	case err != nil:
		t.Fatalf("unbound: %s: %v", name, err)
	case r.Rcode == dns.RcodeServerFailure:
		return "bogus"
	case r.AuthenticatedData:
		return "secure " + dns.RcodeToString[r.Rcode]
	}
	return "insecure " + dns.RcodeToString[r.Rcode]
}

// compareDelv asks delv, which gets what it validates through unbound (with CD).
func (tr *tree) compareDelv(t *testing.T, unbound string, ours map[[2]string]proven) {
	t.Helper()
	anchors := filepath.Join(t.TempDir(), "anchors")
	var b strings.Builder
	for _, rr := range parseZone(t, ".", tr.anchor) {
		ds := rr.(*dns.DS)
		fmt.Fprintf(&b, " \".\" static-ds %d %d %d \"%s\";\n", ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
	}
	write(t, anchors, "trust-anchors {\n"+b.String()+"};\n")
	host, port, _ := strings.Cut(unbound, ":")
	delv := program(t, "delv")
	var all sync.WaitGroup
	slots := make(chan struct{}, 32) // where the answer is bogus, it mostly waits
	for q, got := range ours {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			out, _ := exec.Command(delv, "@"+host, "-p", port, "-a", anchors, "+root=.", "-q", q[0], "-t", q[1]).CombinedOutput()
			// delv calls denials from opt-out spans validated; RFC 5155, Section
			// 9.2 and unbound do not.
			want := delvStatus(string(out))
			optOut := want == "secure" && strings.Contains(got.reason, "opt-out")
			if got.status.String() != want && !optOut {
				t.Errorf("%s %s: got %s (%s), delv says %s", q[0], q[1], got.text(), got.reason, want)
			}
		})
	}
	all.Wait()
}

// delvStatus reads the status, which is all that delv tells.
func delvStatus(text string) string {
	switch {
	case strings.Contains(text, "resolution failed") && !strings.Contains(text, "resolution failed: ncache"):
		return "bogus"
	case strings.Contains(text, "unsigned answer"), strings.Contains(text, "negative response, unsigned"):
		return "insecure"
	case strings.Contains(text, "fully validated"):
		return "secure"
	}
	return text
}
