package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/waxseal/waxseal/domain"
)

// MaxFile is how large a configuration may be.
const MaxFile = 1 << 20

// maxMessageTime leaves the milter the rest of the 4 minutes that it gives a message,
// below Postfix's milter_content_timeout.
const maxMessageTime = Duration(3 * time.Minute)

// Position is a place in the file, from 1; the zero Position is none.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Error is one thing that is wrong with a configuration.
type Error struct {
	File     string
	Position Position
	Key      string // with its tables, such as milter.listen; "" if it is not one key
	Problem  string
	Meant    string // the key that was meant, "" if none is near
}

func (e *Error) Error() string {
	s := e.File
	if e.Position.Line > 0 {
		s += fmt.Sprintf(":%d:%d", e.Position.Line, e.Position.Column)
	}
	s += ": "
	if e.Key != "" {
		s += e.Key + ": "
	}
	s += e.Problem
	if e.Meant != "" {
		s += fmt.Sprintf("; did you mean %q?", e.Meant)
	}
	return s
}

// Load reads and parses a file and those that it includes. All that is wrong with
// them is in the error, joined, each an *Error; that of opening the file comes as it
// is.
func Load(path string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	c, err := decode(path, text)
	if err != nil {
		return nil, err
	}
	return c.finish(c.include())
}

// Parse parses a configuration of one file; file is its name in errors.
func Parse(file string, text []byte) (*Config, error) {
	c, err := decode(file, text)
	if err != nil {
		return nil, err
	}
	var errs []error
	if c.Include != "" {
		errs = append(errs, c.errorf("include", "nothing can be included here"))
	}
	return c.finish(errs)
}

// readFile reads a file, at most one byte more than it may have.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}

// decode decodes one file and notes where each key stands.
func decode(file string, text []byte) (*Config, error) {
	if len(text) > MaxFile {
		return nil, &Error{File: file, Problem: fmt.Sprintf("larger than %d bytes", MaxFile)}
	}
	c := Default()
	c.file, c.files = file, map[string]string{}
	dec := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := dec.Decode(c); err != nil {
		return nil, decodeErrors(file, err)
	}
	c.positions = positionsOf(text)
	return c, nil
}

// finish reads and checks the values of all files.
func (c *Config) finish(errs []error) (*Config, error) {
	if errs = append(errs, c.read()...); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if c.AuthServID == "" {
		c.AuthServID = string(c.Hostname)
	} else if name, err := domain.Parse(c.AuthServID); err == nil && !isASCII(c.AuthServID) {
		c.AuthServID = string(name) // RFC 8601, Section 2.5: U-labels are for internationalized messages alone
	}
	c.MTASTS.setDefaults()
	if errs := c.check(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

// decodeErrors makes errors of ours from those of the decoder.
func decodeErrors(file string, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		var all []error
		for i := range strict.Errors {
			all = append(all, unknownKey(file, &strict.Errors[i]))
		}
		return errors.Join(all...)
	}
	var one *toml.DecodeError
	if errors.As(err, &one) {
		line, column := one.Position()
		problem := plain(strings.TrimPrefix(one.Error(), "toml: "))
		return &Error{File: file, Position: Position{line, column}, Key: strings.Join(one.Key(), "."), Problem: problem}
	}
	return &Error{File: file, Problem: strings.TrimPrefix(err.Error(), "toml: ")}
}

// plain says without Go's words that a value is of the wrong kind.
func plain(problem string) string {
	m := regexp.MustCompile(`^cannot decode TOML (\S+) into .* of type (\S+)$`).FindStringSubmatch(problem)
	if m == nil {
		return problem
	}
	want := "a text in quotes"
	switch {
	case m[2] == "int":
		want = "a whole number"
	case m[2] == "bool":
		want = "true or false"
	case strings.HasPrefix(m[2], "[]"):
		want = "a list in brackets"
	}
	return fmt.Sprintf("%s is needed here, not a TOML %s", want, m[1])
}

func unknownKey(file string, e *toml.DecodeError) *Error {
	line, column := e.Position()
	key := e.Key()
	out := &Error{File: file, Position: Position{line, column}, Key: strings.Join(key, "."), Problem: "this key is not known"}
	table := strings.Join(key[:len(key)-1], ".")
	var near []string // what could stand in that table
	var all []string
	for _, k := range Keys() {
		all = append(all, k.Name)
		if i := strings.LastIndexByte(k.Name, '.'); table != "" && i >= 0 && k.Name[:i] == table {
			near = append(near, k.Name[i+1:])
		} else if table == "" {
			first, _, _ := strings.Cut(k.Name, ".")
			near = append(near, first)
		}
	}
	if out.Meant = nearest(key[len(key)-1], near); out.Meant == "" {
		out.Meant = nearest(out.Key, all)
	}
	return out
}

// read lets each text that the file sets be read by its type: the decoder leaves
// types that are strings underneath as they are.
func (c *Config) read() []error {
	var errs []error
	one := func(key string, v reflect.Value) {
		u, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
		_, set := c.positions[key]
		if !ok || !set || v.Kind() != reflect.String {
			return
		}
		if err := u.UnmarshalText([]byte(v.String())); err != nil {
			errs = append(errs, c.errorf(key, "%v", err))
		}
	}
	c.walk(func(key string, v reflect.Value) {
		if v.Kind() != reflect.Slice {
			one(key, v)
			return
		}
		for i := range v.Len() {
			one(key+"["+strconv.Itoa(i)+"]", v.Index(i))
		}
	})
	return errs
}

// check finds what no single value shows.
func (c *Config) check() []error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, c.errorf(key, format, args...))
	}
	if c.Hostname == "" {
		bad("hostname", "is required: the name of this mail server, such as mx.example.org")
	}
	if strings.ContainsAny(c.AuthServID, " ;()\"\\") || !isASCII(c.AuthServID) {
		bad("authserv_id", "%q cannot stand in a header field as it is", c.AuthServID)
	}
	if c.DNS.Recursive && len(c.DNS.Servers) > 0 {
		bad("dns.servers", "recursive asks the servers of each zone itself: leave one of the two out")
	}
	if len(c.DNS.Zones) > 0 && (c.DNS.Recursive || len(c.DNS.Servers) > 0) {
		bad("dns.zones", "zone files are asked alone: leave recursive and servers out")
	}
	c.checkAnchors(bad)
	if c.DNS.MessageTime > maxMessageTime {
		bad("dns.message_time", "%s is too long: at most %s, for a mail server waits for 5 minutes in all", c.DNS.MessageTime.Time(), maxMessageTime.Time())
	}
	if c.Milter.Connections < 1 {
		bad("milter.connections", "must be at least 1")
	}
	c.ARC.check(bad)
	c.checkNetworks(bad)
	seen := map[string]bool{}
	for i, d := range c.Domains {
		table := "domain[" + strconv.Itoa(i) + "]"
		at := func(key string) string { return c.at(table, key) }
		switch {
		case d.Name == "":
			bad(table, "a domain needs name, such as example.org")
		case d.Key == "":
			bad(at("key"), "%s needs key: the file with its private key", d.Name)
		default:
			if _, err := domain.Parse(d.Selector); err != nil {
				bad(at("selector"), "%s needs a selector that can be part of a domain name", d.Name)
			} else if id := d.Selector + "._domainkey." + string(d.Name); seen[id] {
				bad(at("selector"), "%s is there twice", id)
			} else {
				seen[id] = true
			}
		}
	}
	c.checkMTASTS(bad)
	if c.Milter.Listen == "" && c.TLSPolicy.Listen == "" && c.MTASTS.Listen == "" && c.Hostname != "" {
		bad("", "nothing to serve: milter.listen, tls_policy.listen and mta_sts.listen are all empty")
	}
	return errs
}

// isASCII reports whether a text has nothing but US-ASCII that shows.
func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f })
}

// positionsOf finds where each key of a file that decodes stands.
func positionsOf(text []byte) map[string]Position {
	all := map[string]Position{}
	tables := map[string]int{} // how many of an array there are
	prefix := ""
	p := &unstable.Parser{}
	p.Reset(text)
	for p.NextExpression() {
		e := p.Expression()
		name, at := keyOf(p, e)
		switch e.Kind {
		case unstable.Table:
			prefix = name + "."
			all[name] = at
		case unstable.ArrayTable:
			prefix = fmt.Sprintf("%s[%d].", name, tables[name])
			all[strings.TrimSuffix(prefix, ".")] = at
			tables[name]++
		case unstable.KeyValue:
			all[prefix+name] = at
			inline(p, e.Value(), prefix+name, all)
		}
	}
	return all
}

// inline adds what a value has inside: the keys of an inline table, and the items of
// an array with their number.
func inline(p *unstable.Parser, value *unstable.Node, name string, all map[string]Position) {
	switch value.Kind {
	case unstable.InlineTable:
		for it := value.Children(); it.Next(); {
			key, at := keyOf(p, it.Node())
			all[name+"."+key] = at
			inline(p, it.Node().Value(), name+"."+key, all)
		}
	case unstable.Array:
		n := 0
		for it := value.Children(); it.Next(); n++ {
			item := fmt.Sprintf("%s[%d]", name, n)
			all[item] = startOf(p, it.Node(), all[name])
			inline(p, it.Node(), item, all)
		}
	}
}

// startOf returns where a value begins; the parser does not tell it of an array,
// which is taken to begin where the value around it does.
func startOf(p *unstable.Parser, n *unstable.Node, around Position) Position {
	if n.Raw.Length == 0 {
		return around
	}
	start := p.Shape(n.Raw).Start
	return Position{start.Line, start.Column}
}

func keyOf(p *unstable.Parser, n *unstable.Node) (string, Position) {
	var parts []string
	var at Position
	for it := n.Key(); it.Next(); {
		if parts == nil {
			start := p.Shape(it.Node().Raw).Start
			at = Position{start.Line, start.Column}
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), at
}
