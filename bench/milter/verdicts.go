package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// trial is a message whose verdicts are known.
type trial struct {
	name, helo, from string
	tampered         bool
	want             map[string]string // by method
}

var trials = []trial{
	{"genuine", senderHost, "news@" + senderDomain, false, map[string]string{"spf": "pass", "dkim": "pass", "dmarc": "pass"}},
	{"tampered", forgerDomain, "news@" + forgerDomain, true, map[string]string{"spf": "fail", "dkim": "fail", "dmarc": "fail"}},
}

// verdicts holds that a contender tells what is genuine: a filter that cannot look
// up anything would be fast.
func (b *bed) verdicts(c contender) error {
	if c.name == "alone" || c.name == "pass" {
		return nil
	}
	for _, t := range trials {
		text := b.letter
		if t.tampered {
			text = append(bytes.Clone(text), "one more line\n"...)
		}
		if err := os.WriteFile(b.file(t.name), text, 0o644); err != nil {
			return err
		}
		delivered, err := b.capture(c, t)
		if err != nil {
			return err
		}
		got := resultsOf(delivered)
		for method, want := range t.want {
			if got[method] != want {
				return fmt.Errorf("%s: the %s message has %s=%s, want %s:\n%s", c.name, t.name, method, got[method], want, head(delivered))
			}
		}
	}
	return nil
}

// capture sends a message and returns what is delivered.
func (b *bed) capture(c contender, t trial) (string, error) {
	dir := b.file("captured")
	old, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range old {
		if err := os.Remove(dir + "/" + e.Name()); err != nil {
			return "", err
		}
	}
	if err := b.send(c, load{file: b.file(t.name), messages: 1, sessions: 1}, client{t.helo, t.from, "reader@" + captureDomain}); err != nil {
		return "", err
	}
	if err := b.drained(); err != nil {
		return "", err
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("%s: %d messages captured, %v", c.name, len(files), err)
	}
	text, err := os.ReadFile(dir + "/" + files[0].Name())
	return string(text), err
}

// head returns the header fields that say something of verdicts.
func head(text string) string {
	var out strings.Builder
	for _, f := range fields(text) {
		if name, _, _ := strings.Cut(f, ":"); strings.EqualFold(name, "Authentication-Results") || strings.EqualFold(name, "Received-SPF") {
			out.WriteString(f + "\n")
		}
	}
	return out.String()
}

// fields returns the header fields of a message, unfolded.
func fields(text string) []string {
	text = strings.ReplaceAll(text, "\r", "")
	header, _, _ := strings.Cut(text, "\n\n")
	header = strings.NewReplacer("\n ", " ", "\n\t", " ").Replace(header)
	return strings.Split(header, "\n")
}

var result = regexp.MustCompile(`\b(spf|dkim|dmarc)=([a-z]+)`)

// resultsOf returns the first result of each method: those of waxseal are in one
// field, OpenDKIM and OpenDMARC have one each, and policyd-spf has its own.
func resultsOf(text string) map[string]string {
	got := map[string]string{}
	for _, f := range fields(text) {
		name, value, _ := strings.Cut(f, ":")
		switch strings.ToLower(name) {
		case "authentication-results":
			for _, m := range result.FindAllStringSubmatch(value, -1) {
				if got[m[1]] == "" {
					got[m[1]] = m[2]
				}
			}
		case "received-spf":
			if word := strings.Fields(value); len(word) > 0 && got["spf"] == "" {
				got["spf"] = strings.ToLower(word[0])
			}
		}
	}
	return got
}
