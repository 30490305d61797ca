package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/internal/lab"
)

type labServe struct {
	std     stdio
	control string
}

func newLabServe(std stdio) *cobra.Command {
	s := &labServe{std: std}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Keep the lab's servers up for other programs",
		Long: `Start the lab's name server, mail server and policy host on free ports of
127.0.0.1, print how to talk to them, and show the verdict on each message that
comes, until interrupted. The mail server believes XCLIENT, so that a client can
say which address of the story it has. The files that the hints name are in a
temporary folder, which is removed at the end.`,
		Example: "  waxseal lab serve --control +DMARC",
		Args:    exactArgs(0, "no arguments"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&s.control, "control", "all+beyond", "under the controls of this `COLUMN`")
	return cmd
}

func (s *labServe) run(ctx context.Context) (err error) {
	columns, err := chooseColumns([]string{s.control})
	if err != nil {
		return err
	}
	w, err := lab.New()
	if err != nil {
		return fail(err)
	}
	dir, err := os.MkdirTemp("", "waxseal-lab-")
	if err != nil {
		return fail(err, "the lab needs a folder for its certificates; see TMPDIR")
	}
	defer func() {
		if gone := os.RemoveAll(dir); gone != nil && err == nil {
			err = fail(gone)
		}
	}()
	p := newPrinter(s.std.out)
	var printing sync.Mutex // verdicts come from the goroutines of the servers
	served, err := lab.Serve(ctx, w, columns[0], func(e lab.Event) {
		if e.Kind == lab.KindVerdict {
			printing.Lock()
			defer printing.Unlock()
			p.line("")
			printEvent(p, &e)
		}
	})
	if err != nil {
		return fail(err)
	}
	printing.Lock()
	err = s.describe(p, served, columns[0], dir)
	printing.Unlock()
	if err != nil {
		served.Close()
		return fail(err)
	}
	<-ctx.Done()
	if err := served.Close(); err != nil {
		return fail(err)
	}
	return nil
}

// describe writes the files that clients need and says how to use them.
func (s *labServe) describe(p *printer, l *lab.Served, c lab.Column, dir string) error {
	ca, ds, delv := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "root.ds"), filepath.Join(dir, "delv.keys")
	for path, text := range map[string]string{ca: string(l.CA), ds: l.Anchor, delv: delvAnchors(l.Anchor)} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	host, port, err := net.SplitHostPort(l.DNS)
	if err != nil {
		return err
	}
	p.line("The lab is up under %s (%s), until Ctrl-C.", c.Name, c.Controls)
	p.line("")
	p.line("DNS at %s", l.DNS)
	p.line("  dig @%s -p %s +dnssec %s TXT", host, port, lab.Bank)
	p.line("  delv @%s -p %s -a %s +root=. %s MX", host, port, delv, lab.Clinic)
	p.line("  waxseal dns --dns %s --trust-anchor %s %s MX", l.DNS, ds, lab.Clinic)
	p.line("SMTP at %s", l.SMTP)
	p.line("  swaks --server %s --to %s --from service@%s --xclient 'ADDR=%s HELO=%s'", l.SMTP, "ann@"+lab.Clinic, lab.Bank, lab.CrookIP, lab.CrookMX)
	if c.Controls.Has(lab.STARTTLS) {
		p.line("  openssl s_client -starttls smtp -connect %s -servername %[2]s -verify_hostname %[2]s -CAfile %[3]s", l.SMTP, lab.ClinicMX, ca)
	}
	if l.Policy != "" {
		p.line("HTTPS at %s", l.Policy)
		p.line("  curl --cacert %s --connect-to ::%s https://mta-sts.%s/.well-known/mta-sts.txt", ca, l.Policy, lab.Clinic)
	}
	return p.err
}

// delvAnchors writes DS records as BIND's tools want them.
func delvAnchors(ds string) string {
	var b strings.Builder
	b.WriteString("trust-anchors {\n")
	for line := range strings.Lines(ds) {
		f := strings.Fields(line)
		if len(f) >= 8 {
			fmt.Fprintf(&b, "\t. static-ds %s %s %s \"%s\";\n", f[4], f[5], f[6], strings.Join(f[7:], ""))
		}
	}
	b.WriteString("};\n")
	return b.String()
}
