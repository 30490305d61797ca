package conformance

import (
	"context"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

type direct struct{ source resolver.Source }

func (d direct) Lookup(ctx context.Context, name string, t resolver.Type) (*resolver.Answer, error) {
	r, err := d.source.Fetch(ctx, resolver.Question{Name: resolver.CanonicalName(name), Type: t})
	if err != nil {
		return nil, err
	}
	if r.Msg.Rcode != dns.RcodeSuccess && r.Msg.Rcode != dns.RcodeNameError {
		return nil, &resolver.Error{Reason: resolver.ServerFailed, Name: name, Type: t}
	}
	a := &resolver.Answer{Name: name, Type: t, RCode: resolver.RCode(r.Msg.Rcode), Status: resolver.Insecure, Records: r.Msg.Answer}
	return a, nil
}
