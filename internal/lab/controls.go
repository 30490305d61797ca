package lab

import "strings"

// Controls is a set of controls.
type Controls uint16

// The controls.
const (
	SPF Controls = 1 << iota
	DKIM
	DMARC
	ARC
	DNSSEC   // sender and receiver validate
	STARTTLS // the clinic offers it
	MTASTS   // the clinic publishes an enforced policy, senders ask for it
	DANE     // the clinic publishes TLSA records
	Beyond   // the clinic looks for what authentication leaves open

	// Sender is all that is about who sent a message.
	Sender = SPF | DKIM | DMARC | ARC

	everything = Sender | DNSSEC | STARTTLS | MTASTS | DANE
)

var controlNames = []string{"SPF", "DKIM", "DMARC", "ARC", "DNSSEC", "STARTTLS", "MTA-STS", "DANE", "beyond"}

// Has reports whether all of x are in c.
func (c Controls) Has(x Controls) bool { return c&x == x }

// String returns the names joined by commas, "none" for the empty set.
func (c Controls) String() string {
	var names []string
	for i, name := range controlNames {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}

// Column is one column of the matrix.
type Column struct {
	Name     string   `json:"name"`
	Controls Controls `json:"-"`
	Note     string   `json:"note"` // what is switched on
}

// Columns returns the columns of the matrix from the left. Those of sender
// authentication add up; each of the transport stands by itself with what it
// rests on.
func Columns() []Column {
	return []Column{
		{"nothing", 0, "no control at all"},
		{"SPF", SPF, "the receiver rejects an SPF fail"},
		{"+DKIM", SPF | DKIM, "a signature that verifies makes up for an SPF fail"},
		{"+DMARC", SPF | DKIM | DMARC, "the policy of the author domain is carried out"},
		{"+ARC", Sender, "seals of list.example are believed"},
		{"+DNSSEC", Sender | DNSSEC, "both sides validate, the receiver checks senders"},
		{"STARTTLS", STARTTLS, "the receiver offers STARTTLS, and nothing demands it"},
		{"MTA-STS", STARTTLS | MTASTS, "the receiver has an enforced policy, the sender follows it"},
		{"DANE", STARTTLS | DNSSEC | DANE, "the receiver has TLSA records, the sender validates"},
		{"all", everything, "all of these together"},
		{"all+beyond", everything | Beyond, "and a look at names, lookalike domains and answers, which only advises"},
	}
}
