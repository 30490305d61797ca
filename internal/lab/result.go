package lab

import (
	"fmt"
	"strings"

	"github.com/waxseal/waxseal/outbound"
)

// Arrived is the result of an attack that sends the clinic a message.
func (r *Receipt) Arrived() Result {
	j := r.Judgement
	switch {
	case j == nil && r.Reply == nil:
		return Result{Stopped, Dropped, "the server closed the connection"}
	case r.Reply != nil && r.Reply.Permanent():
		return Result{Stopped, Rejected, "the clinic says " + r.Reply.String()}
	case r.Reply != nil && r.Reply.Temporary():
		return Result{Stopped, Deferred, "the clinic says " + r.Reply.String()}
	case j == nil:
		return Result{Stopped, Dropped, "the clinic never saw the message"}
	case j.Folder == Junk:
		return Result{Stopped, Quarantined, "the message is put apart: " + j.Verdict.DMARC.Reason}
	case len(j.Marks) > 0:
		return Result{Flagged, "", "the message is delivered with a warning: " + strings.Join(j.Marks, ", ")}
	}
	return Result{Passes, "", "the message is in the inbox with nothing written on it"}
}

// Legit is Arrived for mail that should arrive.
func (r *Receipt) Legit() Result { return legit(r.Arrived()) }

func legit(r Result) Result {
	switch r.Outcome {
	case Passes:
		r.Outcome = Delivered
	case Stopped:
		r.Outcome = Broken
	}
	return r
}

// Read is the result of an attack on a message under way: whether the attacker
// has read it.
func (d *Sent) Read(l *Loot) Result {
	why := d.Delivery.Reason
	switch {
	case l.Has(Secret):
		return Result{Passes, "", "the attacker has read the message; the sender notes: " + why}
	case d.Delivery.Result == outbound.Deferred:
		return Result{Stopped, Deferred, "the message stays in the sender's queue: " + why}
	case d.Delivery.Result == outbound.Refused:
		return Result{Stopped, Undelivered, "the message goes back to its author: " + why}
	}
	return Result{Stopped, Encrypted, fmt.Sprintf("the message arrived over %s and the attacker could not read it", d.Delivery.TLS.Version)}
}

// Legit is the result for mail that should arrive.
func (d *Sent) Legit() Result {
	switch d.Delivery.Result {
	case outbound.Deferred:
		return Result{Broken, Deferred, "the message stays in the sender's queue: " + d.Delivery.Reason}
	case outbound.Refused:
		return Result{Broken, Undelivered, "the message goes back to its author: " + d.Delivery.Reason}
	}
	how := "in the clear"
	if t := d.Delivery.TLS; t != nil {
		how = "over " + t.Version
	}
	return Result{Delivered, "", "the message arrived " + how}
}
