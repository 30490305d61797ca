package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/internal/lab"
	"github.com/waxseal/waxseal/internal/lab/attacks"
	"golang.org/x/term"
)

type labCommand struct {
	std      stdio
	only     []string
	controls []string
	list     bool
	asJSON   bool
	html     string
	records  string
	domain   string
}

func newLab(std stdio) *cobra.Command {
	cmd, _ := newLabRun(std, "lab")
	cmd.Short = "Attack a mail internet on this host and show what stops what"
	cmd.Long = `Build a small internet on 127.0.0.1, with signed DNS, certificate authorities,
senders, a receiver, a mailing list and a forwarder; attack it in every way that
is known; and show which control stops which attack. It needs no network, no
configuration and no privileges, and leaves nothing behind.

Each cell of the matrix is a conversation over sockets, under the controls of its
column. The matrix is compared with the one that must come out: the exit code is
0 only if all cells are as they must be.

With --records and --domain the records of a domain of yours take the place of
the attacked domain's, and the attacks that they leave open are shown with the
record that would close each. Nothing is asked of the network: SPF records of
others that yours includes are taken to list no host of the attacker's.`
	cmd.Example = `  waxseal lab
  waxseal lab explain tls_stripped --control STARTTLS
  waxseal lab run --only dkim,tls_stripped --control all
  waxseal lab --html lab.html
  waxseal lab --records zone.db --domain example.org`
	run, _ := newLabRun(std, "run")
	run.Short = "Run the matrix, or a part of it"
	run.Long = "Run every attack under every set of controls, or those that --only and\n--control name. It is what waxseal lab does by itself."
	run.Example = "  waxseal lab run --only arc --control +DMARC,+ARC"
	cmd.AddCommand(run, newLabExplain(std), newLabServe(std))
	return cmd
}

func newLabRun(std stdio, use string) (*cobra.Command, *labCommand) {
	l := &labCommand{std: std}
	cmd := &cobra.Command{
		Use:  use,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd.Context()) },
	}
	fs := cmd.Flags()
	fs.StringSliceVar(&l.only, "only", nil, "run these `ATTACKS` alone: ids, or groups such as dkim")
	fs.StringSliceVar(&l.controls, "control", nil, "run these `COLUMNS` alone, such as +DMARC or all")
	fs.BoolVar(&l.list, "list", false, "list the attacks and run none")
	fs.BoolVar(&l.asJSON, "json", false, "print one JSON object")
	fs.StringVar(&l.html, "html", "", "write the matrix with its conversations as one page into this `FILE`")
	fs.StringVar(&l.records, "records", "", "attack the domain whose records are in this zone `FILE`, with --domain")
	fs.StringVar(&l.domain, "domain", "", "the `DOMAIN` of --records")
	return cmd, l
}

func (l *labCommand) run(ctx context.Context) error {
	if l.records != "" || l.domain != "" {
		return l.runRecords(ctx)
	}
	chosen, err := chooseAttacks(l.only)
	if err != nil {
		return err
	}
	columns, err := chooseColumns(l.controls)
	if err != nil {
		return err
	}
	if l.list {
		return l.printList(chosen)
	}
	begin := time.Now()
	w, err := lab.New()
	if err != nil {
		return fail(err)
	}
	progress := labProgress(l.std.err)
	m, err := (&lab.Runner{World: w, Columns: columns, Progress: progress}).Run(ctx, chosen)
	progress(0, 0)
	if err := interrupted(ctx); err != nil {
		return err
	}
	if err != nil {
		return fail(err, "the lab needs to open ports on 127.0.0.1; run it again, and report this if it stays")
	}
	differences := m.Compare(attacks.Golden())
	if l.html != "" {
		if err := writeLabPage(l.html, m); err != nil {
			return fail(err, "name a file that can be written")
		}
	}
	if err := l.print(m, differences, time.Since(begin)); err != nil {
		return fail(err)
	}
	return unexpected(differences)
}

// unexpected is the error of a matrix that is not what it must be.
func unexpected(ds []lab.Difference) error {
	if len(ds) == 0 {
		return nil
	}
	var hints []string
	for _, d := range ds[:min(len(ds), 10)] {
		hints = append(hints, fmt.Sprintf("%s under %s is %s and must be %s; see waxseal lab explain %s --control %s",
			d.Attack, d.Column, d.Got, d.Want, d.Attack, d.Column))
	}
	return fail(fmt.Errorf("%d cells of the matrix are not what they must be", len(ds)), hints...)
}

func (l *labCommand) print(m *lab.Matrix, ds []lab.Difference, took time.Duration) error {
	if l.asJSON {
		return l.printJSON(labReport{Columns: m.Columns, Attacks: labAttacks(m), Differences: ds})
	}
	p := newPrinter(l.std.out)
	printMatrix(p, m)
	p.line("")
	cells := len(m.Rows) * len(m.Columns)
	word, mk := "as they must be", good
	if len(ds) > 0 {
		word, mk = fmt.Sprintf("and %d of them not as they must be", len(ds)), bad
	}
	p.line("%d cells in %.1f s, %s. waxseal lab explain ATTACK shows a conversation.", cells, took.Seconds(), p.paint(mk, word))
	if l.html != "" {
		p.line("The page is %s.", clean(l.html))
	}
	return p.err
}

func (l *labCommand) printJSON(v any) error {
	enc := json.NewEncoder(l.std.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// labReport is the JSON of a matrix.
type labReport struct {
	Columns     []lab.Column     `json:"columns"`
	Attacks     []labAttack      `json:"attacks"`
	Differences []lab.Difference `json:"differences"`
}

type labAttack struct {
	ID         string    `json:"id"`
	Story      string    `json:"story"`
	Seen       string    `json:"seen"`
	Reference  string    `json:"reference"`
	Legitimate bool      `json:"legitimate"`
	Cells      []labCell `json:"cells,omitempty"`
}

// labCell is a cell without its conversation, which explain prints.
type labCell struct {
	Column string `json:"column"`
	lab.Result
}

func describe(a *lab.Attack) labAttack {
	return labAttack{ID: a.ID, Story: a.Story, Seen: a.Seen, Reference: a.Ref, Legitimate: a.Legit}
}

func labAttacks(m *lab.Matrix) []labAttack {
	all := []labAttack{}
	for _, row := range m.Rows {
		a := describe(row.Attack)
		for i := range row.Cells {
			a.Cells = append(a.Cells, labCell{row.Cells[i].Column, row.Cells[i].Result})
		}
		all = append(all, a)
	}
	return all
}

func (l *labCommand) printList(chosen []*lab.Attack) error {
	if l.asJSON {
		list := []labAttack{}
		for _, a := range chosen {
			list = append(list, describe(a))
		}
		return l.printJSON(list)
	}
	p := newPrinter(l.std.out)
	for _, a := range chosen {
		p.line("%-22s %s %s", a.ID, a.Story, p.paint(dim, "["+a.Ref+"]"))
	}
	return p.err
}

// chooseAttacks returns the attacks that --only names: all without it.
func chooseAttacks(only []string) ([]*lab.Attack, error) {
	all := attacks.All()
	if len(only) == 0 {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, name := range only {
		found := false
		for _, a := range all {
			if a.ID == name || strings.HasPrefix(a.ID, name+"_") {
				wanted[a.ID], found = true, true
			}
		}
		if !found {
			return nil, noSuchAttack(name)
		}
	}
	return slices.DeleteFunc(all, func(a *lab.Attack) bool { return !wanted[a.ID] }), nil
}

func noSuchAttack(name string) error {
	return usage(fmt.Errorf("no attack or group is called %q", name), "waxseal lab --list lists the attacks")
}

// chooseColumns returns the columns that --control names: all without it.
func chooseColumns(names []string) ([]lab.Column, error) {
	all := lab.Columns()
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	var chosen []lab.Column
	for _, c := range all {
		known = append(known, c.Name)
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, c.Name) }) {
			chosen = append(chosen, c)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(n, k) }) {
			return nil, usage(fmt.Errorf("no column is called %q", n), "columns: "+strings.Join(known, ", "))
		}
	}
	return chosen, nil
}

// labProgress tells on a terminal how far the runs are; 0 of 0 takes the line
// away.
func labProgress(w io.Writer) func(done, of int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return func(int, int) {}
	}
	return func(done, of int) {
		if of == 0 {
			fmt.Fprint(f, "\r\x1b[K")
			return
		}
		const width = 40
		bar := strings.Repeat("#", done*width/of) + strings.Repeat(".", width-done*width/of)
		fmt.Fprintf(f, "\r%s %d of %d conversations", bar, done, of)
	}
}

type labExplain struct {
	std     stdio
	control string
	asJSON  bool
}

func newLabExplain(std stdio) *cobra.Command {
	e := &labExplain{std: std}
	cmd := &cobra.Command{
		Use:   "explain ATTACK",
		Short: "Show one attack with its conversation and evidence",
		Long: `Run one attack under one set of controls and show all of it: who said what, what
DNS answered, and what the receiver or the sender concluded, with the evidence.`,
		Example: "  waxseal lab explain tls_rogue_ca --control MTA-STS",
		Args:    exactArgs(1, "the id of one attack"),
		RunE:    func(cmd *cobra.Command, args []string) error { return e.run(cmd.Context(), args[0]) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, a := range attacks.All() {
				ids = append(ids, a.ID)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringVar(&e.control, "control", "all+beyond", "under the controls of this `COLUMN`")
	cmd.Flags().BoolVar(&e.asJSON, "json", false, "print one JSON object")
	return cmd
}

func (e *labExplain) run(ctx context.Context, id string) error {
	all := attacks.All()
	i := slices.IndexFunc(all, func(a *lab.Attack) bool { return a.ID == id })
	if i < 0 {
		return noSuchAttack(id)
	}
	columns, err := chooseColumns([]string{e.control})
	if err != nil {
		return err
	}
	w, err := lab.New()
	if err != nil {
		return fail(err)
	}
	cell, err := lab.Run(ctx, w, all[i], columns[0])
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	if err != nil {
		return fail(err)
	}
	if e.asJSON {
		enc := json.NewEncoder(e.std.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			labAttack
			Control string      `json:"control"`
			Result  lab.Result  `json:"result"`
			Events  []lab.Event `json:"events"`
		}{describe(all[i]), columns[0].Name, cell.Result, cell.Events})
	}
	p := newPrinter(e.std.out)
	printExplained(p, all[i], columns[0], &cell)
	if p.err != nil {
		return fail(p.err)
	}
	m := &lab.Matrix{Columns: columns, Rows: []lab.Row{{Attack: all[i], Cells: []lab.Cell{cell}}}}
	return unexpected(m.Compare(attacks.Golden()))
}
