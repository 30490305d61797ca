package setup

// Where the servers listen that a first configuration has.
const (
	milterAddress    = "127.0.0.1:8891"
	tlsPolicyAddress = "127.0.0.1:8461"
)

// Setting is a line of Postfix's main.cf.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Note  string `json:"note"`
}

// milterSettings hand Postfix's mail to the filter (Postfix 2.6 and later).
func milterSettings() []Setting {
	return []Setting{
		{"smtpd_milters", "inet:" + milterAddress, "what comes by SMTP; other filters that are there already go in front of it"},
		{"non_smtpd_milters", "inet:" + milterAddress, "what sendmail(1) and programs of this host hand in"},
		{"milter_default_action", "tempfail", "while Waxseal is stopped mail waits at its senders; accept would let it in unchecked"},
		{"milter_protocol", "6", "the default, unless main.cf says otherwise"},
	}
}

// policySettings make Postfix ask for TLS policies (Postfix 3.2 and later). With
// fewer of them mail waits: dane-only needs the lookups of dnssec, secure needs
// roots.
func policySettings() []Setting {
	return []Setting{
		{"smtp_tls_policy_maps", "socketmap:inet:" + tlsPolicyAddress + ":policy", "what each domain demands by DANE or MTA-STS; while Waxseal is stopped all mail that leaves waits"},
		{"smtp_dns_support_level", "dnssec", "DANE needs it: without it mail to domains with DANE waits"},
		{"smtp_tls_CAfile", "/etc/ssl/certs/ca-certificates.crt", "MTA-STS needs it: from the package ca-certificates"},
		{"smtp_tls_security_level", "dane", "for domains that the map says nothing of"},
	}
}
