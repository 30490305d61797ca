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
	NoEmpty bool   // the empty text, though it may be the default, cannot be written
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
			Name: "domain name", How: "in ASCII or as it is spoken (IDNA), without a dot at its end", Example: `"mx.example.org"`,
		},
		reflect.TypeFor[Duration](): {
			Name: "time span", How: "numbers with a unit each: `ms`, `s`, `m` or `h`; more than nothing", Example: `"1m30s"`,
		},
		reflect.TypeFor[Listen](): {
			Name: "address", How: "where a server listens: `ADDRESS:PORT`, `[IPv6]:PORT`, `:PORT` for all addresses, or `unix:PATH` for a socket; empty switches the server off",
			Example: `"127.0.0.1:8891"`,
		},
		reflect.TypeFor[File](): {
			Name: "file", How: "its path, or `credential:NAME` for what systemd hands over (`LoadCredential=NAME:PATH` in the unit); what is secret never stands in the configuration itself",
			Example: `"credential:wax2026-rsa"`,
		},
		reflect.TypeFor[NegativeAnchor](): {
			Name: "zone for a while", How: "a domain name, alone or with `until` and a day or a time (RFC 3339) after it", Example: `"broken.example until 2026-12-01"`,
		},
		reflect.TypeFor[netip.Prefix](): {
			Name: "network", How: "an address and how many of its bits count; one host is `/32` (IPv4) or `/128` (IPv6)", Example: `"192.0.2.0/24"`,
		},
	}
}

// shapeOf returns the shape of a type's values.
func shapeOf(t reflect.Type) Shape {
	s, ok := shapes()[t]
	if !ok {
		s = plainShape(t)
	}
	if u, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler); ok {
		s.NoEmpty = u.UnmarshalText(nil) != nil
	}
	return s
}

// plainShape returns the shape of a type that has none of its own. Types that only
// take some words are asked for them, with a word that none of them takes.
func plainShape(t reflect.Type) Shape {
	if t.Kind() == reflect.Slice {
		of := shapeOf(t.Elem())
		return Shape{Name: "list of " + of.Name, How: "in brackets, with commas between", Example: "[" + of.Example + "]"}
	}
	if u, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler); ok && t.Kind() == reflect.String {
		var words *wordError
		if errors.As(u.UnmarshalText([]byte("?")), &words) {
			return Shape{Name: "`" + strings.Join(words.allowed, "`, `") + "`", Example: `"` + words.allowed[0] + `"`}
		}
	}
	switch t.Kind() {
	case reflect.Bool:
		return Shape{Name: "switch", How: "true or false, without quotes", Example: "true"}
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		return Shape{Name: "number", How: "a whole number, without quotes", Example: "1000"}
	}
	return Shape{Name: "text", How: "in quotes", Example: `"text"`}
}
