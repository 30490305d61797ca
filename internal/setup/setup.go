// Package setup makes what a mail server with one domain needs to begin with: signing
// keys, a configuration of waxseal serve that explains itself, the DNS records to
// publish and the settings of Postfix. It writes into its folder and the one for
// state alone; it asks no DNS and changes nothing that is there.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/keys"
)

// Setup is what is asked for.
type Setup struct {
	Domain   domain.Name
	Hostname domain.Name // of the mail server; "" finds it
	// Selector is what the selectors of the keys begin with; "" is that of the year.
	Selector string
	Config   string       // path of the configuration
	State    string       // folder of what outlives a restart
	IPs      []netip.Addr // that the server sends from; none means those of the MX hosts
	// Account is the name of the account that serve runs as. If it exists, and we
	// are root, what is made is for it.
	Account string
	DryRun  bool // only say what would be made

	Time func() time.Time // nil is time.Now
	// PostfixName and SystemName tell names of this host; nil asks postconf(1) and
	// the system.
	PostfixName func(context.Context) (string, error)
	SystemName  func() (string, error)

	// Of tests: see disk, and nil is keys.Generate.
	step     func(operation, path string) error
	generate func(dkim.Algorithm) ([]byte, error)
}

// Assumed is where a host's name is from that nothing on this system told.
const Assumed = "assumed"

// The states of a File.
const (
	Made    = "made"
	Found   = "found" // was there and is used
	Planned = "planned"
)

// Report is what was made and what is left to do.
type Report struct {
	Domain       domain.Name `json:"domain"`
	Hostname     domain.Name `json:"hostname"`
	HostnameFrom string      `json:"hostname_from"`
	Files        []File      `json:"files"`
	// Configuration is the text of the file.
	Configuration string   `json:"configuration"`
	Records       []Record `json:"records"`
	Zone          string   `json:"zone"` // the records as a file
	// The settings of Postfix: for the filter, and for TLS policies.
	Milter    []Setting `json:"main_cf_milter"`
	TLSPolicy []Setting `json:"main_cf_tls_policy"`
	// Account is the one that owns what was made; "" if that is who ran this.
	Account string `json:"account,omitempty"`
	// Chown are the commands that hand it over, if root made it without an account or
	// found a part of it, which may be from such a time.
	Chown []string `json:"chown,omitempty"`
}

// File is a file or folder that serve needs.
type File struct {
	Path  string `json:"path"`
	What  string `json:"what"`
	State string `json:"state"`
}

// Reason is why nothing was set up.
type Reason string

// The reasons.
const (
	ConfigExists Reason = "there is a configuration already"
	RecordsExist Reason = "there are other records already"
	WrongKey     Reason = "this is a key of another kind"
)

// Error says what is in the way.
type Error struct {
	Reason Reason
	Path   string
}

func (e *Error) Error() string { return fmt.Sprintf("setup: %s: %s", e.Path, e.Reason) }

// signer is one of the keys: its selector ends in what tells its algorithm.
type signer struct {
	suffix    string
	algorithm dkim.Algorithm
}

func signers() []signer {
	return []signer{{"-rsa", dkim.RSASHA256}, {"-ed25519", dkim.Ed25519SHA256}}
}

// Run makes what is not there yet. The configuration comes last: if anything fails
// before, Run can simply be called again and goes on with the keys that are there.
func (s *Setup) Run(ctx context.Context) (*Report, error) {
	if _, err := os.Lstat(s.Config); err == nil {
		return nil, &Error{ConfigExists, s.Config}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("setup: %w", err)
	}
	r := &Report{Domain: s.Domain, Milter: milterSettings(), TLSPolicy: policySettings()}
	r.Hostname, r.HostnameFrom = s.hostname(ctx)
	d, err := s.disk(r)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(s.Config)
	if err := s.folder(d, r, dir, "the folder of the configuration", folderAccess); err != nil {
		return nil, err
	}
	c := s.config(r.Hostname)
	for i, k := range signers() {
		if err := s.key(d, r, &c.Domains[i], k.algorithm); err != nil {
			return nil, err
		}
	}
	if err := s.publish(d, r, filepath.Join(dir, string(s.Domain)+".zone")); err != nil {
		return nil, err
	}
	if err := s.folder(d, r, s.State, "the folder for what outlives a restart", stateAccess); err != nil {
		return nil, err
	}
	r.Configuration = s.header(dir) + c.Format("policy.mode")
	if err := s.file(d, r, File{Path: s.Config, What: "the configuration"}, []byte(r.Configuration), configAccess); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, &Error{ConfigExists, s.Config} // made while we were at it
		}
		return nil, err
	}
	found := func(f File) bool { return f.State == Found }
	if r.Account != "" && slices.ContainsFunc(r.Files, found) {
		r.Chown = s.handOver()
	}
	return r, nil
}

// disk prepares for writing and says on whose behalf.
func (s *Setup) disk(r *Report) (*disk, error) {
	d := &disk{step: s.step}
	if os.Getuid() != 0 || s.Account == "" {
		return d, nil
	}
	var err error
	if d.owner, err = lookupOwner(s.Account); err != nil {
		return nil, err
	}
	if d.owner != nil {
		r.Account = s.Account
		return d, nil
	}
	r.Chown = append([]string{"useradd --system --user-group --no-create-home --shell /usr/sbin/nologin " + s.Account}, s.handOver()...)
	return d, nil
}

// handOver are the commands that give the account what serve needs.
func (s *Setup) handOver() []string {
	dir := filepath.Dir(s.Config)
	return []string{
		"chgrp -R " + s.Account + " " + Quote(dir),
		"chown " + s.Account + " " + Quote(dir) + "/*.pem",
		"chown -R " + s.Account + ": " + Quote(s.State),
	}
}

// config is the configuration to write.
func (s *Setup) config(hostname domain.Name) *config.Config {
	c := config.Default()
	c.Hostname = config.Name(hostname)
	c.Milter.Listen, c.TLSPolicy.Listen = milterAddress, tlsPolicyAddress
	c.TLSPolicy.Default = "postfix" // whatever main.cf says there must not become weaker
	c.State.Directory = s.State
	stem := s.Selector
	if stem == "" {
		stem = Selector(s.now())
	}
	for _, k := range signers() {
		selector := stem + k.suffix
		file := filepath.Join(filepath.Dir(s.Config), fmt.Sprintf("%s.%s.pem", s.Domain, selector))
		c.Domains = append(c.Domains, config.Domain{Name: config.Name(s.Domain), Selector: selector, Key: config.File(file)})
	}
	return c
}

// Selector is what selectors begin with unless told otherwise: a name that other
// senders for the domain do not take, and the year. Keys are renewed by new ones
// under a new selector, while the old records stay until the mail under way has
// arrived, and the year tells which is which.
func Selector(now time.Time) string { return fmt.Sprintf("wax%d", now.Year()) }

// header begins the file.
func (s *Setup) header(dir string) string {
	return config.Wrap("Configuration of waxseal serve. Keys with a # in front are at their defaults: take it away to change one. "+
		"After a change: waxseal serve --check, then systemctl reload waxseal. First keep mode = \"monitor\", which refuses "+
		"nothing, and read the log for what enforcing would have done (\"would\").", "# ") +
		config.Wrap("The DNS records of the keys are in "+filepath.Join(dir, string(s.Domain)+".zone")+".", "# ") + "\n"
}

func (s *Setup) now() time.Time {
	if s.Time != nil {
		return s.Time()
	}
	return time.Now()
}

// folder makes a folder.
func (s *Setup) folder(d *disk, r *Report, path, what string, a access) error {
	f := File{Path: path, What: what, State: Planned}
	if !s.DryRun {
		made, err := d.folder(path, a)
		if err != nil {
			return err
		}
		f.State = Found
		if made {
			f.State = Made
		}
	} else if _, err := os.Stat(path); err == nil {
		f.State = Found
	}
	r.Files = append(r.Files, f)
	return nil
}

// file makes a file.
func (s *Setup) file(d *disk, r *Report, f File, text []byte, a access) error {
	f.State = Planned
	if !s.DryRun {
		if err := d.create(f.Path, text, a); err != nil {
			return err
		}
		f.State = Made
	}
	r.Files = append(r.Files, f)
	return nil
}

// key makes a key, or takes the one that is there, and adds its record.
func (s *Setup) key(d *disk, r *Report, c *config.Domain, a dkim.Algorithm) error {
	f := File{Path: string(c.Key), What: "the key for " + string(a), State: Found}
	text, err := os.ReadFile(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.DryRun:
		return s.file(d, r, f, nil, keyAccess) // the record of a key that is thrown away is none
	case errors.Is(err, fs.ErrNotExist):
		if text, err = s.newKey(a); err != nil {
			return err
		}
		if err := s.file(d, r, f, text, keyAccess); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("setup: %w", err)
	default:
		r.Files = append(r.Files, f)
	}
	k, err := keys.Parse(s.Domain, c.Selector, text)
	if err != nil {
		return fmt.Errorf("setup: %s: %w", f.Path, err)
	}
	if k.Algorithm() != a {
		return &Error{WrongKey, f.Path}
	}
	record, err := keyRecord(&k)
	r.Records = append(r.Records, record)
	return err
}

func (s *Setup) newKey(a dkim.Algorithm) ([]byte, error) {
	if s.generate != nil {
		return s.generate(a)
	}
	return keys.Generate(a)
}

// publish writes the records down.
func (s *Setup) publish(d *disk, r *Report, path string) error {
	r.Records = append(r.Records, s.records(r.Hostname)...)
	for i := range r.Records {
		r.Records[i].Line = TXT(r.Records[i].Name, r.Records[i].Text)
	}
	r.Zone = zone(s.Domain, r.Records)
	f := File{Path: path, What: "the DNS records to publish"}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.file(d, r, f, []byte(r.Zone), recordAccess)
	case err != nil:
		return fmt.Errorf("setup: %w", err)
	case string(text) != r.Zone && !s.DryRun:
		return &Error{RecordsExist, path}
	}
	f.State = Found
	r.Files = append(r.Files, f)
	return nil
}
