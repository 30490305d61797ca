package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/resolver"
)

// parseQuestion reads NAME [TYPE] as people write them.
func parseQuestion(words []string) (resolver.Question, error) {
	name := words[0]
	typ, typed := resolver.TypeA, len(words) > 1
	if typed {
		var err error
		if typ, err = parseType(words); err != nil {
			return resolver.Question{}, err
		}
	}
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")); err == nil {
		if typed && typ != resolver.TypePTR {
			return resolver.Question{}, usage(fmt.Errorf("%s is an address: it has no %s records", name, typ),
				"leave out the type, and its names are looked up (PTR)")
		}
		return resolver.NewQuestion(resolver.ReverseName(ip), resolver.TypePTR)
	}
	return parseName(name, typ)
}

// parseType reads the second word of a question.
func parseType(words []string) (resolver.Type, error) {
	typ, err := resolver.ParseType(words[1])
	if err == nil {
		return typ, nil
	}
	if _, swapped := resolver.ParseType(words[0]); swapped == nil {
		return 0, usage(fmt.Errorf("%q is not a record type", words[1]),
			fmt.Sprintf("the name comes first: waxseal dns %s %s", words[1], strings.ToUpper(words[0])))
	}
	return 0, usage(fmt.Errorf("%q is not a record type", words[1]), "types are A, AAAA, MX, TXT, TLSA, DS, ... or TYPE123 by number")
}

// parseName reads a name in any script. What is all ASCII is taken as it is, as
// the DNS does: names of records have underscores, stars and worse.
func parseName(name string, typ resolver.Type) (resolver.Question, error) {
	asked := name
	if n, err := domain.Parse(name); err == nil {
		asked = string(n)
	} else if hints := nameHints(name); hints != nil {
		return resolver.Question{}, usage(fmt.Errorf("%q is not a domain name", name), hints...)
	}
	q, err := resolver.NewQuestion(asked, typ)
	if err == nil {
		return q, nil
	}
	if _, nameErr := resolver.NewQuestion(asked, resolver.TypeA); nameErr == nil {
		return q, usage(fmt.Errorf("records of type %s cannot be looked up", typ), "OPT, AXFR and their like are no records of a name")
	}
	return q, usage(fmt.Errorf("%q is not a domain name", name), "labels have 1 to 63 bytes, a name at most 253")
}

// nameHints recognise what is pasted in place of a name; nil for anything else.
func nameHints(name string) []string {
	_, host, isURL := strings.Cut(name, "://")
	if isURL {
		host, _, _ = strings.Cut(host, "/")
		return []string{"that is a URL; the name in it is " + clean(host)}
	}
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		return []string{"that is a mail address; its domain is " + clean(name[i+1:])}
	}
	for i := 0; i < len(name); i++ {
		if name[i] >= 0x80 {
			return []string{"this is no valid internationalised name; try its A-label form, xn--..."}
		}
		if name[i] <= ' ' || name[i] == 0x7f {
			return []string{"names have no spaces"}
		}
	}
	return nil
}
