package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"

	peerdkim "github.com/emersion/go-msgauth/dkim"
	peerdmarc "github.com/emersion/go-msgauth/dmarc"
	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/dmarc"
	"github.com/waxseal/waxseal/inbound"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/spf"
)

// verdictAllocs is how many allocations a verdict may have at any size.
const verdictAllocs = 120

// verdictClasses measures the whole receiving walk: SPF, DKIM, ARC and DMARC.
func verdictClasses(c *corpus, r resolver.Resolver) ([]*class, error) {
	var classes []*class
	for _, v := range []struct {
		name  string
		bytes int
		hops  int
		t     target
	}{
		{"10k-no-arc", 10 << 10, 0, target{2.5, 2.0}},
		{"10k-1-hop", 10 << 10, 1, target{}},
		{"10k-3-hops", 10 << 10, 3, target{1.7, 1.4}},
		{"50k-3-hops", 50 << 10, 3, target{1.6, 1.35}},
		{"1m-3-hops", 1 << 20, 3, target{}},
	} {
		msg, err := c.sign(content(v.bytes), c.rsa)
		if err != nil {
			return nil, err
		}
		if msg, err = c.seal(msg, v.hops); err != nil {
			return nil, err
		}
		f := &floor{}
		_, f.body = split(msg)
		ops := 1 // the DKIM signature
		if v.hops > 0 {
			ops += 1 + v.hops // the newest ARC-Message-Signature and each ARC-Seal
		}
		if err := f.verifying(c.rsa, ops); err != nil {
			return nil, err
		}
		cl := &class{
			name: "verdict-" + v.name, ratio: true, must: v.t.must, aim: v.t.aim, allocs: verdictAllocs, bytes: memoryOver,
			contestants: []*contestant{
				{name: floorName, run: f.run},
				{name: ourName, run: ourVerdict(r, msg, v.hops)},
			},
		}
		if v.hops == 0 {
			cl.contestants = append(cl.contestants, &contestant{name: "blitiri+go-msgauth", run: c.peerVerdict(msg)})
		}
		classes = append(classes, cl)
	}
	return classes, nil
}

func ourVerdict(r resolver.Resolver, msg []byte, hops int) func() error {
	checker := &inbound.Checker{
		Resolver: r, AuthServID: "in.example.org",
		SPFRecords: new(spf.RecordCache), Keys: new(dkim.KeyCache), DMARCRecords: new(dmarc.RecordCache),
	}
	env := inbound.Envelope{RemoteAddr: netip.MustParseAddr(clientIP), Helo: heloName, MailFrom: mailFrom}
	wantARC := arc.None
	if hops > 0 {
		wantARC = arc.Pass
	}
	return func() error {
		v, err := checker.Check(context.Background(), env, bytes.NewReader(msg))
		switch {
		case err != nil:
			return err
		case v.SPF.Result != spf.Pass:
			return fmt.Errorf("spf %s: %s", v.SPF.Result, v.SPF.Reason)
		case len(v.DKIM) != 1 || v.DKIM[0].Result != dkim.Pass:
			return fmt.Errorf("dkim: %+v", v.DKIM)
		case v.ARC.Result != wantARC:
			return fmt.Errorf("arc %s: %s", v.ARC.Result, v.ARC.Reason)
		case v.DMARC.Result != dmarc.Pass || !v.DMARC.SPFAligned || !v.DMARC.DKIMAligned:
			return fmt.Errorf("dmarc %s: %s", v.DMARC.Result, v.DMARC.Reason)
		}
		return nil
	}
}

// peerVerdict does what there is in Go without us: SPF, DKIM and the lookup and
// parsing of the DMARC record, no alignment and no ARC.
func (c *corpus) peerVerdict(msg []byte) func() error {
	checkSPF := c.peerSPF()
	options := &peerdkim.VerifyOptions{LookupTXT: c.lookupTXT}
	lookup := &peerdmarc.LookupOptions{LookupTXT: c.lookupTXT}
	return func() error {
		if err := checkSPF(); err != nil {
			return err
		}
		got, err := peerdkim.VerifyWithOptions(bytes.NewReader(msg), options)
		if err != nil {
			return err
		}
		if len(got) != 1 || got[0].Err != nil {
			return errors.New("go-msgauth: the signature does not verify")
		}
		_, err = peerdmarc.LookupWithOptions(senderDomain, lookup)
		return err
	}
}
