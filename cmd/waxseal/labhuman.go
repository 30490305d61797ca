package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/waxseal/waxseal/internal/lab"
)

// The widths of the matrix: a line is 100 columns at most.
const (
	labName = 23
	labWide = 7
)

// labHead is what stands over a column, in two lines that fit it.
func labHead(column string) [2]string {
	switch column {
	case "nothing":
		return [2]string{"none", ""}
	case "+DNSSEC":
		return [2]string{"+DNS", "SEC"}
	case "STARTTLS":
		return [2]string{"START", "TLS"}
	case "MTA-STS":
		return [2]string{"MTA-", "STS"}
	case "all+beyond":
		return [2]string{"all +", "beyond"}
	}
	return [2]string{column, ""}
}

// labWord is a result in the width of a cell. The symbol and the word say the
// same as the colour.
func labWord(r lab.Result) (string, mark) {
	switch r.Outcome {
	case lab.Passes:
		return "✗ OPEN", bad
	case lab.Broken:
		return "✗ LOST", bad
	case lab.Flagged:
		return "! flag", doubt
	case lab.Delivered:
		return "· ok", dim
	}
	word := map[lab.By]string{
		lab.Rejected: "rej", lab.Quarantined: "junk", lab.Deferred: "wait", lab.Undelivered: "back", lab.Encrypted: "tls", lab.Dropped: "drop",
	}[r.By]
	return "✓ " + word, good
}

// printMatrix writes the table, its legend, and the gaps that are left in the last
// column.
func printMatrix(p *printer, m *lab.Matrix) {
	for line := range 2 {
		text := strings.Repeat(" ", labName)
		for _, c := range m.Columns {
			text += pad(labHead(c.Name)[line], labWide)
		}
		p.line("%s", strings.TrimRight(text, " "))
	}
	group := ""
	for _, row := range m.Rows {
		prefix, _, _ := strings.Cut(row.Attack.ID, "_")
		if group != "" && prefix != group {
			p.line("")
		}
		group = prefix
		text := pad(row.Attack.ID, labName)
		if row.Attack.Legit {
			text = p.paint(dim, text)
		}
		for i := range row.Cells {
			word, mk := labWord(row.Cells[i].Result)
			if i < len(row.Cells)-1 {
				word = pad(word, labWide)
			}
			text += p.paint(mk, word)
		}
		p.line("%s", text)
	}
	p.line("")
	p.line("%s the attack gets through   %s legitimate mail is kept away   %s delivered with a warning",
		p.paint(bad, "✗ OPEN"), p.paint(bad, "✗ LOST"), p.paint(doubt, "! flag"))
	p.line("%s stopped: %s, put in %s, %s in the sender's queue, sent %s, encrypted by %s, %sped",
		p.paint(good, "✓"), "rejected", "junk", "waits", "back", "tls", "drop")
	p.line("%s legitimate mail is delivered", p.paint(dim, "· ok"))
	printGaps(p, m)
}

// printGaps says what no control in the last column closes.
func printGaps(p *printer, m *lab.Matrix) {
	last := len(m.Columns) - 1
	var open, lost []string
	for _, row := range m.Rows {
		switch row.Cells[last].Outcome {
		case lab.Passes:
			open = append(open, row.Attack.ID)
		case lab.Broken:
			lost = append(lost, row.Attack.ID)
		}
	}
	p.line("")
	name := m.Columns[last].Name
	if len(open) > 0 {
		p.line("%s under %s: %s", p.paint(bad, "Open"), name, strings.Join(open, ", "))
	}
	if len(lost) > 0 {
		p.line("%s under %s: %s", p.paint(bad, "Lost"), name, strings.Join(lost, ", "))
	}
	if len(open)+len(lost) == 0 {
		p.line("Nothing is open under %s.", name)
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// printExplained writes one run: what it is, what came of it, and all that
// happened.
func printExplained(p *printer, a *lab.Attack, c lab.Column, cell *lab.Cell) {
	word, mk := labWord(cell.Result)
	p.line("%s under %s: %s", a.ID, c.Name, p.paint(mk, word))
	p.line("%s", sentence(clean(cell.Text)))
	p.line("")
	p.line("The story     %s", a.Story)
	p.line("Ann would see %s", a.Seen)
	p.line("Read          %s", a.Ref)
	p.line("Switched on   %s: %s", c.Controls, c.Note)
	p.line("")
	for i := range cell.Events {
		printEvent(p, &cell.Events[i])
	}
}

func printEvent(p *printer, e *lab.Event) {
	switch e.Kind {
	case lab.KindStory:
		p.line("%s", clean(e.Text))
	case lab.KindDNS:
		p.line("  %s", p.paint(dim, "dns   "+clean(e.Text)))
	case lab.KindSMTP:
		p.line("  smtp  %s", clean(e.Text))
	case lab.KindVerdict:
		p.line("%s", p.paint(doubt, clean(e.Text)))
		if j, ok := e.Evidence.(*lab.Judgement); ok {
			printJudgement(p, j)
		}
	case lab.KindDelivery:
		p.line("%s", p.paint(doubt, clean(e.Text)))
		if s, ok := e.Evidence.(*lab.Sent); ok {
			for i := range s.Delivery.Attempts {
				p.tree(attemptNode(&s.Delivery.Attempts[i]))
			}
			top := note("the plan: %s", s.Plan.Reason)
			top.add(planNodes(s.Plan)...)
			p.tree(top)
		}
	}
}

func printJudgement(p *printer, j *lab.Judgement) {
	text := fmt.Sprintf("decision %s", j.Decision.Action)
	if j.Decision.Text != "" {
		text += fmt.Sprintf(": %d %s %s", j.Decision.Code, j.Decision.Enhanced, j.Decision.Text)
	}
	if len(j.Marks) > 0 {
		text += "; written on it: " + strings.Join(j.Marks, ", ")
	}
	p.line("%s", clean(text))
	printMessage(p, j.Message)
	printVerdict(p, "", j.Verdict, nil)
}

// printMessage writes a message with its lines cut, so that signatures do not
// bury what a reader sees.
func printMessage(p *printer, text string) {
	const lines, width = 60, 96
	n := 0
	for line := range strings.Lines(text) {
		if n++; n > lines {
			p.line("  | ...")
			return
		}
		line = clean(strings.TrimRight(line, "\r\n"))
		if r := []rune(line); len(r) > width {
			line = string(r[:width-3]) + "..."
		}
		p.line("  %s", p.paint(dim, "| "+line))
	}
}
