package main

import (
	"fmt"
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

// validate refuses words that can never match, which would pass in silence.
func (f *failOn) validate(controls, results []string) error {
	for _, word := range f.words {
		control, result, named := strings.Cut(word, "=")
		if !named {
			control, result = "", word
		}
		if control != "" && !contains(controls, control) {
			return usage(fmt.Errorf("--fail-on %q: no control is called %q", word, control), "controls: "+strings.Join(controls, ", "))
		}
		if !contains(results, result) {
			return usage(fmt.Errorf("--fail-on %q: no result is called %q", word, result), "results: "+strings.Join(results, ", "))
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
