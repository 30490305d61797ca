package daemon

import (
	"slices"
	"time"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/internal/metrics"
)

// report counts a verdict and writes the one line of it. The body ended at bodyEnd.
func (t *check) report(v *inbound.Verdict, d inbound.Decision, bodyEnd time.Time) {
	end := time.Now()
	times := metrics.Times{Check: end.Sub(t.begin), Verdict: end.Sub(bodyEnd), DNS: t.session.DNSWait()}
	t.meter.Verdict(v, d, times)
	if v.Fault != nil {
		t.meter.Panic(metrics.InMessage)
		logPanic(t.log, "checking", t.m.QueueID(), v.Fault)
	}
	var override, overrideReason string
	if d.Override != nil {
		override, overrideReason = string(d.Override.Type), d.Override.Comment
	}
	client, relay := "", ""
	if t.env.RemoteAddr.IsValid() {
		client = t.env.RemoteAddr.String()
	}
	if via := t.m.Client.Addr; via != t.env.RemoteAddr {
		relay = via.String()
	}
	t.log.Info("checked",
		"queue_id", t.m.QueueID(), "client", client, "client_unknown", cut(t.env.Unknown), "relay", relay, "helo", cut(t.env.Helo),
		"mail_from", cut(t.m.From), "tls", cut(t.m.TLSVersion()), "recipients", len(t.m.To),
		"from", string(v.DMARC.From), "spf", string(v.SPF.Result), "spf_domain", cut(v.SPF.Domain),
		"dkim", signatures(v), "arc", string(v.ARC.Result), "dmarc", string(v.DMARC.Result), "reason", cut(v.DMARC.Reason),
		"action", string(d.Action), "would", string(d.Would), "override", override, "override_reason", cut(overrideReason),
		"findings", findingIDs(v), "ms", times.Check.Milliseconds(), "body_ms", bodyEnd.Sub(t.begin).Milliseconds(),
		"dns_ms", times.DNS.Milliseconds())
}

// signatures lists what DKIM found, as far as it was evaluated.
func signatures(v *inbound.Verdict) []string {
	list := make([]string, 0, min(len(v.DKIM), dkim.MaxSignatures))
	for i := range v.DKIM[:cap(list)] {
		list = append(list, string(v.DKIM[i].Result)+" "+string(v.DKIM[i].Domain))
	}
	return list
}

// findingIDs lists each id once.
func findingIDs(v *inbound.Verdict) []string {
	ids := make([]string, 0, len(v.Findings))
	for i := range v.Findings {
		if id := v.Findings[i].ID; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
