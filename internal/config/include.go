package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// MaxIncludes is how many files a configuration may consist of: a hoster has one
// for each domain, a pattern that was mistaken for another has more.
const MaxIncludes = 10_000

// include merges the files that c includes into it, in the order of their names.
func (c *Config) include() []error {
	if c.Include == "" {
		return nil
	}
	names, err := c.included()
	if err != nil {
		return []error{c.errorf("include", "%v", err)}
	}
	var errs []error
	for _, name := range names {
		text, err := readFile(name)
		if err != nil {
			errs = append(errs, c.errorf("include", "%v", err))
			continue
		}
		part, err := decode(name, text)
		if err != nil {
			errs = append(errs, unjoin(err)...)
			continue
		}
		if part.Include != "" {
			errs = append(errs, part.errorf("include", "%s is included itself: only the first file may include others", name))
			delete(part.positions, "include")
		}
		errs = append(errs, c.merge(part)...)
	}
	return errs
}

// included lists the files that include names. Files that begin with a dot are
// those of editors.
func (c *Config) included() ([]string, error) {
	pattern := c.Include
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(c.file), pattern)
	}
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%q is no pattern for file names", c.Include)
	}
	if len(found) == 0 && !strings.ContainsAny(pattern, `*?[\`) {
		return nil, fmt.Errorf("%s does not exist", pattern)
	}
	own, err := os.Stat(c.file)
	if err != nil {
		return nil, err
	}
	hidden := strings.HasPrefix(filepath.Base(pattern), ".")
	found = slices.DeleteFunc(found, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && os.SameFile(info, own) || !hidden && strings.HasPrefix(filepath.Base(name), ".")
	})
	if len(found) > MaxIncludes {
		return nil, fmt.Errorf("%d files are more than %d", len(found), MaxIncludes)
	}
	slices.Sort(found)
	return found, nil
}

// merge adds what a part sets. Arrays of tables grow; any other key is set once.
func (c *Config) merge(part *Config) []error {
	var errs []error
	moved := map[string]int{} // arrays of tables, and how many were there before
	mergeTables(reflect.ValueOf(c).Elem(), reflect.ValueOf(part).Elem(), "", func(key string, to, from reflect.Value) {
		if from.Kind() == reflect.Slice && isTable(from.Type().Elem()) {
			moved[key] = to.Len()
			to.Set(reflect.AppendSlice(to, from))
			return
		}
		if _, set := part.positions[key]; !set {
			return
		}
		if at, set := c.positions[key]; set {
			errs = append(errs, part.errorf(key, "is already set in %s:%d:%d", c.fileOf(key), at.Line, at.Column))
			return
		}
		to.Set(from)
	})
	for key, at := range part.positions {
		key = renumber(key, moved)
		if _, there := c.positions[key]; !there { // as is a table that both have
			c.positions[key], c.files[key] = at, part.file
		}
	}
	return errs
}

// mergeTables calls f for each key below a table of two configurations.
func mergeTables(to, from reflect.Value, prefix string, f func(key string, to, from reflect.Value)) {
	for i := range to.NumField() {
		field := to.Type().Field(i)
		key := field.Tag.Get("toml")
		switch {
		case key == "":
		case isTable(field.Type):
			mergeTables(to.Field(i), from.Field(i), prefix+key+".", f)
		default:
			f(prefix+key, to.Field(i), from.Field(i))
		}
	}
}

// renumber gives a key below an array of tables the number that its table has now.
func renumber(key string, moved map[string]int) string {
	array, rest, ok := strings.Cut(key, "[")
	number, rest, closed := strings.Cut(rest, "]")
	n, err := strconv.Atoi(number)
	if !ok || !closed || err != nil {
		return key
	}
	return array + "[" + strconv.Itoa(n+moved[array]) + "]" + rest
}

// fileOf returns the file that sets a key.
func (c *Config) fileOf(key string) string {
	if file := c.files[key]; file != "" {
		return file
	}
	return c.file
}

// errorf returns the error of a key, with its place.
func (c *Config) errorf(key, format string, args ...any) *Error {
	return &Error{File: c.fileOf(key), Position: c.positions[key], Key: key, Problem: fmt.Sprintf(format, args...)}
}

// unjoin returns the errors of errors.Join.
func unjoin(err error) []error {
	var list interface{ Unwrap() []error }
	if errors.As(err, &list) {
		return list.Unwrap()
	}
	return []error{err}
}
