package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Lookalike is what is looked for beside authentication. It only advises: findings
// are in the log, and in a header field if there is a name for it.
type Lookalike struct {
	Protected []Name    `toml:"protected" doc:"domains of yours beside those under [[domain]]: names and domains that look like one of them are found"`
	Header    FieldName `toml:"header" doc:"header field for the findings, such as Waxseal-Findings, for later filters to act on; none by default"`
	People    []Person  `toml:"person"`
}

// Person is somebody in whose name others might write.
type Person struct {
	Names     []string `toml:"names" doc:"names of a person in whose name others might write, such as the manager"`
	Addresses []string `toml:"addresses" doc:"all addresses from which that person writes, private ones too"`
}

// FieldName is the name of a header field.
type FieldName string

// reserved are fields that mean something else: those of a stranger would be taken out.
var reserved = []string{
	"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Comments", "Keywords",
	"Received", "Return-Path", "MIME-Version", "Authentication-Results", "Received-SPF", "DKIM-Signature",
}

// reservedFamilies are the beginnings of such names.
var reservedFamilies = []string{"ARC-", "Content-", "List-", "Resent-"}

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *FieldName) UnmarshalText(b []byte) error {
	for _, c := range b {
		if !ascii.IsAlpha(c) && !ascii.IsDigit(c) && c != '-' { // less than RFC 5322, Section 2.2 allows, on purpose
			return fmt.Errorf("%q is no name of a header field", b)
		}
	}
	taken := slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, string(b)) }) ||
		slices.ContainsFunc(reservedFamilies, func(r string) bool { return ascii.HasPrefixFold(b, r) })
	if taken {
		return fmt.Errorf("%q means something else; take a name like Waxseal-Findings", b)
	}
	*n = FieldName(b)
	return nil
}
