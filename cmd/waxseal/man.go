package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan writes the manual: one source, the command tree, for every format.
func newMan(std stdio) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages into a folder",
		Long: `Write a page per command into DIR, which is made if it is not there:
man pages, or Markdown with --format markdown.`,
		Example: "  waxseal man /usr/local/share/man/man1",
		Args:    exactArgs(1, "one folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if format != "man" && format != "markdown" {
				return usage(fmt.Errorf("--format %q is not known", format), "use man or markdown")
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fail(err, "name a folder that can be made and written")
			}
			if err := writeManual(cmd.Root(), dir, format); err != nil {
				return fail(err)
			}
			pages, _ := filepath.Glob(filepath.Join(dir, "waxseal*"))
			fmt.Fprintf(std.err, "%d pages written to %s\n", len(pages), dir)
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "man", "man or markdown")
	return cmd
}

func writeManual(root *cobra.Command, dir, format string) error {
	root.DisableAutoGenTag = true
	root.InitDefaultCompletionCmd() // cobra adds it only when a command runs
	if format == "markdown" {
		return doc.GenMarkdownTree(root, dir)
	}
	// A fixed date keeps the pages the same from build to build.
	day := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	return doc.GenManTree(root, &doc.GenManHeader{Title: "WAXSEAL", Section: "1", Date: &day, Source: "Waxseal"}, dir)
}
