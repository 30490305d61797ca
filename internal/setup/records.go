package setup

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/config"
)

// Record is a TXT record to publish.
type Record struct {
	Name string `json:"name"` // without a dot at its end
	Text string `json:"text"` // in one piece
	Line string `json:"line"` // of a zone file
	Note string `json:"note"`
	// Later means that the record would be wrong today.
	Later bool `json:"later,omitempty"`
}

// TXT returns a line of a zone file, the text as character strings of at most 255
// bytes each (RFC 1035, Section 3.3.14). The text has no quotes and no backslashes.
func TXT(name, text string) string {
	const most = 255
	var b strings.Builder
	b.WriteString(name + ". TXT")
	for part := range slices.Chunk([]byte(text), most) {
		fmt.Fprintf(&b, ` "%s"`, part)
	}
	return b.String()
}

// keyRecord is the record of a key.
func keyRecord(k *dkim.Key) (Record, error) {
	text, err := dkim.FormatRecord(k.Private.Public())
	if err != nil {
		return Record{}, fmt.Errorf("setup: %w", err)
	}
	note := "DKIM, the key for RSA, which every receiver can verify"
	if k.Algorithm() == dkim.Ed25519SHA256 {
		note = "DKIM, the key for Ed25519 (RFC 8463), which signs beside it"
	}
	return Record{Name: k.KeyName(), Text: text, Note: note}, nil
}

// records are those of the domain beside its keys.
func (s *Setup) records(hostname domain.Name) []Record {
	d := string(s.Domain)
	all := []Record{{
		Name: d, Text: "v=spf1 " + senders("mx", s.IPs) + " -all",
		Note: "SPF: who may send for " + d + ". Whoever else does, such as a newsletter service, must be added " +
			"with what they say (include:...) before this is published. A domain has one SPF record: add to the one " +
			"that is there",
	}}
	if hostname != s.Domain && hostname.IsSubdomainOf(s.Domain) {
		all = append(all, Record{
			Name: string(hostname), Text: "v=spf1 " + senders("a", s.IPs) + " -all",
			Note: "SPF of the server's own name, by which bounces are judged (RFC 7208, Section 2.4)",
		})
	}
	return append(all, Record{
		Name: "_dmarc." + d, Text: "v=DMARC1; p=none; rua=mailto:dmarc-reports@" + d,
		Note: "DMARC: p=none asks nobody to refuse anything. Receivers send their daily reports to the rua address: " +
			"put one there that exists, or leave rua out. A domain has one DMARC record",
	}, Record{
		Name: "_smtp._tls." + d, Text: "v=TLSRPTv1; rua=mailto:tls-reports@" + d,
		Note: "TLSRPT (RFC 8460): senders that cannot reach you over TLS say so to the rua address: put one there that " +
			"exists, or leave the record out",
	}, Record{
		Name: "_mta-sts." + d, Text: "v=STSv1; id=1", Later: true,
		Note: "MTA-STS (RFC 8461), not yet: only once https://mta-sts." + d + "/.well-known/mta-sts.txt serves a policy, " +
			"as [mta_sts] in the configuration makes it; the log then has the record with its id",
	})
}

// senders returns the mechanisms for the addresses, or one where there are none.
func senders(otherwise string, ips []netip.Addr) string {
	if len(ips) == 0 {
		return otherwise
	}
	all := make([]string, len(ips))
	for i, ip := range ips {
		all[i] = "ip4:" + ip.String()
		if ip.Is6() {
			all[i] = "ip6:" + ip.String()
		}
	}
	return strings.Join(all, " ")
}

// zone writes records as a zone file, those for later as comments.
func zone(d domain.Name, all []Record) string {
	var b strings.Builder
	b.WriteString(config.Wrap("Records of "+string(d)+" for the sending of mail, as lines of a zone file (RFC 1035). "+
		"A form on the web takes a text without its quotes, the pieces of a long one joined.", "; "))
	for i := range all {
		r := &all[i]
		line := r.Line
		if r.Later {
			line = "; " + line
		}
		fmt.Fprintf(&b, "\n%s%s\n", config.Wrap(r.Note, "; "), line)
	}
	return b.String()
}
