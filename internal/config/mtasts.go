package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/mtasts"
)

// How long senders keep a policy that says nothing else. RFC 8461, Section 3.2 expects
// weeks where it is to protect: whoever can block its renewal gets a new chance each
// time. While it is tried out, and to go back (Section 8.3), a day.
const (
	enforceMaxAge = 14 * 24 * time.Hour
	otherMaxAge   = 24 * time.Hour
)

// maxPolicyMX bounds the mx of one policy, far above any use: what we serve must stay
// below the 64 KB that senders read.
const maxPolicyMX = 100

// MTASTS is the host of MTA-STS policies.
type MTASTS struct {
	Listen      Listen      `toml:"listen" doc:"address such as :443, the port that senders ask; empty for no policy host"`
	Connections int         `toml:"connections" doc:"connections at a time"`
	Certificate File        `toml:"certificate" doc:"certificate chain for mta-sts. and the domains (PEM), read again when it changes: a file, or credential:NAME"`
	Key         File        `toml:"key" doc:"private key of certificate: a file, or credential:NAME"`
	ACME        ACME        `toml:"acme"`
	Policies    []STSPolicy `toml:"policy"`
}

// ACME is where certificates come from when they are not in files.
type ACME struct {
	Email      string `toml:"email" doc:"where the certificate authority may write to; required for certificates by ACME"`
	Agree      bool   `toml:"agree" doc:"true: you agree to the terms of the certificate authority; required for certificates by ACME"`
	Directory  string `toml:"directory" doc:"URL of the authority's ACME directory"`
	CA         string `toml:"ca" doc:"file with the CA certificates (PEM) that the directory's own server is trusted by; those of the system by default"`
	HTTPListen Listen `toml:"http_listen" doc:"address such as :80 to prove control of the names over HTTP as well; not needed, they are proven on mta_sts.listen"`
}

// LetsEncrypt is the directory of the authority that is asked by default.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// STSPolicy is the policy of one domain.
type STSPolicy struct {
	Domain      Name     `toml:"domain" doc:"domain that the policy is for; it is served as mta-sts.DOMAIN"`
	Mode        STSMode  `toml:"mode" doc:"testing: senders deliver and report, the default; enforce: they deliver only as the policy says; none: to take a policy back (RFC 8461, Section 8.3)"`
	MX          []MX     `toml:"mx" doc:"names of the domain's mail servers; *.NAME stands for one label before NAME"`
	MaxAge      Duration `toml:"max_age" doc:"how long senders keep the policy; by default 336h with enforce, else 24h"`
	Certificate File     `toml:"certificate" doc:"certificate chain for this domain's policy host alone"`
	Key         File     `toml:"key" doc:"private key of that certificate"`
}

// STSMode is testing, enforce or none.
type STSMode mtasts.Mode

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *STSMode) UnmarshalText(b []byte) error {
	return oneOf(m, b, STSMode(mtasts.Testing), STSMode(mtasts.Enforce), STSMode(mtasts.NoMode))
}

// MX is a pattern of RFC 8461, Section 4.1: a host name, or "*." and a name.
type MX string

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *MX) UnmarshalText(b []byte) error {
	star := ""
	name, wildcard := strings.CutPrefix(string(b), "*.")
	if wildcard {
		star = "*."
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return fmt.Errorf("%q is an address: the name of the mail server is needed, as its MX record has it", b)
	}
	n, err := domain.Parse(name)
	if err != nil {
		return err
	}
	*m = MX(star + string(n))
	return nil
}

// Configured reports whether certificates come from ACME.
func (a ACME) Configured() bool { return a.Email != "" }

// Policy returns the policy that is served.
func (p STSPolicy) Policy() *mtasts.Policy {
	out := &mtasts.Policy{Version: "STSv1", Mode: mtasts.Mode(p.Mode), MX: []string{}, MaxAge: int64(p.MaxAge.Time() / time.Second)}
	for _, mx := range p.MX {
		out.MX = append(out.MX, string(mx))
	}
	return out
}

// CertificateFiles returns the pair of files for a policy's host, empty if it comes
// from ACME.
func (m MTASTS) CertificateFiles(p STSPolicy) (certificate, key File) {
	if p.Certificate != "" {
		return p.Certificate, p.Key
	}
	return m.Certificate, m.Key
}

// Fixed is what of the section cannot change while it is served.
type Fixed struct {
	Listen      Listen
	Connections int
	ACME        ACME
}

// Fixed returns what cannot change while it is served.
func (m MTASTS) Fixed() Fixed { return Fixed{m.Listen, m.Connections, m.ACME} }

// Path returns where the file is; credentials is the folder that systemd names in
// CREDENTIALS_DIRECTORY.
func (f File) Path(credentials string) (string, error) {
	name, ok := strings.CutPrefix(string(f), credential)
	switch {
	case !ok:
		return string(f), nil
	case credentials == "":
		return "", fmt.Errorf("%s: systemd handed over no credentials", f)
	}
	return filepath.Join(credentials, name), nil
}

// setDefaults fills in what depends on other keys.
func (m *MTASTS) setDefaults() {
	for i := range m.Policies {
		p := &m.Policies[i]
		p.Mode = cmp.Or(p.Mode, STSMode(mtasts.Testing))
		if p.MaxAge == 0 && p.Mode == STSMode(mtasts.Enforce) {
			p.MaxAge = Duration(enforceMaxAge)
		}
		p.MaxAge = cmp.Or(p.MaxAge, Duration(otherMaxAge))
	}
}

// complaint notes what is wrong with a key.
type complaint func(key, format string, args ...any)

// checkMTASTS finds what no single value of the section shows.
func (c *Config) checkMTASTS(bad complaint) {
	m := c.MTASTS
	switch {
	case m.Listen == "" && len(m.Policies) > 0:
		bad("mta_sts.policy[0]", "nothing serves it: mta_sts.listen is empty, set it to \":443\"")
	case m.Listen != "" && len(m.Policies) == 0:
		bad("mta_sts.listen", "there is no policy to serve: add [[mta_sts.policy]] with domain and mx")
	}
	if network, _ := m.Listen.Network(); network == "unix" {
		bad("mta_sts.listen", "senders come over TCP: write it like :443")
	}
	if m.Connections < 1 {
		bad("mta_sts.connections", "must be at least 1")
	}
	c.checkPair("mta_sts", m.Certificate, m.Key, bad)
	c.checkACME(bad)
	seen := map[Name]bool{}
	for i, p := range m.Policies {
		table := fmt.Sprintf("mta_sts.policy[%d]", i)
		if seen[p.Domain] && p.Domain != "" {
			bad(c.at(table, "domain"), "%s has a policy already", p.Domain)
		}
		seen[p.Domain] = true
		c.checkPolicy(table, p, bad)
	}
}

// at returns the key of a table, or the table where the key is not set.
func (c *Config) at(table, key string) string {
	if _, ok := c.positions[table+"."+key]; ok {
		return table + "." + key
	}
	return table
}

func (c *Config) checkPair(table string, certificate, key File, bad complaint) {
	switch {
	case certificate != "" && key == "":
		bad(table+".certificate", "its private key is missing: set key")
	case certificate == "" && key != "":
		bad(table+".key", "its certificate is missing: set certificate")
	}
}

func (c *Config) checkACME(bad complaint) {
	const table = "mta_sts.acme"
	m, a := c.MTASTS, c.MTASTS.ACME
	wanted := false
	for key := range c.positions {
		wanted = wanted || key == table || strings.HasPrefix(key, table+".")
	}
	if !wanted {
		return
	}
	if m.Certificate != "" {
		bad("mta_sts.certificate", "certificates come from here or from mta_sts.acme: leave one of the two out")
	}
	if c.State.Directory == "" {
		bad(table, "needs state.directory, to keep the account and the certificates in")
	}
	if !strings.Contains(a.Email, "@") {
		bad(c.at(table, "email"), "%q is no mail address: email is required", a.Email)
	}
	if !a.Agree {
		bad(c.at(table, "agree"), "must be true: read the terms of %s first", a.Directory)
	}
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		bad(table+".directory", "%q is no https URL", a.Directory)
	}
	if a.HTTPListen == "" {
		return
	}
	network, address := a.HTTPListen.Network()
	host, _, _ := net.SplitHostPort(address)
	_, address = m.Listen.Network()
	if own, _, _ := net.SplitHostPort(address); network == "unix" || host != "" && host != own {
		bad(table+".http_listen", "must be on the address of mta_sts.listen, or on all like :80")
	}
}

func (c *Config) checkPolicy(table string, p STSPolicy, bad complaint) {
	certificate, _ := c.MTASTS.CertificateFiles(p)
	c.checkPair(table, p.Certificate, p.Key, bad)
	if p.Domain == "" {
		bad(table, "a policy needs domain, such as example.org")
		return
	}
	if _, err := domain.Parse("_mta-sts." + string(p.Domain)); err != nil {
		bad(c.at(table, "domain"), "%s", err)
	}
	if certificate == "" && !c.MTASTS.ACME.Configured() {
		bad(table, "no certificate for mta-sts.%s: set certificate and key, here or in [mta_sts], or [mta_sts.acme]", p.Domain)
	}
	if age := p.MaxAge.Time(); age > mtasts.MaxAge || age%time.Second != 0 {
		bad(c.at(table, "max_age"), "must be whole seconds, and at most %s (RFC 8461, Section 3.2)", mtasts.MaxAge)
		return
	}
	seen := map[MX]bool{}
	for i, mx := range p.MX {
		if seen[mx] {
			bad(fmt.Sprintf("%s.mx[%d]", table, i), "%s is there twice", mx)
		}
		seen[mx] = true
	}
	if len(p.MX) > maxPolicyMX {
		bad(c.at(table, "mx"), "at most %d, a wildcard like *.%s stands for many", maxPolicyMX, p.Domain)
	}
	// What senders will make of it: no policy that they refuse is ever served.
	if _, err := mtasts.ParsePolicy([]byte(p.Policy().String())); err != nil {
		bad(c.at(table, "mx"), "%s: %s", p.Domain, strings.TrimPrefix(err.Error(), "mtasts: "))
	}
}
