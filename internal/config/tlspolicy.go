package config

// TLSPolicy is the map of TLS policies.
type TLSPolicy struct {
	Listen       Listen   `toml:"listen" doc:"address such as 127.0.0.1:8461; empty for no map (Postfix: smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:policy)"`
	Default      TLSLevel `toml:"default" doc:"what Postfix is told of a domain that demands nothing by DANE or MTA-STS: may, encrypt or dane, that level; postfix, its own smtp_tls_security_level holds. Where that is stricter than may, write postfix or the same level here"`
	CA           string   `toml:"ca" doc:"file with certificates of CAs (PEM) that count for the hosts of MTA-STS policies beside those of the system"`
	AllowPrivate bool     `toml:"allow_private" doc:"fetch MTA-STS policies also from loopback, private and otherwise reserved addresses, to which a stranger's zone can point"`
}

// TLSLevel is a TLS level of Postfix, by the words of package socketmap.
type TLSLevel string

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *TLSLevel) UnmarshalText(b []byte) error {
	return oneOf(l, b, "postfix", "may", "encrypt", "dane")
}
