package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
)

// Shape is a way in which values are written in the file.
type Shape struct {
	Name    string // such as "time span"; what a list is of follows "list of"
	How     string // a sentence for the reference; "" for one of some words
	Example string // as TOML
}

// wordError says that a value is none of the words which a key takes.
type wordError struct {
	got     string
	allowed []string
}

func (e *wordError) Error() string {
	s := fmt.Sprintf("%q is not known, use one of: %s", e.got, strings.Join(e.allowed, ", "))
	if meant := nearest(e.got, e.allowed); meant != "" {
		s += fmt.Sprintf("; did you mean %q?", meant)
	}
	return s
}

// shapes are those of types of their own.
func shapes() map[reflect.Type]Shape {
	return map[reflect.Type]Shape{
		reflect.TypeFor[Name](): {
			"domain name", "in ASCII or as it is spoken (IDNA), without a dot at its end", `"mx.example.org"`,
		},
		reflect.TypeFor[Duration](): {
			"time span", "numbers with a unit each: `ms`, `s`, `m` or `h`; more than nothing", `"1m30s"`,
		},
		reflect.TypeFor[Listen](): {
			"address", "where a server listens: `ADDRESS:PORT`, `[IPv6]:PORT`, `:PORT` for all addresses, or `unix:PATH` for a socket; empty switches the server off",
			`"127.0.0.1:8891"`,
		},
		reflect.TypeFor[File](): {
			"secret", "the path of a file with it, or `credential:NAME` for what systemd hands over (`LoadCredential=NAME:PATH` in the unit); never the secret itself",
			`"credential:wax2026-rsa"`,
		},
		reflect.TypeFor[netip.Prefix](): {
			"network", "an address and how many of its bits count; one host is `/32` (IPv4) or `/128` (IPv6)", `"192.0.2.0/24"`,
		},
	}
}

// shapeOf returns the shape of a type's values. Types that only take some words are
// asked for them, with a word that none of them takes.
func shapeOf(t reflect.Type) Shape {
	if s, ok := shapes()[t]; ok {
		return s
	}
	if t.Kind() == reflect.Slice {
		of := shapeOf(t.Elem())
		return Shape{"list of " + of.Name, "in brackets, with commas between", "[" + of.Example + "]"}
	}
	if u, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler); ok && t.Kind() == reflect.String {
		var words *wordError
		if errors.As(u.UnmarshalText([]byte("?")), &words) {
			return Shape{Name: "`" + strings.Join(words.allowed, "`, `") + "`", Example: `"` + words.allowed[0] + `"`}
		}
	}
	switch t.Kind() {
	case reflect.Bool:
		return Shape{"switch", "true or false, without quotes", "true"}
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		return Shape{"number", "a whole number, without quotes", "1000"}
	}
	return Shape{"text", "in quotes", `"text"`}
}
