package inbound

import (
	"net/netip"
	"strings"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/spf"
)

// Header returns the Authentication-Results field of the verdict under an
// authserv-id (RFC 8601), folded, with its final CRLF.
func (v *Verdict) Header(authServID string) string {
	f := v.Results()
	f.AuthServID = authServID
	return string(append(f.AppendTo(nil, authres.FieldName+":"), "\r\n"...))
}

// SetHeader writes Header into the verdict.
func (v *Verdict) SetHeader(authServID string) { v.AuthenticationResults = v.Header(authServID) }

// Results returns the verdict as results of RFC 8601, Section 2.7, without an
// authserv-id.
func (v *Verdict) Results() *authres.Field {
	f := &authres.Field{}
	f.Results = append(f.Results, v.spfResults()...)
	f.Results = append(f.Results, v.dkimResults()...)
	f.Results = append(f.Results, v.arcResult(), v.dmarcResult())
	return f
}

// reason keeps the reasons of results that someone may have to act on.
func reason(result, text string) string {
	switch result {
	case "pass", "none", "neutral":
		return ""
	}
	if saysPass(text) { // quotes what the sender wrote
		return ""
	}
	return text
}

// saysPass reports whether a text has what filters look for that take the whole
// field for one text. They must not find there what the sender chose.
func saysPass(text string) bool { return strings.Contains(ascii.ToLower(text), "=pass") }

// chosen returns what the sender chose as the value of a property, without a local
// part that says too much (RFC 8601, Section 2.2, pvalue: it may be left out); "" if
// the rest does, too.
func chosen(value string) string {
	if !saysPass(value) {
		return value
	}
	if value = value[lastAt(value)+1:]; saysPass(value) {
		return ""
	}
	return value
}

// spfResults are RFC 8601, Section 2.7.2: smtp.mailfrom, and smtp.helo where
// HELO was checked.
func (v *Verdict) spfResults() []authres.Result {
	one := func(e *spf.Evaluation) authres.Result {
		r := authres.Result{Method: "spf", Value: string(e.Result)}
		r.Reason = reason(string(e.Result), e.Reason)
		if e.Identity == spf.Helo {
			r.Props = []authres.Prop{{Type: "smtp", Name: "helo", Value: chosen(v.heloName)}}
		} else {
			r.Props = []authres.Prop{{Type: "smtp", Name: "mailfrom", Value: chosen(v.mailFrom)}}
		}
		return r
	}
	if v.remote == (netip.Addr{}) && v.SPF.Result != spf.TempError {
		return nil // the connection is not known: nothing was checked
	}
	rs := []authres.Result{one(&v.SPF)}
	if v.Helo != nil {
		rs = append(rs, one(v.Helo))
	}
	return rs
}

// dkimResults are RFC 8601, Section 2.7.1, with header.b of RFC 6008 to tell
// signatures of one domain apart and header.a of RFC 8601.
func (v *Verdict) dkimResults() []authres.Result {
	if len(v.DKIM) == 0 {
		return []authres.Result{{Method: "dkim", Value: string(dkim.None)}}
	}
	rs := make([]authres.Result, 0, len(v.DKIM))
	for i := range v.DKIM {
		d := &v.DKIM[i]
		if i >= dkim.MaxSignatures && d.Result != dkim.Pass {
			continue // thousands of signatures must not become thousands of lines
		}
		r := authres.Result{Method: "dkim", Value: string(d.Result)}
		r.Reason = reason(string(d.Result), d.Reason)
		add := func(name, value string) {
			if value = chosen(value); value != "" {
				r.Props = append(r.Props, authres.Prop{Type: "header", Name: name, Value: value})
			}
		}
		add("d", string(d.Domain))
		add("i", d.Identity)
		add("s", d.Selector)
		add("a", string(d.Algorithm))
		add("b", d.HeaderB)
		rs = append(rs, r)
	}
	return rs
}

// arcResult is RFC 8617, Section 9.
func (v *Verdict) arcResult() authres.Result {
	r := authres.Result{Method: "arc", Value: string(v.ARC.Result)}
	r.Reason = reason(string(v.ARC.Result), v.ARC.Reason)
	if n := len(v.ARC.Sets); n > 0 && v.ARC.Result != arc.None && v.remote.IsValid() {
		r.Props = []authres.Prop{{Type: "smtp", Name: "remote-ip", Value: v.remote.Unmap().String()}}
	}
	return r
}

// dmarcResult is RFC 9989, Section 9.2 and the registry of RFC 8601.
func (v *Verdict) dmarcResult() authres.Result {
	d := &v.DMARC
	r := authres.Result{Method: "dmarc", Value: string(d.Result)}
	r.Reason = reason(string(d.Result), d.Reason)
	if d.From != "" {
		r.Props = append(r.Props, authres.Prop{Type: "header", Name: "from", Value: string(d.From)})
	}
	if d.Result == dmarc.Fail {
		r.Props = append(r.Props, authres.Prop{Type: "policy", Name: "dmarc", Value: string(d.Disposition)})
	}
	return r
}
