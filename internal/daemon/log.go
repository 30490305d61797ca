package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/waxseal/waxseal/internal/config"
)

// NewLog returns the log that a configuration describes.
func NewLog(w io.Writer, c config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == config.Text {
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return slog.New(slog.NewJSONHandler(w, options)), nil
}

// maxLogged bounds what a stranger can write into one field of the log.
const maxLogged = 512

func cut(s string) string {
	if len(s) > maxLogged {
		return s[:maxLogged] + "..."
	}
	return s
}

// Event is one kind of line in the log.
type Event struct {
	Message string
	Level   slog.Level
	When    string
	Fields  []Field
}

// Field is one field of an Event, beside time, level and msg.
type Field struct{ Name, Meaning string }

// Events lists all that is logged. A test holds it to the source.
func Events() []Event {
	return slices.Concat(messageEvents(), hostEvents(), dnsEvents(), serverEvents())
}

func messageEvents() []Event {
	queueID := Field{"queue_id", "the mail server's name for the message; empty if it has none yet"}
	client := Field{"client", "address from which the mail server got the message"}
	mailFrom := Field{"mail_from", "MAIL FROM of the message, without angle brackets"}
	tls := Field{"tls", "version of TLS of the client's connection; empty for none"}
	user := Field{"user", "whom the client has authenticated as; empty for nobody"}
	failure := Field{"error", "what went wrong"}
	return []Event{
		{"checked", slog.LevelInfo, "for each message of somebody else that got a verdict", []Field{
			queueID,
			{"client", "address of the client, of the one in front of a relay of ours if the message came by one; empty if it is not known"},
			{"client_unknown", "why the client in front of a relay is not known; empty if it is"},
			{"relay", "address of the relay of ours that handed the message over; empty without one"},
			{"helo", "argument of HELO or EHLO"},
			mailFrom,
			tls,
			{"recipients", "how many there are"},
			{"from", "author domain, of which DMARC speaks"},
			{"spf", "result of SPF for MAIL FROM, or for HELO under a null reverse-path"},
			{"spf_domain", "domain whose SPF record was evaluated"},
			{"dkim", "list of results, each with the domain that signed; at most ten"},
			{"arc", "result of ARC"},
			{"dmarc", "result of DMARC"},
			{"reason", "sentence that explains the result of DMARC"},
			{"action", "what was done: accept, quarantine, reject or tempfail"},
			{"would", "what enforcing every control would have done"},
			{"override", "override type of RFC 9990 if a failure was not held against the message; else empty"},
			{"override_reason", "whom the override trusts"},
			{"findings", "list of the ids of findings"},
			{"ms", "milliseconds from the end of the header to the verdict"},
			{"body_ms", "of these, those in which the body came"},
			{"dns_ms", "of all, those in which some DNS lookup was waited for"},
		}},
		{"internal fault", slog.LevelError, "when a fault of this program cost a message its verdict, or another piece of work its end; please report it", []Field{
			queueID, failure, {"in", "what was being done"}, {"stack", "where in the program it happened"},
		}},
		{"refused", slog.LevelInfo, "for a message whose header is over a limit: of size, or of fields in our name", []Field{
			queueID, client, mailFrom, {"reason", "the limit"},
		}},
		{"signed", slog.LevelInfo, "for each message of ours that was signed or sealed", []Field{
			queueID, client, mailFrom, user, tls, {"signed", "whether it has a DKIM signature of ours"}, {"sealed", "whether it has an ARC set of ours"},
		}},
		{"not sealed", slog.LevelWarn, "for a message that should be sealed and goes without", []Field{queueID, mailFrom, failure}},
		{"passed", slog.LevelInfo, "for each message of ours that goes out as it is", []Field{
			queueID, client, mailFrom, user, {"reason", "why"},
		}},
		{"signing failed", slog.LevelError, "for a message of ours that was deferred, since it could not be signed", []Field{queueID, mailFrom, failure}},
		{"milter", slog.LevelWarn, "when a mail server's connection or a message ended in another way than it should", []Field{failure, queueID, client, mailFrom}},
		{"tls policy", slog.LevelInfo, "for each lookup of a TLS policy that took a plan", []Field{
			{"domain", "next-hop domain that Postfix asked for"},
			{"reply", "what it was told, in Postfix's words"},
			{"reason", "sentence that explains the plan"},
			{"ms", "milliseconds that it took"},
		}},
		{"tls policy fault", slog.LevelWarn, "when a connection that asks for TLS policies ended in another way than it should", []Field{failure}},
	}
}

func serverEvents() []Event {
	failure := Field{"error", "what went wrong"}
	named := Field{"server", "table of the configuration that the server has, such as milter"}
	return []Event{
		{"listening", slog.LevelInfo, "at the start, for each server", []Field{
			named,
			{"address", "where it listens"},
			{"from", "configuration, or systemd if that has opened the socket"},
		}},
		{"socket not used", slog.LevelWarn, "at the start, for a socket that systemd has opened for a server that is not configured", []Field{named}},
		{"not ready", slog.LevelError, "when the daemon cannot do all of its work, as /readyz says too: DNS does not answer, or the state directory cannot be written to", []Field{
			{"failing", "list of what fails, a sentence each"},
		}},
		{"ready again", slog.LevelInfo, "when nothing of that fails any more", nil},
		{"stopping", slog.LevelInfo, "when the daemon is told to end, or a server has failed", []Field{{"drain_ms", "milliseconds that messages under way have to finish"}}},
		{"told to stop again, messages under way are given up", slog.LevelWarn, "at the second SIGTERM or SIGINT, which ends the process", nil},
		{"stopped", slog.LevelInfo, "at the end", nil},
		{"configuration reloaded", slog.LevelInfo, "when the configuration was read again", nil},
		{"configuration not reloaded, the old one stays in force", slog.LevelError, "when what was read again is not right", []Field{failure}},
		{"configuration", slog.LevelWarn, "at the start and when the configuration was read again, for each thing in it that lets others act in your name; serve --check says so too", []Field{{"warning", "what it is, and what to do"}}},
		{"state directory", slog.LevelError, "when a policy cannot be read from it or written into it", []Field{{"domain", "whose policy it is"}, failure}},
		{"refreshing MTA-STS policies", slog.LevelError, "when the store of policies fails", []Field{failure}},
		{"a domain's MTA-STS policy is no longer enforced", slog.LevelWarn, "when a policy became weaker by being fetched again: an attack, or a domain that gave up", []Field{
			{"domain", "whose policy it is"}, {"mode", "of the policy now"},
		}},
		{"the service manager cannot be told", slog.LevelWarn, "when systemd does not take a notification", []Field{failure}},
	}
}

// LogReference writes Events as a page of Markdown.
func LogReference() string {
	var b strings.Builder
	b.WriteString(`# Log
` + "`waxseal serve`" + ` logs to standard error, one line for each event: with
` + "`log.format = \"json\"`" + `, the default, a JSON object with time, level, msg and the
fields below; with ` + "`\"text\"`" + ` the same as key=value pairs. Messages and field names are
added to, never renamed. What strangers wrote is cut after 512 bytes.
`)
	for _, e := range Events() {
		fmt.Fprintf(&b, "\n## %s\n%s, %s.\n", e.Message, e.Level, e.When)
		if len(e.Fields) == 0 {
			continue
		}
		b.WriteString("\n| field | meaning |\n|---|---|\n")
		for _, f := range e.Fields {
			fmt.Fprintf(&b, "| `%s` | %s |\n", f.Name, f.Meaning)
		}
	}
	return b.String()
}
