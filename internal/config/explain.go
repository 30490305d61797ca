package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Key is one key of the file, for the reference.
type Key struct {
	Name    string // with its tables; those of an array without number, as domain.name
	Array   bool   // its table is one of an array, written [[table]]
	Shape   Shape
	Default string // as TOML; "" for a key of an array
	Doc     string
}

// Table returns the name of the key's table, "" at the top.
func (k *Key) Table() string {
	return k.Name[:max(0, strings.LastIndexByte(k.Name, '.'))]
}

// Keys lists all keys, in the order of the reference.
func Keys() []Key {
	var keys []Key
	walk(reflect.ValueOf(Default()).Elem(), "", func(name string, f reflect.StructField, v reflect.Value) {
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && isTable(f.Type.Elem()) {
			walk(reflect.New(f.Type.Elem()).Elem(), name+".", func(name string, f reflect.StructField, _ reflect.Value) {
				keys = append(keys, Key{Name: name, Array: true, Shape: shapeOf(f.Type), Doc: f.Tag.Get("doc")})
			})
			return
		}
		keys = append(keys, Key{Name: name, Shape: shapeOf(f.Type), Default: text(v), Doc: f.Tag.Get("doc")})
	})
	return keys
}

// Value is what one key is set to.
type Value struct {
	Key     string   `json:"key"`
	Value   string   `json:"value"` // as TOML
	Default string   `json:"default"`
	File    string   `json:"file,omitempty"` // where it is set; "" if the default holds
	At      Position `json:"at,omitzero"`
}

// Values lists every value with its default and where it came from.
func (c *Config) Values() []Value {
	defaults := map[string]string{}
	for _, k := range Keys() {
		defaults[k.Name] = k.Default
	}
	var all []Value
	c.walk(func(key string, v reflect.Value) {
		value := Value{Key: key, Value: text(v), Default: defaults[key]}
		if at, set := c.positions[key]; set {
			value.File, value.At = c.fileOf(key), at
		}
		all = append(all, value)
	})
	return all
}

// walk calls f for each value, those of the tables of an array with their number.
func (c *Config) walk(f func(key string, v reflect.Value)) {
	walk(reflect.ValueOf(c).Elem(), "", func(key string, field reflect.StructField, v reflect.Value) {
		if field.Type.Kind() != reflect.Slice || !isTable(field.Type.Elem()) {
			f(key, v)
			return
		}
		for i := range v.Len() {
			walk(v.Index(i), key+"["+strconv.Itoa(i)+"].", func(key string, _ reflect.StructField, v reflect.Value) { f(key, v) })
		}
	})
}

// walk calls f for each key below a table.
func walk(table reflect.Value, prefix string, f func(name string, field reflect.StructField, v reflect.Value)) {
	for i := range table.NumField() {
		field := table.Type().Field(i)
		key := field.Tag.Get("toml")
		switch {
		case key == "":
		case isTable(field.Type):
			walk(table.Field(i), prefix+key+".", f)
		default:
			f(prefix+key, field, table.Field(i))
		}
	}
}

// isTable reports whether a type is a table and not a value.
func isTable(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// text writes a value as TOML.
func text(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		if err != nil {
			return err.Error()
		}
		return strconv.Quote(string(b))
	}
	switch v.Kind() {
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, text(v.Index(i)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// nearest returns the word that a misspelt one was meant to be, "" if none is near.
func nearest(word string, words []string) string {
	best, meant := len(word)/2+1, ""
	for _, w := range words {
		if d := distance(strings.ToLower(word), w); d < best {
			best, meant = d, w
		}
	}
	return meant
}

// distance is how many letters must be put in, taken out or replaced.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
