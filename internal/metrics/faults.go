package metrics

import (
	"strings"

	"github.com/waxseal/waxseal/inbound"
)

func (s *Set) defineFaults(d *definer) {
	actions := []inbound.Action{inbound.Accept, inbound.Quarantine, inbound.Reject, inbound.TempFail}
	v := d.counters("waxseal_temperror_messages_total",
		"Messages for which SPF or DMARC could not be evaluated because a lookup failed, by what was done with them; policy.temperror decides between accept and tempfail.",
		Label{"action", words(actions...)})
	s.failModes = newTally(v, actions)

	places := []Place{InMessage, InLookup, InPolicy}
	v = d.counters("waxseal_panics_total", "Faults of this program that cost one message or lookup its answer. Any is a bug to be reported.", Label{"place", words(places...)})
	s.panics = newTally(v, places)

	s.faults = d.counters("waxseal_faults_total", "Connections and messages of a server that ended in another way than they should, by the reason that the log gives.",
		Label{"server", words(Milter, TLSPolicy)}, Label{"reason", nil})
	servers := []Server{Milter, TLSPolicy}
	v = d.counters("waxseal_connections_refused_total", "Connections closed because there were too many.", Label{"server", words(servers...)})
	s.refused = newTally(v, servers)
}

// Fault counts a connection or message that ended badly. The reason is one of those
// that a server's package lists.
func (s *Set) Fault(server Server, reason string) {
	if s != nil {
		s.faults.WithLabelValues(string(server), strings.ReplaceAll(reason, " ", "_")).Inc()
	}
}

// Refused counts a connection for which there was no place.
func (s *Set) Refused(server Server) {
	if s != nil {
		s.refused.Inc(server)
	}
}

// Panic counts a fault of ours.
func (s *Set) Panic(p Place) {
	if s != nil {
		s.panics.Inc(p)
	}
}
