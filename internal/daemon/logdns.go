package daemon

import "log/slog"

func dnsEvents() []Event {
	zone := Field{"zone", "that the anchor is for"}
	key := Field{"key", "the beginning of the DNSKEY record: flags, protocol, algorithm, key"}
	before := Field{"before", "the state before; empty for a new key"}
	file := Field{"file", "in the state directory"}
	until := Field{"until", "when it ends, or did"}
	failure := Field{"error", "what went wrong"}
	return []Event{
		{"trust anchors are followed in memory alone, without state.directory", slog.LevelInfo, "at the start: a new key is trusted after thirty days without a restart", nil},
		{"what is known of trust anchors cannot be used; the configured ones hold", slog.LevelError, "at the start, when the file is damaged or cannot be read", []Field{file, failure}},
		{"other trust anchors are configured than before; they are followed from now on", slog.LevelInfo, "at the start, when the file is about others", []Field{file}},
		{"trust anchors are followed in memory alone, as their file cannot be written", slog.LevelError, "once, until it can", []Field{failure}},
		{"the file of trust anchors can be written again", slog.LevelInfo, "once it can", []Field{file}},
		{"a key of a trust anchor has changed its state", slog.LevelInfo, "when the keys of a zone begin to roll, and at each step (RFC 5011, Section 4)", []Field{
			zone, key,
			{"state", "addpend: announced, and trusted when its time is over; valid; missing: trusted, and not shown; revoked"},
			before,
			{"until", "when the time of addpend or revoked is over; empty for the others"},
		}},
		{"a key of a trust anchor is gone", slog.LevelInfo, "when a key is forgotten that was not trusted any more, or not yet", []Field{zone, key, before}},
		{"the keys of a trust anchor could not be followed", slog.LevelWarn, "when the question for them brought no answer that is proven; what is trusted stays", []Field{
			zone, {"again", "when they are asked for again"}, failure,
		}},
		{"trust anchors have changed", slog.LevelWarn, "when others are trusted than before", []Field{{"anchors", "list of those trusted now, as DS records"}}},
		{"every trust anchor has been revoked: nothing can be proven any more", slog.LevelError, "when no key is left: install a new release, or name others in dns.trust_anchor", nil},
		{"a trust anchor cannot be followed", slog.LevelError, "when an anchor is none that can be followed", []Field{zone, failure}},
		{"a trust anchor cannot be used", slog.LevelError, "when what is known of an anchor is no record; the anchors stay as they are", []Field{zone, failure}},
		{"trust anchors cannot be used", slog.LevelError, "the same, of all", []Field{failure}},
		{"a zone is taken for unsigned, whatever its signatures say", slog.LevelWarn, "at the start, for each negative trust anchor: it is for the time until the zone is mended (RFC 7646)", []Field{zone, until}},
		{"a negative trust anchor has ended before the start", slog.LevelWarn, "at the start: take it out of dns.negative_trust_anchors", []Field{zone, until}},
		{"a negative trust anchor has ended", slog.LevelWarn, "when the zone is validated again", []Field{zone, until}},
	}
}
