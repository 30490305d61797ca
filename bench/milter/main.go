// Command milter measures waxseal serve as the mail filter of a Postfix beside the
// chain that does the same work today, OpenDKIM, OpenDMARC and policyd-spf, and
// beside Postfix alone; see milter.sh, which gives it the namespaces that it needs.
//
// One Postfix has a port for each of them, so that all else is the same. All ask
// one unbound. Each round lets each of them take the same messages, in turns; the
// verdicts are looked at before the first round and after each.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	var o options
	flag.StringVar(&o.program, "waxseal", "", "waxseal program to measure; required")
	flag.StringVar(&o.dir, "dir", "", "empty folder to work in, on the disk that the queue is to be on; required")
	flag.StringVar(&o.other, "other", "", "another waxseal program, such as one built before a change, to measure beside it")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; the median counts")
	flag.IntVar(&o.messages, "messages", 1000, "messages of one turn")
	flag.IntVar(&o.sessions, "sessions", 20, "SMTP sessions at a time")
	flag.BoolVar(&o.extremes, "extremes", false, "send 50 MB bodies and 99,000 header fields instead, also through a filter that does nothing")
	flag.StringVar(&o.dnssec, "dnssec", "require", "require: unbound and waxseal validate signed zones, each for itself; off: neither does")
	flag.StringVar(&o.only, "only", "", "only these, separated by commas: "+strings.Join(names(), ", "))
	pass := flag.String("pass", "", "for -extremes: be the filter that does nothing at this address")
	flag.Parse()
	if err := o.run(*pass); err != nil {
		fmt.Fprintln(os.Stderr, "milter:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	program, other, dir string
	rounds, messages    int
	sessions            int
	extremes            bool
	dnssec, only        string
}

func (o *options) run(pass string) error {
	switch {
	case pass != "":
		return passThrough(pass)
	case o.program == "" || o.dir == "" || flag.NArg() > 0:
		return errors.New("run it with milter.sh; -waxseal and -dir are required")
	case o.rounds < 1 || o.messages < o.sessions || o.sessions < 1:
		return errors.New("at least one round, one session, and a message for each session")
	case o.dnssec != "require" && o.dnssec != "off":
		return fmt.Errorf("-dnssec %s: require or off", o.dnssec)
	}
	b, err := newBed(o)
	if err != nil {
		return err
	}
	defer b.stop()
	if o.extremes {
		return b.extremes()
	}
	return b.compare()
}

// contender is a way to filter what Postfix takes.
type contender struct {
	name, label string
	port        int
	settings    string   // of its smtpd
	filters     []string // names of the processes that it is
}

var contenders = []contender{
	{name: "alone", label: "Postfix alone", port: 2500},
	{
		name: "waxseal", label: "+ waxseal serve", port: 2501, filters: []string{"waxseal"},
		settings: " -o smtpd_milters=inet:" + waxsealAddr,
	},
	{
		name: "other", label: "+ the other waxseal", port: 2504, filters: []string{"other"},
		settings: " -o smtpd_milters=inet:" + otherAddr,
	},
	{
		name: "chain", label: "+ OpenDKIM, OpenDMARC, policyd-spf", port: 2502, filters: []string{"opendkim", "opendmarc"},
		settings: " -o smtpd_milters=inet:" + opendkimAddr + ",inet:" + opendmarcAddr +
			" -o smtpd_recipient_restrictions=reject_unauth_destination,check_policy_service,unix:private/policyd-spf",
	},
	{
		name: "pass", label: "+ go-milter that does nothing", port: 2503, filters: []string{"pass"},
		settings: " -o smtpd_milters=inet:" + passAddr,
	},
}

func names() []string {
	var all []string
	for _, c := range contenders {
		all = append(all, c.name)
	}
	return all
}

// chosen returns these contenders, or those of -only.
func (o *options) chosen(among ...string) ([]contender, error) {
	if o.other != "" {
		among = append(among, "other")
	}
	if o.only != "" {
		among = strings.Split(o.only, ",")
	}
	var out []contender
	for _, name := range among {
		found := false
		for _, c := range contenders {
			if c.name == name {
				out, found = append(out, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-only %s: not one of %s", name, strings.Join(names(), ", "))
		}
	}
	return out, nil
}
