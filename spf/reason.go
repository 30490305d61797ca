package spf

import (
	"context"
	"errors"
	"fmt"

	"github.com/waxseal/waxseal/resolver"
)

// reason returns the sentence that goes with a result.
func (k *check) reason(o *outcome) string {
	if o.why != "" {
		return o.why
	}
	ip := k.ip.String()
	if o.term == "" {
		return "no term of the SPF record of " + o.domain + " matches " + ip + via(k.domain, o.domain)
	}
	by := quoteTerm(o.term) + inRecordOf(o)
	switch o.result {
	case Pass:
		return k.domain + " allows " + ip + " by " + by
	case Fail:
		return k.domain + " does not allow " + ip + ": " + by + " matches"
	case SoftFail:
		return k.domain + " says that " + ip + " is probably not allowed: " + by + " matches"
	}
	return k.domain + " says nothing about " + ip + ": " + by + " matches"
}

// inRecordOf says where the term that matched stands.
func inRecordOf(o *outcome) string {
	if o.innerTerm == "" {
		return " in the SPF record of " + o.domain
	}
	return " in the SPF record of " + o.domain + " (there " + quoteTerm(o.innerTerm) + " of " + o.innerDomain + ")"
}

func via(from, to string) string {
	if from == to {
		return ""
	}
	return ", where the record of " + from + " redirects to"
}

func inRecord(domain, first string) string {
	if domain == first {
		return ""
	}
	return " in the record of " + domain
}

func notADomain(id Identity, name string) string {
	if name == "" {
		return "neither a MAIL FROM domain nor a HELO name was given"
	}
	what := "the domain of MAIL FROM"
	if id == Helo {
		what = "the HELO name"
	}
	return fmt.Sprintf("%s, %s, is not a fully qualified domain name, so that nothing can be published for it", what, quoteTerm(name))
}

// lookupFailed is the reason for temperror. The asker may be empty.
func lookupFailed(name string, t resolver.Type, asker string, err error) string {
	if asker != "" {
		asker = ", for " + asker + ","
	}
	return "the lookup of " + t.String() + " " + name + asker + " failed: " + failure(err)
}

// failure says why a lookup failed.
func failure(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the time for DNS was used up"
	case errors.Is(err, context.Canceled):
		return "the check was cancelled"
	}
	return resolver.ReasonOf(err)
}

func syntaxError(domain string, err *Error) string {
	if err.Term == "" {
		return "the SPF record of " + domain + " cannot be used: " + string(err.Reason)
	}
	return "the SPF record of " + domain + " has an error in " + err.Term + ": " + string(err.Reason)
}
