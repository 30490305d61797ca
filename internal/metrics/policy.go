package metrics

import (
	"strconv"
	"strings"
	"time"

	"github.com/waxseal/waxseal/mtasts"
)

func (s *Set) defineTLSPolicy(d *definer) {
	answers := []string{"dane-only", "dane", "secure", "may", "encrypt", "notfound", "temp", "perm"}
	v := d.counters("waxseal_tls_policy_lookups_total", "Lookups of a TLS policy by what Postfix was told; temp defers the mail.", Label{"answer", answers})
	s.policies = newTally(v, answers)
	s.policyTime = d.histogram("waxseal_tls_policy_seconds", "Time of lookups of a TLS policy for which a plan was made.")

	codes := []string{"200", "206", "304", "404", "405", "412", "416", "421"}
	s.requests = newTally(d.counters("waxseal_mta_sts_requests_total", "Requests to the host of our MTA-STS policies, by the status of HTTP.", Label{"code", codes}), codes)
	outcomes := []string{"fetched", "failed", "kept", "expired", "error"}
	v = d.counters("waxseal_mta_sts_refreshes_total",
		"MTA-STS policies that were due to be fetched again: fetched; failed, and in force until they expire; kept, for nobody mails the domain; expired. error: the store failed.",
		Label{"outcome", outcomes})
	s.refreshes = newTally(v, outcomes)
	s.downgrades = d.counter("waxseal_mta_sts_downgrades_total", "Refreshes by which an enforced MTA-STS policy became a weaker one: an attack, or a domain that gave up.")
}

// Policy counts a lookup of a TLS policy with its reply. planned says that it took a
// plan to answer it.
func (s *Set) Policy(reply string, planned bool, took time.Duration) {
	if s == nil {
		return
	}
	s.policies.Inc(answerOf(reply))
	if planned {
		s.policyTime.Observe(took.Seconds())
	}
}

// PolicyRequest counts a request to the host of our policies.
func (s *Set) PolicyRequest(status int) {
	if s != nil {
		s.requests.Inc(strconv.Itoa(status))
	}
}

// answerOf returns the word that a reply comes to.
func answerOf(reply string) string {
	word, rest, _ := strings.Cut(reply, " ")
	switch word {
	case "OK":
		level, _, _ := strings.Cut(rest, " ")
		return level
	case "NOTFOUND":
		return "notfound"
	case "TEMP":
		return "temp"
	case "PERM":
		return "perm"
	}
	return "other"
}

// Refreshed counts what became of the policies that were due, and the error of the
// whole.
func (s *Set) Refreshed(all []mtasts.Refreshed, err error) {
	if s == nil {
		return
	}
	for i := range all {
		r := &all[i]
		switch {
		case r.Action == mtasts.Delete:
			s.refreshes.Inc("expired")
		case r.Action == mtasts.Keep:
			s.refreshes.Inc("kept")
		case len(r.Errors) > 0:
			s.refreshes.Inc("failed")
		default:
			s.refreshes.Inc("fetched")
		}
		if r.Downgrade != "" {
			s.downgrades.Inc()
		}
	}
	if err != nil {
		s.refreshes.Inc("error")
	}
}
