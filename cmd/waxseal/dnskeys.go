package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/waxseal/waxseal/domain"
)

// algorithms are the mnemonics of the IANA registry of DNSSEC algorithms.
var algorithms = map[string]string{
	"1": "RSAMD5", "3": "DSA", "5": "RSASHA1", "6": "DSA-NSEC3-SHA1", "7": "RSASHA1-NSEC3-SHA1", "8": "RSASHA256",
	"10": "RSASHA512", "12": "ECC-GOST", "13": "ECDSAP256SHA256", "14": "ECDSAP384SHA384", "15": "ED25519", "16": "ED448",
}

// digests are the mnemonics of the registry of DS digests.
var digests = map[string]string{"1": "SHA-1", "2": "SHA-256", "3": "GOST", "4": "SHA-384"}

func named(table map[string]string, number string) string {
	if s, ok := table[number]; ok {
		return s
	}
	return "algorithm " + number
}

// rdata returns the data of a record in zone format.
func rdata(line string, fields int) ([]string, bool) {
	f := strings.Fields(line)
	const header = 4 // owner, TTL, class, type
	if len(f) < header+fields {
		return nil, false
	}
	return f[header:], true
}

// dsText is a DS record in fewer words.
func dsText(line string) string {
	f, ok := rdata(line, 4)
	if !ok {
		return line
	}
	digest := strings.Join(f[3:], "")
	return fmt.Sprintf("for key %s (%s), %s %s", f[0], named(algorithms, f[1]), named(digests, f[2]), shortened(digest))
}

// keyText is a DNSKEY record in fewer words.
func keyText(line string) string {
	f, ok := rdata(line, 4)
	if !ok {
		return line
	}
	role := "signs the zone"
	if f[0] == "257" {
		role = "entry point"
	}
	tag, ok := keyTag(f)
	if !ok {
		return line
	}
	return fmt.Sprintf("key %d (%s), %s", tag, named(algorithms, f[2]), role)
}

// keyTag computes the tag of the key whose record data this is (RFC 4034,
// Appendix B).
func keyTag(f []string) (uint16, bool) {
	flags, err1 := strconv.ParseUint(f[0], 10, 16)
	protocol, err2 := strconv.ParseUint(f[1], 10, 8)
	algorithm, err3 := strconv.ParseUint(f[2], 10, 8)
	key, err4 := base64.StdEncoding.DecodeString(strings.Join(f[3:], ""))
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return 0, false
	}
	data := append([]byte{byte(flags >> 8), byte(flags), byte(protocol), byte(algorithm)}, key...)
	var sum uint32
	for i, b := range data {
		if i%2 == 0 {
			sum += uint32(b) << 8
		} else {
			sum += uint32(b)
		}
	}
	sum += sum >> 16
	return uint16(sum), true
}

func shortened(digest string) string {
	const most = 16
	if len(digest) > most {
		return digest[:most] + "..."
	}
	return digest
}

// unicodeOf is the name in U-labels where it has some.
func unicodeOf(name string) string {
	n, err := domain.Parse(name)
	if err != nil {
		return name
	}
	return n.Unicode()
}
