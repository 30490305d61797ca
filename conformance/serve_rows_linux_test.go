package conformance

import "github.com/waxseal/waxseal/resolver"

// channelRow is a domain with an attack on the way to it.
type channelRow struct {
	name   string
	zone   string // signed or plain, where the domains have an MTA-STS policy
	tlsa   func(p *party) string
	plain  bool // neither DANE nor MTA-STS
	attack func(b *channelBed, r *channelRow)
	want   string // under attack, in the words that Postfix logs; "" is delivered
}

func (r *channelRow) domain() string { return r.name + "." + r.zone }
func (r *channelRow) host() string   { return "mx." + r.domain() }

// spoofMX has a forger of DNS who names a host of his own.
func (b *channelBed) spoofMX(r *channelRow) {
	b.forge(r.domain(), resolver.TypeMX, answered(r.domain()+". 0 MX 5 mx.evil.plain."))
}

// noPolicy is what Postfix says when it learns no policy.
const noPolicy = "client TLS configuration problem"

func channelRows() []channelRow { return append(daneChannelRows(), stsChannelRows()...) }

func daneChannelRows() []channelRow {
	ee := func(p *party) string { return p.record }
	ta := func(p *party) string { return tlsaOf(p.ca.Cert, 2, 1, 1) }
	return []channelRow{
		{name: "ee", zone: "signed", tlsa: ee},
		{name: "ta", zone: "signed", tlsa: ta},
		{name: "ee-stripped", zone: "signed", tlsa: ee, attack: (*channelBed).strip, want: "TLS is required, but was not offered"},
		{name: "ee-stranger", zone: "signed", tlsa: ee, attack: (*channelBed).impersonate, want: "Server certificate not verified"},
		{name: "ta-stranger", zone: "signed", tlsa: ta, attack: (*channelBed).impersonate, want: "Server certificate not verified"},
		{name: "ee-servfail", zone: "signed", tlsa: ee, attack: func(b *channelBed, r *channelRow) {
			b.forge("_25._tcp."+r.host(), resolver.TypeTLSA, fails)
			b.impersonate(r)
		}, want: noPolicy},
		{name: "ee-bogus", zone: "signed", tlsa: ee, attack: func(b *channelBed, r *channelRow) {
			b.forge("_25._tcp."+r.host(), resolver.TypeTLSA, altered)
			b.impersonate(r)
		}, want: noPolicy},
		{name: "ee-mx-spoofed", zone: "signed", tlsa: ee, attack: (*channelBed).spoofMX, want: "Host or domain name not found"},
	}
}

// stsChannelRows are those of MTA-STS, and of no policy at all.
func stsChannelRows() []channelRow {
	return []channelRow{
		{name: "sts", zone: "plain"},
		{name: "sts-stripped", zone: "plain", attack: (*channelBed).strip, want: "TLS is required, but was not offered"},
		{name: "sts-stranger", zone: "plain", attack: (*channelBed).impersonate, want: "Server certificate not"},
		{name: "sts-other-name", zone: "plain", attack: func(b *channelBed, r *channelRow) {
			b.gates[r.name].set(mailServer(&b.evil, b.evilCert))
		}, want: "Server certificate not verified"},
		{name: "sts-mx-spoofed", zone: "plain", attack: (*channelBed).spoofMX, want: noPolicy},
		{name: "sts-mx-spoofed-for-postfix", zone: "plain", attack: func(b *channelBed, r *channelRow) {
			b.theirs.set(r.domain(), resolver.TypeMX, answered(r.domain()+". 0 MX 5 mx.evil.plain."))
		}, want: "Server certificate not verified"},
		{name: "sts-mx-denied", zone: "plain", attack: func(b *channelBed, r *channelRow) {
			b.ours.set(r.domain(), resolver.TypeMX, answered(r.domain()+". 0 MX 0 ."))
			b.theirs.set(r.domain(), resolver.TypeMX, answered(r.domain()+". 0 MX 5 mx.evil.plain."))
		}, want: noPolicy},
		{name: "sts-host-down", zone: "plain", attack: func(b *channelBed, r *channelRow) {
			b.policies.set(r.domain(), true, "")
			b.forge("_mta-sts."+r.domain(), resolver.TypeTXT, answered("_mta-sts."+r.domain()+`. 0 TXT "v=STSv1; id=2"`))
			b.strip(r)
		}, want: "TLS is required, but was not offered"},
		{name: "sts-record-removed", zone: "plain", attack: func(b *channelBed, r *channelRow) {
			b.forge("_mta-sts."+r.domain(), resolver.TypeTXT, absent)
			b.strip(r)
		}, want: "TLS is required, but was not offered"},
		{name: "sts-downgraded", zone: "plain", attack: func(b *channelBed, r *channelRow) {
			b.policies.set(r.domain(), false, "version: STSv1\nmode: none\nmax_age: 86400\n")
			b.forge("_mta-sts."+r.domain(), resolver.TypeTXT, answered("_mta-sts."+r.domain()+`. 0 TXT "v=STSv1; id=3"`))
			b.strip(r)
		}, want: "TLS is required, but was not offered"},
		{name: "may", zone: "plain", plain: true},
		{name: "may-record-servfail", zone: "plain", plain: true, attack: func(b *channelBed, r *channelRow) {
			b.forge("_mta-sts."+r.domain(), resolver.TypeTXT, fails)
		}, want: noPolicy},
	}
}
