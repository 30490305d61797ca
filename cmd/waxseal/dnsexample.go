package main

import (
	"embed"

	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// exampleTree is a root with zones below it, one for each thing that goes wrong.
//
//go:embed example/tree.zone example/tree.key
var exampleTree embed.FS

// exampleQuestions are the tour of dns --example.
func exampleQuestions() []resolver.Question {
	return []resolver.Question{
		{Name: "www.good.example", Type: resolver.TypeA},
		{Name: "nobody.good.example", Type: resolver.TypeA},
		{Name: "www.unsigned.example", Type: resolver.TypeA},
		{Name: "away.good.example", Type: resolver.TypeA},
		{Name: "www.expired.example", Type: resolver.TypeA},
		{Name: "www.forged.example", Type: resolver.TypeA},
		{Name: "www.moved.example", Type: resolver.TypeA},
		{Name: "www.stripped.example", Type: resolver.TypeA},
		{Name: "www.sha1.example", Type: resolver.TypeA},
	}
}

// openExample answers from the shipped tree, which is trusted by its own key
// unless another is given.
func (d *dnsCommand) openExample() (*lookups, error) {
	if err := d.dns.validate(); err != nil {
		return nil, err
	}
	file, err := exampleTree.Open("example/tree.zone")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	zones, err := zonefile.Parse(file, "tree.zone")
	if err != nil {
		return nil, err
	}
	if d.dns.dnssec == "off" || d.dns.trustAnchor != "" {
		return d.dns.openZones(zones)
	}
	key, err := exampleTree.Open("example/tree.key")
	if err != nil {
		return nil, err
	}
	defer key.Close()
	anchors, err := dnssec.ParseAnchors(key)
	if err != nil {
		return nil, err
	}
	return d.dns.validatedBy(zones, anchors)
}
