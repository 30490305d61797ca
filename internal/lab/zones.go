package lab

// The domains of the story. None of them can exist: RFC 2606 keeps example and
// invalid free.
const (
	Bank     = "alpenbank.example" // signs everything, rejects everything else
	Shop     = "shop.example"      // sends through the ESP
	Gazette  = "gazette.example"   // watches with p=none
	Sloppy   = "sloppy.example"    // +all
	City     = "city.example"      // a public suffix of its own (psd=y)
	BadlyRun = "broken.example"    // its signatures are damaged
	ESP      = "esp.example"       // sends for many customers
	List     = "list.example"      // a mailing list whose seals are believed
	Forum    = "forum.example"     // one whose seals are not
	Alumni   = "alumni.example"    // forwards mail as it is
	Clinic   = "clinic.example"    // receives
	Plain    = "plain.example"     // receives, in a zone that is not signed
	Crook    = "crook.invalid"     // the attacker's own domain
	LikeBank = "a1penbank.example" // the attacker's as well
	ClinicMX = "mx." + Clinic      // its server
	PlainMX  = "mx." + Plain
	CrookMX  = "mx." + Crook
)

// The addresses of the story, from the blocks of RFC 5737.
const (
	BankIP    = "192.0.2.10"
	GazetteIP = "192.0.2.15"
	BrokenIP  = "192.0.2.17"
	ListIP    = "192.0.2.30"
	ForumIP   = "192.0.2.35"
	AlumniIP  = "192.0.2.40"
	ClinicIP  = "192.0.2.50"
	PolicyIP  = "192.0.2.51" // mta-sts.clinic.example
	PlainIP   = "192.0.2.60"
	ESPIP     = "198.51.100.10"
	CrookIP   = "203.0.113.66"
)

// zoneText is a domain's zone but for its keys.
type zoneText struct {
	origin string
	text   string
	how    signing
}

// signing is how a zone is signed.
type signing int

const (
	unsigned signing = iota
	ecdsaNSEC
	rsaNSEC3
	ecdsaNSEC3
	damaged // signed, and the signatures over TXT broken afterwards
)

// zones returns the zones below the top-level domains, the clinic's left out:
// that one is made anew for each Stage.
func (k *keys) zones(plainTLSA string) []zoneText {
	return []zoneText{
		{Bank, `
			@ MX 10 mx
			mx A 192.0.2.11
			out A ` + BankIP + `
			news A 192.0.2.12
			@ TXT "v=spf1 ip4:` + BankIP + ` -all"
			_dmarc TXT "v=DMARC1; p=reject"
			rsa._domainkey TXT ` + k.record(k.bankRSA) + `
			ed._domainkey TXT ` + k.record(k.bankEd) + `
			gone._domainkey TXT "v=DKIM1; p="
			weak._domainkey TXT ` + k.record(k.weak), ecdsaNSEC},
		{Shop, `
			@ MX 10 mx
			mx A 192.0.2.20
			@ TXT "v=spf1 include:spf.` + ESP + ` -all"
			_dmarc TXT "v=DMARC1; p=reject"
			esp._domainkey TXT ` + k.record(k.shopEd), rsaNSEC3},
		{Gazette, `
			@ TXT "v=spf1 ip4:` + GazetteIP + ` -all"
			_dmarc TXT "v=DMARC1; p=none"`, unsigned},
		{Sloppy, `
			@ TXT "v=spf1 +all"
			_dmarc TXT "v=DMARC1; p=reject"`, ecdsaNSEC},
		{City, `
			library A 192.0.2.70
			_dmarc TXT "v=DMARC1; p=none; np=reject; psd=y"`, ecdsaNSEC},
		{BadlyRun, `
			@ TXT "v=spf1 ip4:` + BrokenIP + ` -all"
			_dmarc TXT "v=DMARC1; p=reject"`, damaged},
		{ESP, `
			out A ` + ESPIP + `
			@ TXT "v=spf1 include:spf.` + ESP + ` -all"
			spf TXT "v=spf1 ip4:198.51.100.0/24 -all"`, ecdsaNSEC},
		{List, `
			@ MX 10 mx
			mx A ` + ListIP + `
			@ TXT "v=spf1 ip4:` + ListIP + ` -all"
			arc._domainkey TXT ` + k.record(k.list), ecdsaNSEC},
		{Forum, `
			@ MX 10 mx
			mx A ` + ForumIP + `
			@ TXT "v=spf1 ip4:` + ForumIP + ` -all"
			arc._domainkey TXT ` + k.record(k.forumEd), ecdsaNSEC},
		{Alumni, `
			@ MX 10 mx
			mx A ` + AlumniIP + `
			@ TXT "v=spf1 ip4:` + AlumniIP + ` -all"`, unsigned},
		{Plain, `
			@ MX 10 mx
			mx A ` + PlainIP + `
			_25._tcp.mx TLSA ` + plainTLSA, unsigned},
		{LikeBank, `
			@ TXT "v=spf1 ip4:` + CrookIP + ` -all"
			_dmarc TXT "v=DMARC1; p=reject"
			k._domainkey TXT ` + k.record(k.crookEd), ecdsaNSEC},
		{Crook, `
			@ MX 10 mx
			mx A ` + CrookIP + `
			@ TXT "v=spf1 ip4:` + CrookIP + ` -all"
			_dmarc TXT "v=DMARC1; p=reject"
			k._domainkey TXT ` + k.record(k.crookEd), unsigned},
	}
}
