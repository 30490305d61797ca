package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"go.yaml.in/yaml/v3"
)

// zoneData is the DNS data of a scenario: for each name its records, a TIMEOUT
// for those types that it does not list.
type zoneData map[string][]yaml.Node

// dnsTypes are the types that a check can ask for.
var dnsTypes = []string{"A", "AAAA", "MX", "PTR", "TXT", "CNAME"}

// zones returns the zones of the scenario.
func (z zoneData) zones(t *testing.T) *zonefile.Zones {
	t.Helper()
	var b strings.Builder
	fail := map[string]resolver.Reason{}
	for name, entries := range z {
		name = escapeOwner(name)
		have, timeout := writeRecords(t, &b, name, entries)
		if !timeout {
			continue
		}
		for _, typ := range dnsTypes {
			if !have[typ] {
				fail[resolver.CanonicalName(name)+" "+typ] = resolver.Timeout
			}
		}
	}
	zones, err := zonefile.Parse(strings.NewReader(b.String()), "scenario")
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	zones.Fail = fail
	return zones
}

// writeRecords writes the records of one name as zone text. Data of the
// withdrawn type SPF stands for TXT as well, unless the name has TXT data.
func writeRecords(t *testing.T, b *strings.Builder, name string, entries []yaml.Node) (have map[string]bool, timeout bool) {
	t.Helper()
	have = map[string]bool{}
	hasTXT := false
	for _, e := range entries {
		if e.Kind == yaml.MappingNode && e.Content[0].Value == "TXT" {
			hasTXT = true
		}
	}
	for _, e := range entries {
		if e.Kind != yaml.MappingNode {
			if e.Value != "TIMEOUT" {
				t.Fatalf("%s: entry %q", name, e.Value)
			}
			timeout = true
			continue
		}
		typ, value := e.Content[0].Value, e.Content[1]
		if typ == "SPF" {
			if hasTXT {
				continue
			}
			typ = "TXT"
		}
		data := recordData(typ, value)
		if data == "" || typ == "TXT" && value.Value == "NONE" {
			continue
		}
		have[typ] = true
		fmt.Fprintf(b, "%s. 3600 IN %s %s\n", strings.TrimSuffix(name, "."), typ, data)
	}
	return have, timeout
}

// recordData returns the data of a record in zone format.
func recordData(typ string, value *yaml.Node) string {
	switch typ {
	case "TXT":
		if value.Kind != yaml.SequenceNode {
			return quoteString(value.Value)
		}
		var parts []string
		for _, v := range value.Content {
			parts = append(parts, quoteString(v.Value))
		}
		return strings.Join(parts, " ")
	case "MX":
		return value.Content[0].Value + " " + absolute(value.Content[1].Value)
	case "PTR", "CNAME":
		return absolute(value.Value)
	}
	return value.Value
}

func absolute(name string) string { return strings.TrimSuffix(escapeOwner(name), ".") + "." }

// bytesOf returns the bytes that a scalar stands for: the suites write the byte
// XX as \xXX, which YAML takes for a character.
func bytesOf(s string) []byte {
	var b []byte
	for _, r := range s {
		if r < 0x100 {
			b = append(b, byte(r))
		} else {
			b = append(b, string(r)...)
		}
	}
	return b
}

func quoteString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range bytesOf(s) {
		writeByte(&b, c, c < ' ' || c > '~' || c == '"' || c == '\\')
	}
	b.WriteByte('"')
	return b.String()
}

func escapeOwner(name string) string {
	var b strings.Builder
	for _, c := range bytesOf(name) {
		writeByte(&b, c, c <= ' ' || c > '~' || strings.IndexByte(`"();@\$`, c) >= 0)
	}
	return b.String()
}

func writeByte(b *strings.Builder, c byte, escape bool) {
	if escape {
		fmt.Fprintf(b, "\\%03d", c)
		return
	}
	b.WriteByte(c)
}
