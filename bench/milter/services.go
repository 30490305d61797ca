package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// unbound is the resolver that all ask. What they ask is in its cache soon.
func (b *bed) unbound() error {
	modules := "iterator"
	if b.dnssec == "require" {
		modules = "validator iterator"
	}
	err := b.write("unbound.conf", fmt.Sprintf(`server:
 interface: %s
 directory: %q
 chroot: ""
 username: ""
 pidfile: ""
 use-syslog: no
 do-ip6: no
 do-not-query-localhost: no
 module-config: %q
 trust-anchor-file: %q
remote-control:
 control-enable: no
forward-zone:
 name: "."
 forward-addr: %s
`, resolverHost, b.dir, modules, b.file("anchor"), strings.Replace(nameServer, ":", "@", 1)))
	if err != nil {
		return err
	}
	return b.start("unbound", resolverHost+":53", "/usr/sbin/unbound", "-d", "-p", "-c", b.file("unbound.conf"))
}

// sinks take what Postfix delivers.
func (b *bed) sinks() error {
	const sink, user, backlog = "/usr/sbin/smtp-sink", "nobody", "1000"
	if err := b.start("sink", sinkAddr, sink, "-u", user, sinkAddr, backlog); err != nil {
		return err
	}
	if err := errors.Join(os.Mkdir(b.file("captured"), 0o755), run("chown", user, b.file("captured"))); err != nil {
		return err
	}
	return b.start("capture", captureAddr, sink, "-u", user, "-d", b.file("captured")+"/", captureAddr, backlog)
}

// mainCF keeps the defaults of Postfix but for what a bed needs, a size that the
// extremes fit in, and in_flow_delay, which would hold the faster contender back.
const mainCF = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/maillog
maillog_file_prefixes = %[1]s
inet_interfaces = ` + postfixHost + `
inet_protocols = ipv4
myhostname = ` + receiverHost + `
mydestination =
mynetworks = 127.0.0.0/8
relay_domains = ` + receiverDomain + `, ` + captureDomain + `
transport_maps = inline:{ ` + receiverDomain + `=smtp:[127.0.0.1]:2600, ` + captureDomain + `=smtp:[127.0.0.1]:2601 }
smtp_bind_address = 127.0.0.1
message_size_limit = 120000000
in_flow_delay = 0
milter_default_action = tempfail
policyd-spf_time_limit = 3600
`

// postfix starts Postfix with a port for each contender.
func (b *bed) postfix() error {
	var services strings.Builder
	for _, c := range contenders {
		fmt.Fprintf(&services, "%s:%d inet n - n - - smtpd%s\n", postfixHost, c.port, c.settings)
	}
	for name, program := range map[string]string{
		"rewrite": "trivial-rewrite", "bounce": "bounce", "defer": "bounce", "trace": "bounce", "smtp": "smtp",
		"error": "error", "retry": "error", "proxymap": "proxymap",
	} {
		fmt.Fprintf(&services, "%s unix - - n - - %s\n", name, program)
	}
	services.WriteString("cleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n" +
		"anvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\npostlog unix-dgram n - n - 1 postlogd\n" +
		"policyd-spf unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd-spf " + b.file("policyd-spf.conf") + "\n")
	for _, d := range []string{"etc", "queue", "data"} {
		if err := os.Mkdir(b.file(d), 0o755); err != nil {
			return err
		}
	}
	err := errors.Join(
		run("chown", "postfix", b.file("data")),
		b.write("etc/main.cf", fmt.Sprintf(mainCF, b.dir)),
		b.write("etc/master.cf", services.String()),
		// As Debian has it, with HELO and MAIL FROM checked and nothing refused.
		b.write("policyd-spf.conf", "debugLevel = 1\nTestOnly = 0\nHELO_reject = False\nMail_From_reject = False\n"+
			"PermError_reject = False\nTempError_Defer = False\nskip_addresses = 127.0.0.0/8,::ffff:127.0.0.0/104,::1\n"),
		run("postfix", "-c", b.file("etc"), "check"),
	)
	if err != nil {
		return err
	}
	programs, err := exec.Command("postconf", "-c", b.file("etc"), "-h", "daemon_directory").Output()
	if err != nil {
		return err
	}
	master := filepath.Join(strings.TrimSpace(string(programs)), "master")
	return b.start("master", fmt.Sprintf("%s:%d", postfixHost, contenders[0].port), master, "-c", b.file("etc"), "-d")
}

// filters starts the processes of a contender.
func (b *bed) filters(c contender) error {
	for _, name := range c.filters {
		var err error
		switch name {
		case "waxseal":
			err = b.serve(name, b.program, waxsealAddr)
		case "other":
			err = b.serve(name, b.other, otherAddr)
		case "opendkim":
			err = b.openDKIM()
		case "opendmarc":
			err = b.openDMARC()
		case "pass":
			err = b.start(name, passAddr, "/proc/self/exe", "-pass", passAddr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bed) serve(name, program, addr string) error {
	anchor := ""
	if b.dnssec == "require" {
		anchor = fmt.Sprintf("trust_anchor = %q\n", b.file("anchor"))
	}
	config := b.file(name + ".toml")
	err := b.write(name+".toml", fmt.Sprintf(`hostname = %q
[dns]
servers = ["%s:53"]
dnssec = %q
%s[milter]
listen = %q
[lookalike]
header = "Waxseal-Findings"
protected = ["receiver.example.org", "bank.example.com", "shop.example.net"]
[[lookalike.person]]
names = ["Ann Boss"]
addresses = ["ann@receiver.example.org"]
`, receiverHost, resolverHost, b.dnssec, anchor, addr))
	if err != nil {
		return err
	}
	return b.start(name, addr, program, "serve", "--config", config)
}

func (b *bed) openDKIM() error {
	err := b.write("opendkim.conf", fmt.Sprintf("Mode v\nSocket %s\nNameservers %s\nAuthservID %s\nSyslog yes\nSyslogSuccess yes\nBackground no\n",
		socket(opendkimAddr), resolverHost, receiverHost))
	if err != nil {
		return err
	}
	return b.start("opendkim", opendkimAddr, "/usr/sbin/opendkim", "-f", "-x", b.file("opendkim.conf"))
}

func (b *bed) openDMARC() error {
	conf := fmt.Sprintf("AuthservID %[1]s\nTrustedAuthservIDs %[1]s\nSocket %s\nSyslog true\n", receiverHost, socket(opendmarcAddr))
	const suffixes = "/usr/share/publicsuffix/public_suffix_list.dat"
	if _, err := os.Stat(suffixes); err == nil {
		conf += "PublicSuffixList " + suffixes + "\n"
	}
	if err := b.write("opendmarc.conf", conf); err != nil {
		return err
	}
	return b.start("opendmarc", opendmarcAddr, "/usr/sbin/opendmarc", "-f", "-c", b.file("opendmarc.conf"))
}

// socket writes an address as Sendmail's filters do.
func socket(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return "inet:" + port + "@" + host
}
