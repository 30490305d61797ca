// Command waxseal is the whole mail security stack in one binary. This file
// dispatches; each command has a file of its own with its flags, its JSON and
// its exit codes. What the commands say is worked out in the packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes, the same for every command.
const (
	exitEvaluated = 0 // whatever the verdict
	exitFailed    = 1 // could not evaluate
	exitUsage     = 2
	exitFailOn    = 3 // --fail-on matched
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// stdio is what a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, std stdio) int {
	std.in = &interruptible{ctx: ctx, r: std.in}
	root := newRoot(std)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitEvaluated
	}
	if errors.Is(err, errFailOn) {
		return exitFailOn
	}
	return report(std.err, err)
}

// report prints an error as one line and its hints as further ones.
func report(w io.Writer, err error) int {
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{err: err, code: exitFailed}
		if isUsage(err) {
			f.code, f.hints = exitUsage, []string{"waxseal --help lists the commands"}
		}
	}
	fmt.Fprintf(w, "waxseal: %s\n", clean(oneLine(err.Error()))) // it may name what a stranger named
	for _, h := range f.hints {
		fmt.Fprintf(w, "hint: %s\n", h)
	}
	return f.code
}

// isUsage recognises the one error that cobra gives no hook for.
func isUsage(err error) bool { return strings.HasPrefix(err.Error(), "unknown command") }

func oneLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, "waxseal: "))
}

// errFailOn says that --fail-on matched; nothing is printed for it.
var errFailOn = errors.New("--fail-on matched")

// failure is an error with what to do about it.
type failure struct {
	err   error
	code  int
	hints []string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail returns the error of a command that could not evaluate.
func fail(err error, hints ...string) error {
	return &failure{err: err, code: exitFailed, hints: hints}
}

// usage returns the error of a command line that makes no sense.
func usage(err error, hints ...string) error {
	return &failure{err: err, code: exitUsage, hints: hints}
}

func newRoot(std stdio) *cobra.Command {
	root := &cobra.Command{
		Use:   "waxseal",
		Short: "The mail security stack in one binary",
		Long: `Waxseal checks who sent a message (SPF, DKIM, DMARC, ARC) and whether the way to
a mail server can be trusted (DNSSEC, DANE, MTA-STS), and shows the evidence for
every verdict.

Exit codes: 0 evaluated, whatever the verdict; 1 could not evaluate; 2 wrong
usage; 3 --fail-on matched.`,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args:                       cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err, cmd.CommandPath()+" --help lists the flags")
	})
	root.AddCommand(
		newVerify(std), newSign(std), newSeal(std), newSPF(std), newDNS(std),
		newDANE(std), newMTASTS(std), newTLSPolicy(std), newSend(std), newLab(std),
		newServe(std), newConfig(std), newVersion(std), newMan(std),
	)
	return root
}

func unknownCommand(root *cobra.Command, name string) error {
	hints := []string{"waxseal --help lists the commands"}
	if near := root.SuggestionsFor(name); len(near) > 0 {
		hints = append([]string{"did you mean: " + strings.Join(near, ", ")}, hints...)
	}
	return usage(fmt.Errorf("unknown command %q", name), hints...)
}

// exactArgs is cobra.ExactArgs with our way of saying what is wrong.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usage(fmt.Errorf("%s takes %s, not %d arguments", cmd.Name(), what, len(args)),
			cmd.CommandPath()+" --help shows examples")
	}
}
