package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// formatWidth is how long the lines of comments are.
const formatWidth = 80

// Format writes a configuration as a file, each key with what it means. Set is what
// differs from the defaults, and the keys that always names; the others are there
// with their defaults, commented out.
func (c *Config) Format(always ...string) string {
	var b strings.Builder
	values := map[string]reflect.Value{}
	lengths := map[string]int{}
	walk(reflect.ValueOf(c).Elem(), "", func(name string, field reflect.StructField, v reflect.Value) {
		values[name] = v
		if field.Type.Kind() == reflect.Slice && isTable(field.Type.Elem()) {
			lengths[name] = v.Len()
		}
	})
	for _, table := range tables() {
		name := table[0].Table()
		if !table[0].Array {
			formatTable(&b, name, table, func(k *Key) (string, bool) {
				value := text(values[k.Name])
				return value, value != k.Default || slices.Contains(always, k.Name)
			})
			continue
		}
		for i := range max(lengths[name], 1) {
			formatElement(&b, name, table, values[name], i)
		}
	}
	return b.String()
}

// tables groups the keys by their tables, those without one first.
func tables() [][]Key {
	var names []string
	byName := map[string][]Key{}
	for _, k := range Keys() {
		name := k.Table()
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], k)
	}
	slices.SortStableFunc(names, func(a, b string) int { return min(len(a), 1) - min(len(b), 1) })
	all := make([][]Key, len(names))
	for i, name := range names {
		all[i] = byName[name]
	}
	return all
}

// formatTable writes one table; value returns that of a key and whether it is set. A
// table below another one may mean something by being there: without any key that is
// set it is commented out itself.
func formatTable(b *strings.Builder, name string, keys []Key, value func(*Key) (string, bool)) {
	anySet := false
	var body strings.Builder
	for i := range keys {
		k := &keys[i]
		if i > 0 {
			body.WriteString("\n")
		}
		comment(&body, k.Doc)
		text, set := value(k)
		if !set && text == `""` && k.Shape.NoEmpty {
			text = k.Shape.Example // the default is to leave it out
		}
		formatKey(&body, k, text, set)
		anySet = anySet || set
	}
	if name != "" {
		b.WriteString("\n")
		if !anySet && strings.Contains(name, ".") {
			b.WriteString("#")
		}
		fmt.Fprintf(b, "[%s]\n", name)
	}
	b.WriteString(body.String())
}

// formatElement writes table i of an array, its keys explained in the first; where
// there is none, an example that is commented out.
func formatElement(b *strings.Builder, name string, keys []Key, array reflect.Value, i int) {
	b.WriteString("\n")
	if array.Len() == 0 {
		b.WriteString("#")
	}
	fmt.Fprintf(b, "[[%s]]\n", name)
	values := map[string]reflect.Value{}
	if array.Len() > 0 {
		walk(array.Index(i), name+".", func(name string, _ reflect.StructField, v reflect.Value) { values[name] = v })
	}
	for j := range keys {
		k := &keys[j]
		if i == 0 {
			comment(b, k.Doc)
		}
		if v, ok := values[k.Name]; ok && !v.IsZero() {
			formatKey(b, k, text(v), true)
		} else if i == 0 {
			formatKey(b, k, k.Shape.Example, false)
		}
	}
}

func formatKey(b *strings.Builder, k *Key, value string, set bool) {
	if !set {
		b.WriteString("#")
	}
	fmt.Fprintf(b, "%s = %s\n", k.Name[strings.LastIndexByte(k.Name, '.')+1:], value)
}

// comment writes a text as lines of a comment.
func comment(b *strings.Builder, text string) { b.WriteString(Wrap(text, "# ")) }

// Wrap breaks a text into lines that begin with a mark, such as that of a comment.
func Wrap(text, mark string) string {
	var b strings.Builder
	line := mark
	for word := range strings.FieldsSeq(text) {
		if line != mark {
			if len(line)+1+len(word) > formatWidth {
				b.WriteString(line + "\n")
				line = mark
			} else {
				line += " "
			}
		}
		line += word
	}
	b.WriteString(line + "\n")
	return b.String()
}
