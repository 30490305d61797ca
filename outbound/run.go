package outbound

import (
	"strings"

	"github.com/waxseal/waxseal/smtp"
)

// run is one Deliver under way.
type run struct {
	plan    *Plan
	message *Message
	result  Delivery
	// hopeless says that no server can take the message.
	hopeless bool
}

func newRun(plan *Plan, m *Message) *run {
	r := &run{plan: plan, message: m}
	r.result.Attempts = []Attempt{}
	for _, to := range m.To {
		r.result.Recipients = append(r.result.Recipients, RecipientResult{Recipient: to.Path})
	}
	return r
}

// open returns the numbers of the recipients that are neither accepted nor refused
// for good.
func (r *run) open() []int {
	var open []int
	for i := range r.result.Recipients {
		if s := r.result.Recipients[i].Result; s != Delivered && s != Refused {
			open = append(open, i)
		}
	}
	return open
}

func (r *run) done() bool { return len(r.open()) == 0 }

// full reports whether the run has made all the connections that it may.
func (r *run) full() bool { return r.connections() >= MaxAttempts }

// connections counts the attempts that tried to connect.
func (r *run) connections() int {
	n := 0
	for i := range r.result.Attempts {
		if r.result.Attempts[i].Stage != StagePlan {
			n++
		}
	}
	return n
}

func (r *run) add(a Attempt) { r.result.Attempts = append(r.result.Attempts, a) }

// absorb takes over what the server said about the open recipients.
func (r *run) absorb(open []int, a *Attempt) {
	for n, i := range open {
		if n >= len(a.Delivery.Recipients) {
			break
		}
		got := a.Delivery.Recipients[n]
		reply := got.Final
		if reply == nil && !got.Rcpt.Positive() { // a 250 to RCPT is no answer to the message
			reply = got.Rcpt
		}
		// What a server says to RCPT after it has refused MAIL, as it does where
		// commands are pipelined, is about their order.
		if mail := a.Delivery.Mail; mail != nil && !mail.Positive() {
			reply = mail
		}
		to := &r.result.Recipients[i]
		to.Result = Deferred
		if reply == nil {
			continue
		}
		to.Reply, to.MX, a.Reply = reply, a.Host, reply
		switch {
		case got.Delivered():
			to.Result = Delivered
		case reply.Permanent():
			to.Result = Refused
		}
	}
}

// finish gives the recipients that are still open their result and the whole its
// own.
func (r *run) finish() *Delivery {
	d := &r.result
	verdict, reply := r.leftOver()
	worst := Delivered
	for i := range d.Recipients {
		to := &d.Recipients[i]
		if to.Result != Delivered && to.Result != Refused {
			to.Result = verdict
			if to.Reply == nil || verdict == Refused {
				to.Reply = reply
			}
		}
		switch {
		case to.Result == Deferred:
			worst = Deferred
		case to.Result == Refused && worst == Delivered:
			worst = Refused
		}
		if to.Result == worst && to.Reply != nil {
			d.Reply = to.Reply.String()
		}
	}
	d.Result, d.Delivered = worst, worst == Delivered
	d.Reason = r.plan.Reason
	for i := range d.Attempts {
		if t := d.Attempts[i].ResultType; t != "" {
			d.ResultType = t
		}
	}
	if a := r.decisive(); a != nil {
		d.MX, d.Policy, d.TLS, d.Authenticated, d.Reason = a.Host, a.Policy, a.TLS, a.Authenticated, a.Reason
	}
	if d.ResultType == "" {
		d.ResultType = r.plan.failure(d.MX)
	}
	return d
}

// decisive is the attempt that tells the most about the whole: the last that
// connected, or else the last; nil without any.
func (r *run) decisive() *Attempt {
	var last *Attempt
	for i := range r.result.Attempts {
		a := &r.result.Attempts[i]
		if last == nil || a.Stage != StagePlan || last.Stage == StagePlan {
			last = a
		}
	}
	return last
}

// leftOver is the result of recipients about whom no server has decided, and the
// reply that says so.
func (r *run) leftOver() (Result, *smtp.Reply) {
	last, asked, noRequireTLS := "", false, true
	if a := r.decisive(); a != nil {
		last = a.Reason
	}
	var unable *smtp.Reply // of the last server, if none is able
	for i := range r.result.Attempts {
		a := &r.result.Attempts[i]
		if a.gone { // no server that another try could reach
			continue
		}
		if !asked || unable != nil || r.hopeless {
			unable = a.unable
		}
		asked = true
		noRequireTLS = noRequireTLS && (a.noRequireTLS || a.Stage == StagePlan && strings.HasPrefix(a.Reason, "REQUIRETLS"))
	}
	switch {
	case r.plan.Outcome == Reject:
		return Refused, smtp.NewReply(r.plan.Code, r.plan.Enhanced, r.plan.Reason)
	case asked && noRequireTLS && r.message.Options.RequireTLS:
		return Refused, smtp.RequireTLSNeeded("no server of " + r.plan.Domain + " keeps REQUIRETLS: " + last)
	case unable != nil:
		return Refused, unable
	case r.plan.Outcome == Defer && r.connections() == 0:
		return Deferred, smtp.NewReply(r.plan.Code, r.plan.Enhanced, r.plan.Reason)
	}
	return Deferred, smtp.NewReply(451, smtp.EnhancedCode{4, 4, 0}, last)
}
