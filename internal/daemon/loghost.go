package daemon

import "log/slog"

// hostEvents are those of the host of our MTA-STS policies. What certmagic says of its
// work is not among them: its messages are its own.
func hostEvents() []Event {
	failure := Field{"error", "what went wrong"}
	domain := Field{"domain", "whose policy it is"}
	record := Field{"record", "TXT record to publish at _mta-sts"}
	host := Field{"host", "name that the certificate is for"}
	certificate := Field{"certificate", "its file, or the name that it is for"}
	end := Field{"not_after", "when the certificate expires"}
	return []Event{
		{"MTA-STS policy", slog.LevelInfo, "at the start and after a reload, for each policy", []Field{domain, {"mode", "of the policy"}, record}},
		{"MTA-STS policy: ...", slog.LevelWarn, "each day while DNS says something else than a policy needs; the message says what", []Field{domain, record}},
		{"MTA-STS host", slog.LevelDebug, "for each request", []Field{
			{"host", "name that was asked for"},
			{"method", "of HTTP"},
			{"path", "that was asked for"},
			{"status", "of HTTP"},
			{"client", "address and port"},
			{"agent", "what the client calls itself"},
		}},
		{"MTA-STS host: connection ended", slog.LevelDebug, "when a client's connection ended in another way than it should, as when it asks for a host that is none of ours", []Field{failure}},
		{"MTA-STS host: no connection can be taken", slog.LevelWarn, "when the system has no room for one, such as too many open files; it is tried again", []Field{failure}},
		{"MTA-STS host: panic in a request", slog.LevelError, "when a fault of this program cost a client its answer; please report it", []Field{failure}},
		{"MTA-STS host: senders ask port 443 alone, it must lead here", slog.LevelWarn, "at the start, when the host listens on another port", []Field{{"address", "where it listens"}}},
		{"MTA-STS host: connections refused, there were too many", slog.LevelWarn, "at most each minute", []Field{{"refused", "how many since it was last told"}}},
		{"MTA-STS host: ...", slog.LevelWarn, "each day while a certificate has expired, will soon, or is not valid yet; the message says what", []Field{certificate, end}},
		{"MTA-STS host: senders may not trust the certificate", slog.LevelWarn, "each day while no CA of this host vouches for a certificate", []Field{certificate, failure}},
		{"MTA-STS host: certificate read again", slog.LevelInfo, "when the file of a certificate has changed", []Field{{"file", "of the certificate"}, end}},
		{"MTA-STS host: certificate not read again", slog.LevelError, "when the file of a certificate has changed and is not right; the one before is served on", []Field{failure}},
		{"MTA-STS host: certificate obtained", slog.LevelInfo, "when ACME gave one", []Field{host, {"renewal", "whether there was one before"}, {"issuer", "directory of the CA"}}},
		{"MTA-STS host: certificate not renewed", slog.LevelError, "when ACME gave none in place of one that there is", []Field{host, {"remaining", "how long that one is valid"}, failure}},
		{"MTA-STS host: no certificate", slog.LevelError, "when ACME gave none and there is none", []Field{host, failure, {"again_in", "when it is tried again"}}},
	}
}
