package lab

import (
	"fmt"
	"strings"
)

// Golden is a matrix as text: a line for each attack, its id and the word of each
// cell.
type Golden struct {
	Columns []string
	Rows    map[string][]string
}

// ParseGolden reads what Format writes. Empty lines and those that begin with #
// are passed over; the first other line names the columns.
func ParseGolden(text string) *Golden {
	g := &Golden{Rows: map[string][]string{}}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0][0] == '#':
		case g.Columns == nil:
			g.Columns = words[1:]
		default:
			g.Rows[words[0]] = words[1:]
		}
	}
	return g
}

// Format returns the matrix as the golden file has it.
func (m *Matrix) Format() string {
	var b strings.Builder
	line := func(id string, words []string) {
		text := fmt.Sprintf("%-24s", id)
		for _, w := range words {
			text += fmt.Sprintf("%-20s", w)
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	names := []string{}
	for _, c := range m.Columns {
		names = append(names, c.Name)
	}
	line("attack", names)
	for _, row := range m.Rows {
		words := []string{}
		for i := range row.Cells {
			words = append(words, row.Cells[i].Word())
		}
		line(row.Attack.ID, words)
	}
	return b.String()
}

// Difference is a cell that is not what it must be.
type Difference struct {
	Attack string `json:"attack"`
	Column string `json:"column"`
	Got    string `json:"got"`
	Want   string `json:"want"` // "" if the golden file has no such cell
}

// Compare returns the cells of m that differ from the golden ones.
func (m *Matrix) Compare(g *Golden) []Difference {
	ds := []Difference{}
	for _, row := range m.Rows {
		for i := range row.Cells {
			c := &row.Cells[i]
			want := g.Cell(row.Attack.ID, c.Column)
			if got := c.Word(); got != want {
				ds = append(ds, Difference{row.Attack.ID, c.Column, got, want})
			}
		}
	}
	return ds
}

// Cell returns the word of a cell, "" if there is none.
func (g *Golden) Cell(attack, column string) string {
	for i, name := range g.Columns {
		if words := g.Rows[attack]; name == column && i < len(words) {
			return words[i]
		}
	}
	return ""
}
