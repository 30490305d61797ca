package spf

import (
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/resolver"
)

// MaxExplanation is how long an expanded explanation may be, in bytes. It is
// meant for a reply of a few lines of 512 (RFC 5321, Section 4.5.3.1.5).
const MaxExplanation = 2048

// explain returns the expanded explanation for a fail of a record (RFC 7208,
// Section 6.2). Whatever goes wrong gives none, and nothing here counts against
// a limit or changes the status of the result.
func (k *check) explain(rec *Record, domain string) string {
	k.rest.record = nil
	status := k.status
	name, ok := k.target(&rec.Exp.Domain, domain)
	text := ""
	if ok {
		text = k.explanation(name, domain)
	}
	k.status = status
	if k.trace.on {
		outcome := Found
		if text == "" {
			outcome = string(None)
		}
		k.trace.add(Step{Term: rec.Exp.Text, Outcome: outcome})
	}
	return text
}

func (k *check) explanation(name, domain string) string {
	a, err := k.lookup(name, resolver.TypeTXT)
	if err != nil {
		return ""
	}
	txts := a.TXT()
	if len(txts) != 1 || len(txts[0]) > MaxRecordBytes {
		return ""
	}
	if _, reason := checkMacros(txts[0], macroExp); reason != "" {
		return ""
	}
	b, ok := k.appendExpanded(nil, txts[0], domain, macroExp, MaxExplanation)
	if !ok {
		return ""
	}
	for _, c := range b {
		// The text is US-ASCII (RFC 7208, Section 6.2), and what came from the
		// client must not add a line to our reply.
		if !ascii.IsPrint(c) && c != ' ' {
			return ""
		}
	}
	return string(b)
}
