package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// The extremes: four bodies of 50 MB over two sessions, and one header of nearly as
// many fields as waxseal takes (message.MaxFields is 100,000).
const (
	largeBody  = 50 << 20
	manyFields = 99_000
)

// extremes measures what one large message costs.
func (b *bed) extremes() error {
	chosen, err := b.chosen("alone", "pass", "waxseal")
	if err != nil {
		return err
	}
	for _, c := range chosen {
		if err := b.filters(c); err != nil {
			return err
		}
	}
	body, err := b.largeMessage("body", 0, largeBody)
	if err != nil {
		return err
	}
	header, err := b.largeMessage("header", manyFields, 0)
	if err != nil {
		return err
	}
	for _, l := range []struct {
		name string
		load load
	}{
		{"4 bodies of 50 MB, 2 sessions", load{file: body, messages: 4, sessions: 2}},
		{"a header of 99,000 fields", load{file: header, messages: 1, sessions: 1}},
	} {
		if err := b.extreme(l.name, l.load, chosen); err != nil {
			return err
		}
	}
	return nil
}

// extreme runs the rounds of one load.
func (b *bed) extreme(name string, l load, chosen []contender) error {
	turns := map[string][]*turn{}
	for round := range b.rounds {
		for i := range chosen {
			c := chosen[(i+round)%len(chosen)]
			t, err := b.takeLarge(c, l)
			if err != nil {
				return err
			}
			turns[c.name] = append(turns[c.name], t)
			fmt.Fprintf(os.Stderr, "round %d of %d, %s, %s: %.1f s\n", round+1, b.rounds, name, c.label, t.accepted.Seconds())
		}
	}
	extremeTable(name, b.rounds, chosen, turns)
	return nil
}

// takeLarge is take with the peak of the filters' memory instead of what is left.
func (b *bed) takeLarge(c contender, l load) (*turn, error) {
	for _, f := range c.filters {
		if err := b.resetPeak(f); err != nil {
			return nil, err
		}
	}
	t, err := b.take(c, l)
	if err != nil {
		return nil, err
	}
	t.memory = 0
	for _, f := range c.filters {
		n, err := b.peak(f)
		if err != nil {
			return nil, err
		}
		t.memory += n
	}
	return t, nil
}

// extremeTable prints one load.
func extremeTable(name string, rounds int, chosen []contender, turns map[string][]*turn) {
	accepted := func(t *turn) float64 { return t.accepted.Seconds() }
	seconds := func(names ...string) func(*turn) float64 {
		return func(t *turn) (sum float64) {
			for _, n := range names {
				sum += t.cpu[n].Seconds()
			}
			return sum
		}
	}
	fmt.Printf("\n%s, median of %d rounds (least-most)\n%-36s %20s %20s %20s %8s\n", name, rounds,
		"", "accepted in s", "Postfix CPU s", "filter CPU s", "peak MB")
	for _, c := range chosen {
		ts := turns[c.name]
		fmt.Printf("%-36s %20s %20s %20s %8.0f\n", c.label, spread(ts, "%.2f", accepted),
			spread(ts, "%.2f", seconds("master")), spread(ts, "%.2f", seconds(c.filters...)), middle(ts, megabytes))
	}
	if alone, ours := turns["alone"], turns["waxseal"]; alone != nil && ours != nil {
		fmt.Printf("time against Postfix alone: %.2f\n", ratio(ours, alone, accepted))
	}
}

// largeMessage writes a message into a file, with the sender's signed one as its
// beginning so that there is a signature to verify, and returns the file's name.
func (b *bed) largeMessage(name string, fields, bytes int) (string, error) {
	file, err := os.Create(b.file(name))
	if err != nil {
		return "", err
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	header, body, _ := strings.Cut(string(b.letter), "\n\n")
	fmt.Fprintln(w, header)
	for i := range fields {
		fmt.Fprintf(w, "X-Field-%d: value of field %d\n", i%100, i)
	}
	fmt.Fprintf(w, "\n%s", body)
	line := strings.Repeat("0123456789", 7) + "\n"
	for n := 0; n < bytes; n += len(line) {
		_, _ = w.WriteString(line)
	}
	return file.Name(), w.Flush()
}
