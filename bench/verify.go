package main

import (
	"bytes"
	"context"
	"fmt"

	peerdkim "github.com/emersion/go-msgauth/dkim"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// Sizes of the corpus.
var sizes = []struct {
	name  string
	bytes int
}{
	{"2k", 2 << 10}, {"10k", 10 << 10}, {"50k", 50 << 10}, {"1m", 1 << 20}, {"10m", 10 << 20},
}

// target is what a class must reach and what we aim at.
type target struct{ must, aim float64 }

// Targets of DKIM verification as ratios to the floor.
var verifyTargets = map[string]target{
	"2k-rsa": {1.5, 1.25}, "2k-ed": {1.35, 1.2}, "2k-both": {1.35, 1.2},
	"10k": {1.8, 1.45}, "50k": {1.5, 1.35}, "1m": {1.3, 1.18}, "10m": {1.3, 1.18},
}

// Targets that hold for each verification of any size.
const (
	verifyAllocs = 40
	memoryOver   = 256 << 10 // bytes over the input
)

func verifyClasses(c *corpus, r resolver.Resolver) ([]*class, error) {
	var classes []*class
	for _, size := range sizes {
		msg := content(size.bytes)
		for _, with := range []struct {
			name string
			keys []key
		}{
			{"rsa", []key{c.rsa}}, {"ed", []key{c.ed}}, {"both", []key{c.ed, c.rsa}},
		} {
			signed, err := c.sign(msg, with.keys...)
			if err != nil {
				return nil, err
			}
			name := size.name + "-" + with.name
			t, ok := verifyTargets[name]
			if !ok {
				t = verifyTargets[size.name]
			}
			f := &floor{}
			_, f.body = split(signed)
			for _, k := range with.keys {
				if err := f.verifying(k, 1); err != nil {
					return nil, err
				}
			}
			classes = append(classes, &class{
				name: "verify-" + name, ratio: true, must: t.must, aim: t.aim, allocs: verifyAllocs, bytes: memoryOver,
				contestants: []*contestant{
					{name: floorName, run: f.run},
					{name: ourName, run: ourVerify(r, signed, len(with.keys))},
					{name: "go-msgauth", run: c.peerVerify(signed, len(with.keys))},
				},
			})
		}
	}
	return classes, nil
}

func ourVerify(r resolver.Resolver, msg []byte, want int) func() error {
	v := &dkim.Verifier{Resolver: r, Keys: new(dkim.KeyCache)}
	head, rest := split(msg)
	return func() error {
		h, err := message.ParseHeader(head)
		if err != nil {
			return err
		}
		var body dkim.Body
		p := v.Begin(context.Background(), h, &body)
		body.Write(rest)
		body.Close()
		got := p.Wait()
		if len(got) != want {
			return fmt.Errorf("%d results, want %d", len(got), want)
		}
		for i := range got {
			if got[i].Result != dkim.Pass {
				return fmt.Errorf("%s: %s", got[i].Result, got[i].Reason)
			}
		}
		return nil
	}
}

func (c *corpus) peerVerify(msg []byte, want int) func() error {
	options := &peerdkim.VerifyOptions{LookupTXT: c.lookupTXT}
	return func() error {
		got, err := peerdkim.VerifyWithOptions(bytes.NewReader(msg), options)
		if err != nil {
			return err
		}
		if len(got) != want {
			return fmt.Errorf("%d results, want %d", len(got), want)
		}
		for _, v := range got {
			if v.Err != nil {
				return v.Err
			}
		}
		return nil
	}
}

func (c *corpus) lookupTXT(name string) ([]string, error) {
	txts, ok := c.dns[name]
	if !ok {
		return nil, errNotFound(name)
	}
	return txts, nil
}

// Targets of signing with RSA, as ratios to the floor.
var signTargets = map[string]target{"2k": {1.05, 1.03}, "50k": {1.08, 1.04}, "1m": {1.15, 1.08}}

func signClasses(c *corpus, _ resolver.Resolver) ([]*class, error) {
	var classes []*class
	for _, size := range sizes {
		t, ok := signTargets[size.name]
		if !ok {
			continue
		}
		msg := content(size.bytes)
		head, body := split(msg)
		f := &floor{body: body}
		f.signing(c.rsa)
		signer := &dkim.Signer{Keys: []dkim.Key{{Domain: senderDomain, Selector: c.rsa.selector, Private: c.rsa.private}}, Fields: signedFields}
		ours := func() error {
			h, err := message.ParseHeader(head)
			if err != nil {
				return err
			}
			var b dkim.Body
			p, err := signer.Begin(h, &b)
			if err != nil {
				return err
			}
			b.Write(body)
			b.Close()
			_, err = p.Finish()
			return err
		}
		classes = append(classes, &class{
			name: "sign-" + size.name + "-rsa", ratio: true, must: t.must, aim: t.aim,
			contestants: []*contestant{
				{name: floorName, run: f.run},
				{name: ourName, run: ours},
				{name: "go-msgauth", run: func() error {
					var out bytes.Buffer
					out.Grow(len(msg) + 1024)
					return peerSign(&out, bytes.NewReader(msg), c.rsa)
				}},
			},
		})
	}
	return classes, nil
}
