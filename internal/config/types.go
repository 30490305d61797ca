package config

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/inbound"
)

// Name is a domain name, in A-labels or U-labels in the file.
type Name domain.Name

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Name) UnmarshalText(b []byte) error {
	name, err := domain.Parse(string(b))
	*n = Name(name)
	return err
}

// Duration is a time span such as 10s or 1h30m.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v <= 0 {
		return fmt.Errorf("%q is no time span like 10s or 1m30s", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Mode is monitor or enforce.
type Mode inbound.Mode

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(b []byte) error {
	return oneOf(m, b, Mode(inbound.Monitor), Mode(inbound.Enforce))
}

// TempError is tempfail or accept.
type TempError inbound.Action

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *TempError) UnmarshalText(b []byte) error {
	return oneOf(a, b, TempError(inbound.TempFail), TempError(inbound.Accept))
}

// PermError is quarantine, reject or accept.
type PermError inbound.Action

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *PermError) UnmarshalText(b []byte) error {
	return oneOf(a, b, PermError(inbound.Quarantine), PermError(inbound.Reject), PermError(inbound.Accept))
}

// Quarantine is hold or deliver.
type Quarantine string

// UnmarshalText implements encoding.TextUnmarshaler.
func (q *Quarantine) UnmarshalText(b []byte) error { return oneOf(q, b, "hold", "deliver") }

// DNSSEC is require, auto or off.
type DNSSEC string

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *DNSSEC) UnmarshalText(b []byte) error { return oneOf(d, b, "require", "auto", "off") }

// Level is how much is logged.
type Level string

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(b []byte) error { return oneOf(l, b, "debug", "info", "warn", "error") }

func oneOf[T ~string](v *T, b []byte, allowed ...T) error {
	*v = T(b)
	if slices.Contains(allowed, *v) {
		return nil
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	return &wordError{got: string(b), allowed: words}
}

// Listen is where a server listens: ADDRESS:PORT, or unix:PATH.
type Listen string

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Listen) UnmarshalText(b []byte) error {
	*l = Listen(b)
	if path, ok := strings.CutPrefix(string(b), "unix:"); ok {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("%q: the path of a socket begins with /", b)
		}
		return nil
	}
	if len(b) == 0 {
		return nil
	}
	if _, port, err := net.SplitHostPort(string(b)); err != nil || port == "" {
		return fmt.Errorf("%q is no address: write it like 127.0.0.1:8891, [::1]:8891 or unix:/run/waxseal/milter", b)
	}
	return nil
}

// Network returns network and address as net.Listen takes them.
func (l Listen) Network() (network, address string) {
	if path, ok := strings.CutPrefix(string(l), "unix:"); ok {
		return "unix", path
	}
	return "tcp", string(l)
}

// File is the path of a file with a secret, or credential:NAME.
type File string

// credential marks what systemd hands over (LoadCredential= of systemd.exec(5)).
const credential = "credential:"

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *File) UnmarshalText(b []byte) error {
	*f = File(b)
	if name, ok := strings.CutPrefix(string(b), credential); ok && (name == "" || name != filepath.Base(name) || name[0] == '.') {
		return fmt.Errorf("%q: a credential has a name without slashes", b)
	}
	return nil
}

// Read returns what is in the file; credentials is the folder that systemd names in
// CREDENTIALS_DIRECTORY.
func (f File) Read(credentials string) ([]byte, error) {
	name, ok := strings.CutPrefix(string(f), credential)
	if !ok {
		return os.ReadFile(string(f))
	}
	if credentials == "" {
		return nil, fmt.Errorf("%s: systemd handed over no credentials", f)
	}
	return os.ReadFile(filepath.Join(credentials, name))
}
