package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/internal/lab/attacks"
)

// labExposure is the JSON of --records.
type labExposure struct {
	Domain  string             `json:"domain"`
	Signed  bool               `json:"signed"`
	Notes   []string           `json:"notes"`
	Attacks []labExposedAttack `json:"attacks"`
}

type labExposedAttack struct {
	ID    string `json:"id"`
	Story string `json:"story"`
	lab.Result
	Close string `json:"close,omitempty"` // what would stop it
}

// runRecords attacks a domain with the records of a zone file.
func (l *labCommand) runRecords(ctx context.Context) error {
	const hint = "give both: waxseal lab --records zone.db --domain example.org"
	switch {
	case l.records == "" || l.domain == "":
		return usage(errors.New("--records and --domain go together"), hint)
	case len(l.only) > 0 || len(l.controls) > 0 || l.list || l.html != "":
		return usage(errors.New("--records runs what the records decide about, with all controls of the others switched on"), "leave --only, --control, --list and --html out")
	}
	name, err := domain.Parse(l.domain)
	if err != nil {
		return usage(err, hint)
	}
	f, err := os.Open(l.records)
	if err != nil {
		return fail(err, "--records takes a zone file (RFC 1035, Section 5)")
	}
	defer f.Close()
	rs, err := lab.ParseRecords(f, l.records, name)
	if err != nil {
		return fail(err, "--records takes a zone file (RFC 1035, Section 5) with the records of --domain")
	}
	exposed, err := attacks.Expose(ctx, rs)
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	if err != nil {
		return fail(err)
	}
	report := exposure(rs, exposed)
	if l.asJSON {
		return l.printJSON(report)
	}
	p := newPrinter(l.std.out)
	printExposure(p, &report)
	if p.err != nil {
		return fail(p.err)
	}
	return nil
}

func exposure(rs *lab.Records, exposed []attacks.Exposure) labExposure {
	r := labExposure{Domain: rs.Domain, Signed: rs.Signed, Notes: []string{}}
	if rs.Signed {
		r.Notes = append(r.Notes, "the zone has a DNSKEY record: it is taken to be signed, and its parent to have the DS record")
	}
	if rs.STS {
		r.Notes = append(r.Notes, "what the MTA-STS policy says is not in DNS: it is taken to be enforced and to list the server")
	}
	if len(rs.TLSA) > 0 {
		r.Notes = append(r.Notes, "usable TLSA records are taken to fit the servers' keys")
	}
	if rs.Hosted {
		r.Notes = append(r.Notes, "an MX host is outside of the domain: TLSA records that its owner may have are not seen here")
	}
	if !rs.MX {
		r.Notes = append(r.Notes, "the file has no MX record of the domain: attacks on mail to it are left out")
	}
	for _, e := range exposed {
		r.Attacks = append(r.Attacks, labExposedAttack{e.Attack.ID, e.Attack.Story, e.Result, e.Close})
	}
	return r
}

func printExposure(p *printer, r *labExposure) {
	open := 0
	for i := range r.Attacks {
		if r.Attacks[i].Outcome != lab.Stopped {
			open++
		}
	}
	word, mk := "none of these attacks is open today", good
	if open > 0 {
		word, mk = fmt.Sprintf("open to %d of %d attacks today", open, len(r.Attacks)), bad
	}
	p.line("%s: %s", clean(displayName(r.Domain)), p.paint(mk, word))
	for _, n := range r.Notes {
		p.line("%s", p.paint(dim, clean(n)))
	}
	p.line("")
	for i := range r.Attacks {
		a := &r.Attacks[i]
		cell, mk := labWord(a.Result)
		n := &node{word: cell, mark: mk, text: a.ID}
		if a.Close != "" {
			n.add(note("%s", a.Text), &node{word: "close it", mark: plain, text: a.Close})
		}
		p.tree(n)
	}
}
