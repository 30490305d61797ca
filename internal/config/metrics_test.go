package config

import (
	"strings"
	"testing"
	"time"
)

// TestOperation reads the keys that say how the daemon is run.
func TestOperation(t *testing.T) {
	const head = "hostname = \"mx.example.org\"\n[milter]\nlisten = \"127.0.0.1:8891\"\n"
	got, err := Parse("w.toml", []byte(head))
	if err != nil {
		t.Fatal(err)
	}
	if got.Metrics.Listen != "" || got.Log.Format != JSON || got.Milter.Drain.Time() != 30*time.Second {
		t.Errorf("defaults: %+v %+v %v", got.Metrics, got.Log, got.Milter.Drain)
	}
	got, err = Parse("w.toml", []byte(head+"drain = \"5s\"\n[metrics]\nlisten = \"unix:/run/waxseal/metrics\"\n[log]\nformat = \"text\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if network, address := got.Metrics.Listen.Network(); network != "unix" || address != "/run/waxseal/metrics" ||
		got.Log.Format != Text || got.Milter.Drain.Time() != 5*time.Second {
		t.Errorf("%+v %+v %v", got.Metrics, got.Log, got.Milter.Drain)
	}
	for _, row := range []struct{ name, text, want string }{
		{"listen", "[metrics]\nlisten = \"9178\"\n", `w.toml:5:1: metrics.listen: "9178" is no address`},
		{"key", "[metrics]\nlisen = \"\"\n", `w.toml:5:1: metrics.lisen: this key is not known; did you mean "listen"?`},
		{"format", "[log]\nformat = \"jsn\"\n", `w.toml:5:1: log.format: "jsn" is not known, use one of: json, text; did you mean "json"?`},
		{"drain", "drain = \"-1s\"\n", `w.toml:4:9: milter.drain: "-1s" is no time span`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := Parse("w.toml", []byte(head+row.text)); err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}
