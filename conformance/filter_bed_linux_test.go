package conformance

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// The clients of the bed; loopback has their addresses.
const (
	bankIP     = "192.0.2.1"   // mail server of bank.signed
	strangerIP = "203.0.113.9" // nobody's
	trustedIP  = "10.9.8.7"    // in our trusted network
	gatewayIP  = "10.9.8.6"    // passes on what it gets from outside
	listIP     = "10.9.8.5"    // sends on what it gets from us
)

// serveZone is signed.: the bank is genuine, out.signed and other.signed are ours.
const serveZone = `bank.signed. TXT "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"
bank.signed. MX 10 mx.bank.signed.
mx.bank.signed. A 192.0.2.1
mx.bank.signed. TXT "v=spf1 a -all"
_dmarc.bank.signed. TXT "v=DMARC1; p=reject"
mild.signed. TXT "v=spf1 -all"
_dmarc.mild.signed. TXT "v=DMARC1; p=quarantine"
plain.signed. TXT "v=spf1 -all"
_dmarc.plain.signed. TXT "v=DMARC1; p=none"
forged.signed. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.forged.signed. TXT "v=DMARC1; p=reject"
down.signed. TXT "v=spf1 ip4:192.0.2.1 -all"
xn--bcher-kva.signed. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.xn--bcher-kva.signed. TXT "v=DMARC1; p=reject"
_dmarc.out.signed. TXT "v=DMARC1; p=reject"
rcpt.signed. MX 10 mx.rcpt.signed.
mx.rcpt.signed. A 127.0.0.1
`

// serveServices are the doors of Postfix: each asks another filter, or in another
// way.
const (
	monitorPort    = "25"
	enforcePort    = "26"
	submissionPort = "587" // SASL
	clearPort      = "27"  // Postfix is told to give no macros
	mutePort       = "28"  // the same, in version 2 of the protocol
	barePort       = "30"  // no filter
	everyPort      = "29"  // a filter with everything that can be configured
	everyMilter    = "127.0.0.1:8894"
	deadMilter     = "127.0.0.1:8890" // nobody listens there
	monitorMilter  = "127.0.0.1:8891"
	enforceMilter  = "127.0.0.1:8892"
	authServer     = "127.0.0.1:8893"
)

// servePostfix are the settings of Postfix beside the daemon.
const servePostfix = `inet_protocols = all
relay_domains = rcpt.signed
smtpd_peername_lookup = no
smtpd_recipient_restrictions = check_recipient_access inline:{{nobody@rcpt.signed = 550 5.1.1 nobody here}}
smtpd_authorized_xclient_hosts = ` + trustedIP + `
smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/postfix/cert.pem
smtpd_tls_key_file = /etc/postfix/key.pem
smtpd_client_connection_rate_limit = 0
smtpd_milters = inet:` + monitorMilter + `
non_smtpd_milters = inet:` + enforceMilter + `
internal_mail_filter_classes = bounce
milter_default_action = tempfail
message_size_limit = 120000000
mailbox_size_limit = 0
in_flow_delay = 0
lmtp_destination_concurrency_limit = 20
`

// door is a service of master.cf with settings of its own.
func door(port string, settings ...string) string {
	line := port + " inet n - n - - smtpd"
	for _, s := range settings {
		line += " -o { " + s + " }"
	}
	return line + "\n"
}

// serveDoors are the doors beside monitorPort, which every Postfix here has.
func serveDoors() []string {
	sasl := []string{
		"smtpd_milters = inet:" + enforceMilter, "smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot",
		"smtpd_sasl_path = inet:" + authServer,
	}
	silent := sasl
	for _, stage := range strings.Fields("connect helo mail rcpt data end_of_header end_of_data unknown_command") {
		silent = append(silent, "milter_"+stage+"_macros =")
	}
	return []string{
		door(enforcePort, "smtpd_milters = inet:"+enforceMilter),
		door(submissionPort, append(sasl, "smtpd_relay_restrictions = permit_sasl_authenticated, reject")...),
		door(barePort, "smtpd_milters ="),
		door(clearPort, silent...),
		door(mutePort, append(silent, "milter_protocol = 2")...),
		"pickup unix n - n 60 1 pickup\n",
	}
}

// filterBed is Postfix with waxseal serve as its filter, once in monitor and once in
// enforce, in a signed world, and what comes out behind it.
type filterBed struct {
	world            *zonesign.World
	bank             []dkim.Key // by which the bank signs its mail
	seal             dkim.Key   // by which we could seal
	program, config  string     // the program, and its configuration without a policy
	postfix          *postfix
	monitor, enforce *serving
	came             chan arrival
	opendkim         *milterClient // verify what came
	dkimpy           *dkimpy
}

// newFilterBed starts all of it; the program is in file. Postfix may have further
// doors.
func newFilterBed(t *testing.T, file string, doors ...string) *filterBed {
	t.Helper()
	addAddress(t, bankIP, strangerIP, trustedIP, gatewayIP, listIP)
	b := &filterBed{program: file, came: make(chan arrival, 100), bank: newKeys(t, "bank.signed", "rsa", "ed")}
	ours := slices.Concat(newKeys(t, "out.signed", "rsa", "ed"), newKeys(t, "other.signed", "rsa"), newKeys(t, "own.out.signed", "rsa"))
	b.seal = newKeys(t, "rcpt.signed", "rsa")[0]
	zone := serveZone
	for _, k := range slices.Concat(ours, b.bank, []dkim.Key{b.seal}) {
		zone += k.KeyName() + ". TXT " + quoteString(keyRecord(t, k.Private)) + "\n"
	}
	var inner *zonesign.Signed
	var anchor string
	b.world, inner, anchor = newWorld(t, zone, "")
	inner.Corrupt("_dmarc.forged.signed.", dns.TypeTXT)
	b.world.Tamper = func(q resolver.Question, m *dns.Msg) *dns.Msg {
		if strings.HasPrefix(q.Name, "_dmarc.down.") {
			m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
		}
		return m
	}
	server, err := zonefile.Serve(rootServer, b.world)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	b.config = serveConfig(t, ours, anchor)
	b.monitor = startListening(t, file, monitorMilter, b.config)
	b.enforce = startListening(t, file, enforceMilter, b.config+"[policy]\nmode = \"enforce\"\n")
	b.opendkim, b.dkimpy = openDKIMVerifier(t, b.world), startDKIMPy(t, b.world)
	b.serveFinal(t)
	serveAuth(t, authServer)
	ca := newAuthority(t, "authority")
	writeChain(t, ca, ca.issue(t, certificateFor("mx.rcpt.signed")))
	b.postfix = startPostfix(t, servePostfix, append(serveDoors(), doors...)...)
	return b
}

// newKeys makes keys for a domain; each selector begins with its algorithm.
func newKeys(t *testing.T, name domain.Name, selectors ...string) []dkim.Key {
	t.Helper()
	var keys []dkim.Key
	for _, s := range selectors {
		var private crypto.Signer
		var err error
		if strings.HasPrefix(s, "ed") {
			_, private, err = ed25519.GenerateKey(rand.Reader)
		} else {
			private, err = rsa.GenerateKey(rand.Reader, 2048)
		}
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, dkim.Key{Domain: name, Selector: s, Private: private})
	}
	return keys
}

// serveConfig is the configuration of waxseal serve without its policy.
func serveConfig(t *testing.T, ours []dkim.Key, anchor string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/anchor", anchor)
	config := fmt.Sprintf(`hostname = "mx.rcpt.signed"
[dns]
servers = [%q]
dnssec = "require"
trust_anchor = %q
[milter]
listen = "LISTEN"
trusted_networks = ["127.0.0.0/8", %q]
`, rootServer, dir+"/anchor", trustedIP+"/32")
	for _, k := range ours {
		file := dir + "/" + string(k.Domain) + "." + k.Selector
		write(t, file, privatePEM(t, k))
		config += fmt.Sprintf("[[domain]]\nname = %q\nselector = %q\nkey = %q\n", k.Domain, k.Selector, file)
	}
	return config
}
