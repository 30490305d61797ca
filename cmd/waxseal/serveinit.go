package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/setup"
)

const (
	// account is the one that serve should run as.
	account = "waxseal"
	// stateFolder is where the state of a configuration at the default place is.
	stateFolder = "/var/lib/waxseal"
)

// initFlags are those of serve --init.
type initFlags struct {
	domain, hostname, selector string
	ips                        []string
	dryRun, asJSON             bool
}

func (f *initFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.domain, "init", "", "make keys and a configuration for `DOMAIN`, and say what to publish and to set in Postfix")
	fs.StringVar(&f.hostname, "hostname", "", "with --init: full `NAME` of this mail server (default: what Postfix or the system calls it)")
	fs.StringVar(&f.selector, "selector", "", "with --init: what the keys' selectors begin with, `NAME`-rsa and NAME-ed25519 (default: wax and the year)")
	fs.StringArrayVar(&f.ips, "ip", nil, "with --init: `ADDRESS` that mail is sent from, for SPF (repeatable; default: those of the MX hosts)")
	fs.BoolVar(&f.dryRun, "dry-run", false, "with --init: only say what would be made")
	fs.BoolVar(&f.asJSON, "json", false, "with --init: print a JSON object")
}

// withoutInit refuses flags that mean something with --init alone.
func (f *initFlags) withoutInit(cmd *cobra.Command) error {
	for _, name := range []string{"hostname", "selector", "ip", "dry-run", "json"} {
		if cmd.Flags().Changed(name) {
			return usage(fmt.Errorf("--%s is there for --init", name), "waxseal serve --init example.org makes a first configuration")
		}
	}
	return nil
}

// runInit makes a first configuration in a file or folder.
func (f *initFlags) runInit(ctx context.Context, std stdio, file string) error {
	s, err := f.setup(file)
	if err != nil {
		return err
	}
	report, err := s.Run(ctx)
	if err != nil {
		return initError(err)
	}
	if f.asJSON {
		enc := json.NewEncoder(std.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			DryRun bool `json:"dry_run"`
			*setup.Report
		}{f.dryRun, report})
	}
	return (&initPage{Report: report, config: s.Config, dryRun: f.dryRun}).print(std.out)
}

// setup reads the flags.
func (f *initFlags) setup(file string) (*setup.Setup, error) {
	s := &setup.Setup{Selector: f.selector, Account: account, DryRun: f.dryRun}
	var err error
	if s.Domain, err = domain.Parse(f.domain); err != nil || s.Domain.Labels() < 2 {
		return nil, usage(fmt.Errorf("--init %q is not a domain that mail is sent from", f.domain), "give the part behind the @ of your addresses, such as example.org")
	}
	if f.hostname != "" {
		if s.Hostname, err = domain.Parse(f.hostname); err != nil || s.Hostname.Labels() < 2 {
			return nil, usage(fmt.Errorf("--hostname %q is not a full host name", f.hostname), "give a name like mx."+string(s.Domain))
		}
	}
	// A selector has labels as host names have them (RFC 6376, Section 3.1), and ours get
	// an end.
	if _, err := domain.Parse(f.selector + "-ed25519"); f.selector != "" && (err != nil || strings.Contains(f.selector, "_")) {
		return nil, usage(fmt.Errorf("--selector %q cannot be part of a domain name", f.selector), "use letters, digits and hyphens")
	}
	for _, text := range f.ips {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" || ip.IsUnspecified() {
			return nil, usage(fmt.Errorf("--ip %q is not an address that mail is sent from", text), "give an address like 192.0.2.25 or 2001:db8::25, and repeat --ip for others")
		}
		if ip = ip.Unmap(); !slices.Contains(s.IPs, ip) {
			s.IPs = append(s.IPs, ip)
		}
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() || strings.HasSuffix(file, "/") {
		file = filepath.Join(file, filepath.Base(defaultConfig))
	}
	// Keys and state are named in the file: it must mean the same from any folder.
	if s.Config, err = filepath.Abs(file); err != nil {
		return nil, fail(err)
	}
	dir := filepath.Dir(s.Config)
	s.State = filepath.Join(dir, "state")
	if dir == filepath.Dir(defaultConfig) {
		s.State = stateFolder
	}
	return s, nil
}

func initError(err error) error {
	var e *setup.Error
	switch {
	case errors.As(err, &e) && e.Reason == setup.ConfigExists:
		return fail(err, "for one more domain add a [[domain]] table to it", "to begin anew move it away; --config names another file or folder")
	case errors.As(err, &e) && e.Reason == setup.RecordsExist:
		return fail(err, "move it away: it is written again from the keys")
	case errors.As(err, &e):
		return fail(err, "move it away, or choose other names with --selector")
	case errors.Is(err, fs.ErrPermission):
		return fail(err, "run it as root, or name another place: --config ./waxseal.toml")
	}
	return fail(err, "what was made so far stays and is used when --init is run again")
}

// initPage prints a report for a person.
type initPage struct {
	*setup.Report
	config string
	dryRun bool
	b      strings.Builder
	step   int
}

func (p *initPage) print(out io.Writer) error {
	p.files()
	p.heading("Publish in DNS", "Look first what is there already: nothing was looked up.")
	p.b.WriteString("\n" + p.Zone)
	p.start()
	p.heading("Postfix: hand its mail to the filter", "Add to /etc/postfix/main.cf in place of lines that set the same, or "+
		"set each with postconf -e 'NAME = VALUE'; then run: postfix reload")
	p.settings(p.Milter)
	p.heading("Postfix: ask for TLS policies", "Only once /etc/resolv.conf names a resolver on this host that validates (DNSSEC), such as "+
		"unbound: with any other, mail to domains with DANE waits. Add to /etc/postfix/main.cf in the same way.")
	p.settings(p.TLSPolicy)
	_, err := io.WriteString(out, p.b.String())
	return err
}

func (p *initPage) files() {
	verb := "Made"
	if p.dryRun {
		verb = "Nothing was made; this would be"
	}
	fmt.Fprintf(&p.b, "%s for %s and its mail server %s (%s):\n", verb, p.Domain, p.Hostname, p.HostnameFrom)
	widest := 0
	for _, f := range p.Files {
		widest = max(widest, len(f.Path))
	}
	for _, f := range p.Files {
		fmt.Fprintf(&p.b, "  %-7s %-*s  %s\n", f.State, widest, f.Path, f.What)
	}
	if p.HostnameFrom == setup.Assumed {
		p.b.WriteString(config.Wrap("The name "+string(p.Hostname)+" is a guess: nothing on this system tells the server's full name. "+
			"If it is another, change hostname in "+p.config+". Postfix should call itself by it too (myhostname).", "  "))
	}
	if p.dryRun {
		p.b.WriteString(config.Wrap("The records of keys that are still to be made are missing below.", "  "))
		p.b.WriteString("\nThe configuration would be:\n\n" + p.Configuration)
	}
}

func (p *initPage) heading(title, text string) {
	p.step++
	fmt.Fprintf(&p.b, "\n%d. %s\n%s", p.step, title, config.Wrap(text, "   "))
}

func (p *initPage) settings(all []setup.Setting) {
	p.b.WriteString("\n")
	for _, s := range all {
		fmt.Fprintf(&p.b, "%s%s = %s\n", config.Wrap(s.Note, "# "), s.Name, s.Value)
	}
}

// start says how to start serve.
func (p *initPage) start() {
	const text = "Look whether the configuration is good for the account that serve runs as, then let systemd run it."
	account := account
	switch {
	case p.Account != "" && len(p.Chown) > 0:
		p.heading("Start", "What was found may belong to somebody else: hand it over to the account "+account+". "+text)
	case len(p.Chown) > 0:
		p.heading("Start", "There is no account "+account+" yet, which serve should run as: make one, and hand over to it what was made. "+text)
	case p.Account != "":
		p.heading("Start", text)
	default:
		p.heading("Start", text+" What was made belongs to whoever ran this.")
		account = ""
	}
	p.b.WriteString("\n")
	for _, c := range p.Chown {
		p.b.WriteString(c + "\n")
	}
	command := "waxseal serve --check"
	if p.config != defaultConfig {
		command += " --config " + setup.Quote(p.config)
	}
	if account != "" {
		command = "runuser -u " + account + " -- " + command
	}
	p.b.WriteString(command + "\n")
	if p.config == defaultConfig {
		p.b.WriteString("waxseal serve --unit > /etc/systemd/system/waxseal.service\n" +
			"systemctl daemon-reload && systemctl enable --now waxseal\n")
	}
}
