package main

import (
	_ "embed"
	htmltemplate "html/template"
	"os"
	"strings"

	"github.com/waxseal/waxseal/internal/lab"
)

//go:embed labpage.html
var labPageText string

// labPage is what the page shows. All text in it goes through html/template,
// for the conversations hold what attackers say.
type labPage struct {
	Columns []lab.Column
	Rows    []labPageRow
	Cells   int
}

type labPageRow struct {
	*lab.Attack
	Cells         []labPageCell
	Conversations []labConversation
}

type labPageCell struct {
	Column, Mark, Class, Text string
}

// labConversation is all of one run, as explain prints it.
type labConversation struct {
	Column, Text string
}

// writeLabPage writes the matrix as one page that needs nothing else. It has the
// conversations of the first and the last column; all would be megabytes.
func writeLabPage(path string, m *lab.Matrix) error {
	t, err := htmltemplate.New("lab").Parse(labPageText)
	if err != nil {
		return err
	}
	page := labPage{Columns: m.Columns, Cells: len(m.Rows) * len(m.Columns)}
	for _, row := range m.Rows {
		page.Rows = append(page.Rows, newLabPageRow(row))
	}
	var b strings.Builder
	if err := t.Execute(&b, page); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func newLabPageRow(row lab.Row) labPageRow {
	r := labPageRow{Attack: row.Attack}
	last := len(row.Cells) - 1
	for i := range row.Cells {
		c := &row.Cells[i]
		word, mk := labWord(c.Result)
		class := map[mark]string{good: "good", bad: "bad", doubt: "doubt", dim: "dim"}[mk]
		r.Cells = append(r.Cells, labPageCell{c.Column, word, class, sentence(c.Text)})
		if i == 0 || i == last {
			var text strings.Builder
			p := newPrinter(&text)
			for j := range c.Events {
				printEvent(p, &c.Events[j])
			}
			r.Conversations = append(r.Conversations, labConversation{c.Column, text.String()})
		}
	}
	return r
}
