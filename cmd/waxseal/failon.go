package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// failOn is the --fail-on flag: words that make the exit code 3.
type failOn struct{ words []string }

func (f *failOn) register(cmd *cobra.Command, example string) {
	cmd.Flags().StringSliceVar(&f.words, "fail-on", nil, "exit with 3 if a result is one of these, such as "+example)
}

// check returns errFailOn if some control has a result that was asked for. A
// word is RESULT (of any control) or CONTROL=RESULT.
func (f *failOn) check(results map[string][]string) error {
	for _, word := range f.words {
		control, result, named := strings.Cut(word, "=")
		if !named {
			control, result = "", word
		}
		for c, rs := range results {
			if control != "" && control != c {
				continue
			}
			for _, r := range rs {
				if r == result {
					return errFailOn
				}
			}
		}
	}
	return nil
}

// validate refuses words that can never match, which would pass in silence. The
// results are those of each control.
func (f *failOn) validate(results map[string][]string) error {
	controls := slices.Sorted(maps.Keys(results))
	for _, word := range f.words {
		control, result, named := strings.Cut(word, "=")
		if !named {
			control, result = "", word
		}
		possible := results[control]
		if control == "" {
			for _, c := range controls {
				possible = append(possible, results[c]...)
			}
			slices.Sort(possible)
			possible = slices.Compact(possible)
		}
		if possible == nil {
			return usage(fmt.Errorf("--fail-on %q: no control is called %q", word, control), "controls: "+strings.Join(controls, ", "))
		}
		if !slices.Contains(possible, result) {
			return usage(fmt.Errorf("--fail-on %q: no result is called %q", word, result), "results: "+strings.Join(possible, ", "))
		}
	}
	return nil
}
