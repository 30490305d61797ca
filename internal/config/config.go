// Package config is the configuration of waxseal serve: one TOML file. A key that
// is not known is an error, as is a value that cannot be; each names its line and
// column and, where one is near, the key that was meant. Every value knows its
// default and where it came from.
//
// Secrets do not stand in the file: a key of that kind has the path of a file, or
// credential:NAME for what systemd hands over.
package config

import (
	"net/netip"
	"time"

	"github.com/waxseal/waxseal/inbound"
)

// Config is what the file says, with the defaults for what it does not. The tags
// are the one source of the reference: doc is what a key means.
type Config struct {
	Hostname   Name   `toml:"hostname" doc:"name of this mail server; required"`
	AuthServID string `toml:"authserv_id" doc:"name under which results are written (RFC 8601, Section 2.5); the hostname by default"`

	Include string `toml:"include" doc:"further files, as a pattern relative to this file, such as conf.d/*.toml; what they set must be set nowhere else, tables in double brackets add up"`

	DNS       DNS       `toml:"dns"`
	Policy    Policy    `toml:"policy"`
	Trust     Trust     `toml:"trust"`
	Lookalike Lookalike `toml:"lookalike"`
	Milter    Milter    `toml:"milter"`
	ARC       ARC       `toml:"arc"`
	TLSPolicy TLSPolicy `toml:"tls_policy"`
	MTASTS    MTASTS    `toml:"mta_sts"`
	Metrics   Metrics   `toml:"metrics"`
	State     State     `toml:"state"`
	Log       Log       `toml:"log"`
	Domains   []Domain  `toml:"domain"`

	file      string // the first one
	positions map[string]Position
	files     map[string]string // of the keys that another file sets
}

// DNS is how names are looked up.
type DNS struct {
	Servers     []string `toml:"servers" doc:"recursive servers to ask, such as 127.0.0.1:53 or tls://192.0.2.53#dns.example; those of the system by default"`
	Recursive   bool     `toml:"recursive" doc:"ask the servers of each zone, from the root down, instead of a recursive server"`
	RootHints   string   `toml:"root_hints" doc:"file with the root's servers for recursive; the built-in ones by default"`
	Zones       []string `toml:"zones" doc:"for tests: answer from these zone files alone (RFC 1035), without any network"`
	DNSSEC      DNSSEC   `toml:"dnssec" doc:"require: answers must be validated, and a server that makes this impossible is an error; auto: as far as possible; off: not at all"`
	TrustAnchor string   `toml:"trust_anchor" doc:"file with DS or DNSKEY records of the zones to trust; the root's built-in keys by default"`
	Tracking    Tracking `toml:"trust_anchor_tracking" doc:"follow the keys of trust anchors through their changes (RFC 5011): auto, the built-in ones; on, those of trust_anchor too; off"`

	NegativeTrustAnchors []NegativeAnchor `toml:"negative_trust_anchors" doc:"zones whose DNSSEC is known to be broken, to be taken for unsigned for a while (RFC 7646), such as broken.example until 2026-12-01; a week after the start at the latest"`

	MessageTime Duration `toml:"message_time" doc:"how long the checks of one message may wait for DNS in all"`
}

// Policy is what is made of results.
type Policy struct {
	Mode      Mode      `toml:"mode" doc:"monitor: refuse nothing but headers over a limit, only write results; enforce: refuse what the controls below say"`
	SPF       Mode      `toml:"spf" doc:"enforce: refuse on SPF fail whatever DMARC says; monitor by default, also under mode = enforce"`
	DMARC     Mode      `toml:"dmarc" doc:"enforce: do what the author's domain asks for; that of mode by default"`
	TempError TempError `toml:"temperror" doc:"when an enforced control cannot be evaluated now: tempfail, or accept"`

	SPFTempError   TempError  `toml:"spf_temperror" doc:"temperror for SPF alone; as temperror by default"`
	DMARCTempError TempError  `toml:"dmarc_temperror" doc:"temperror for DMARC alone; as temperror by default"`
	PermError      PermError  `toml:"permerror" doc:"when DMARC is enforced and no author domain can be told: quarantine, reject or accept"`
	Quarantine     Quarantine `toml:"quarantine" doc:"what becomes of mail that a policy quarantines: hold in the mail server's hold queue, or deliver with the result in its header for later filters"`
}

// Trust is who is believed when DMARC fails.
type Trust struct {
	Sealers    []Name         `toml:"sealers" doc:"domains whose ARC seals are believed"`
	Lists      []Name         `toml:"lists" doc:"domains of mailing lists, when SPF or DKIM passes for them"`
	Forwarders []netip.Prefix `toml:"forwarders" doc:"addresses of hosts that forward mail unchanged: neither SPF nor DMARC is held against it"`
	Authors    []Name         `toml:"authors" doc:"author domains that are exempt from DMARC"`
}

// Milter is the mail filter.
type Milter struct {
	Listen      Listen         `toml:"listen" doc:"address such as 127.0.0.1:8891 or unix:/run/waxseal/milter; empty for no filter (Postfix: smtpd_milters = inet:127.0.0.1:8891)"`
	Networks    []netip.Prefix `toml:"trusted_networks" doc:"clients whose mail is signed and not checked, as is that of users who have authenticated"`
	Relays      []netip.Prefix `toml:"trusted_relays" doc:"gateways of ours that pass mail from outside on to this server: the client is read from the Received field on top, and what it sent is checked; not needed where the gateway uses XCLIENT"`
	ReceivedSPF bool           `toml:"received_spf" doc:"write a Received-SPF field as well (RFC 7208, Section 9.1)"`
	Connections int            `toml:"connections" doc:"connections of mail servers at a time"`
	Drain       Duration       `toml:"drain" doc:"how long messages under way may take when the daemon is told to stop; less than TimeoutStopSec of the systemd unit"`
}

// State is what outlives a restart.
type State struct {
	Directory string `toml:"directory" doc:"folder for the database; empty keeps MTA-STS policies in memory alone"`
}

// Log is what is written to standard error.
type Log struct {
	Level  Level     `toml:"level" doc:"debug, info, warn or error"`
	Format LogFormat `toml:"format" doc:"json: one object a line; text: key=value pairs"`
}

// Domain is a domain of ours, with a key. Several for one name sign side by side.
type Domain struct {
	Name     Name   `toml:"name" doc:"domain that signs, d=; mail from its subdomains is signed by it unless they have keys of their own"`
	Selector string `toml:"selector" doc:"selector of the key, s="`
	Key      File   `toml:"key" doc:"private key, RSA or Ed25519: a file, or credential:NAME"`
}

// Default returns the configuration of an empty file.
func Default() *Config {
	return &Config{
		DNS:    DNS{DNSSEC: "require", Tracking: "auto", MessageTime: Duration(inbound.DefaultDNSTime)},
		Policy: Policy{Mode: Mode(inbound.Monitor), SPF: Mode(inbound.Monitor), TempError: TempError(inbound.TempFail), PermError: PermError(inbound.Quarantine), Quarantine: "hold"},
		Milter: Milter{
			Networks:    []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
			Connections: 1000, Drain: Duration(30 * time.Second),
		},
		TLSPolicy: TLSPolicy{Default: "may"},
		MTASTS:    MTASTS{Connections: 1000, ACME: ACME{Directory: LetsEncrypt}},
		Log:       Log{Level: "info", Format: JSON},
	}
}

// Modes returns what Policy comes to for SPF and DMARC.
func (p Policy) Modes() (spf, dmarc inbound.Mode) {
	if p.DMARC == "" {
		return inbound.Mode(p.SPF), inbound.Mode(p.Mode)
	}
	return inbound.Mode(p.SPF), inbound.Mode(p.DMARC)
}

// Time returns the duration.
func (d Duration) Time() time.Duration { return time.Duration(d) }
