package config

// Metrics is where the daemon tells how it is.
type Metrics struct {
	Listen Listen `toml:"listen" doc:"address such as 127.0.0.1:9178 for /metrics (Prometheus), /healthz and /readyz, over HTTP and for whoever reaches it; empty for none"`
}

// LogFormat is json or text.
type LogFormat string

// The formats.
const (
	JSON LogFormat = "json"
	Text LogFormat = "text"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *LogFormat) UnmarshalText(b []byte) error { return oneOf(f, b, JSON, Text) }
