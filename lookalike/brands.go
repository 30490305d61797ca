package lookalike

import (
	"strings"

	"github.com/waxseal/waxseal/domain"
)

// Brands returns a small table of the brands that phishing names most, with the
// domains that their mail comes from. It is a beginning and nobody's official
// list: put a list of your own into Protected.Brands to add to it or replace it.
func Brands() []Brand {
	return []Brand{
		{"Adobe", names("adobe.com adobesign.com echosign.com adobesystems.com"), NameOnly},
		{"Airbnb", names("airbnb.com"), NameOnly},
		{"Amazon", names("amazon.com amazon.co.uk amazon.de amazon.fr amazon.it amazon.es amazon.nl amazon.ca amazon.co.jp amazon.in amazon.com.au amazon.com.br amazon.com.mx amazon.pl amazon.se amazon.com.tr aws.com primevideo.com audible.com"), Word},
		{"American Express", names("americanexpress.com aexp.com amex.com"), NameOnly},
		{"Apple", names("apple.com icloud.com itunes.com me.com"), Word},
		{"Bank of America", names("bankofamerica.com bofa.com ml.com"), NameOnly},
		{"Barclays", names("barclays.com barclays.co.uk barclays.net barclaysus.com"), NameOnly},
		{"Binance", names("binance.com binance.us"), NameOnly},
		{"BNP Paribas", names("bnpparibas.com bnpparibas.net"), NameOnly},
		{"Booking.com", names("booking.com"), NameOnly},
		{"Capital One", names("capitalone.com"), NameOnly},
		{"Chase", names("chase.com jpmorgan.com jpmchase.com"), Surname},
		{"Citibank", names("citi.com citibank.com citigroup.com"), NameOnly},
		{"Coinbase", names("coinbase.com"), NameOnly},
		{"Commerzbank", names("commerzbank.com commerzbank.de"), NameOnly},
		{"Costco", names("costco.com costco.ca"), NameOnly},
		{"Deutsche Bank", names("db.com deutsche-bank.de"), NameOnly},
		{"DHL", names("dhl.com dhl.de dpdhl.com deutschepost.de"), NameOnly},
		{"DocuSign", names("docusign.com docusign.net"), NameOnly},
		{"Dropbox", names("dropbox.com dropboxmail.com dropboxsign.com hellosign.com"), NameOnly},
		{"eBay", names("ebay.com ebay.co.uk ebay.de ebay.fr ebay.it ebay.es ebay.ca ebay.com.au"), NameOnly},
		{"Facebook", names("facebook.com facebookmail.com fb.com meta.com"), NameOnly},
		{"FedEx", names("fedex.com"), NameOnly},
		{"GitHub", names("github.com"), NameOnly},
		{"Google", names("google.com gmail.com googlemail.com youtube.com withgoogle.com google.co.uk google.de"), NameOnly},
		{"HSBC", names("hsbc.com hsbc.co.uk hsbc.com.hk hsbc.fr"), NameOnly},
		{"ING", names("ing.com ing.nl ing.de ing.be"), Word},
		{"Instagram", names("instagram.com facebookmail.com facebook.com"), NameOnly},
		{"Intuit", names("intuit.com"), NameOnly},
		{"LinkedIn", names("linkedin.com"), NameOnly},
		{"Lloyds Bank", names("lloydsbank.com lloydsbank.co.uk lloydsbanking.com"), NameOnly},
		{"Mastercard", names("mastercard.com mastercard.us"), NameOnly},
		{"McAfee", names("mcafee.com"), NameOnly},
		{"MetaMask", names("metamask.io consensys.net consensys.io"), NameOnly},
		{"Microsoft", names("microsoft.com microsoftonline.com office.com office365.com outlook.com live.com hotmail.com azure.com sharepointonline.com xbox.com skype.com microsoftsupport.com"), NameOnly},
		{"Netflix", names("netflix.com"), NameOnly},
		{"Norton", names("norton.com nortonlifelock.com gendigital.com"), Surname},
		{"Office 365", names("microsoft.com microsoftonline.com office.com office365.com"), NameOnly},
		{"OneDrive", names("microsoft.com onedrive.com live.com"), NameOnly},
		{"OpenSea", names("opensea.io"), NameOnly},
		{"PayPal", names("paypal.com paypal.co.uk paypal.de paypal.fr paypal-communication.com"), NameOnly},
		{"Revolut", names("revolut.com"), NameOnly},
		{"Royal Mail", names("royalmail.com royalmail.co.uk"), NameOnly},
		{"Salesforce", names("salesforce.com exacttarget.com"), NameOnly},
		{"Santander", names("santander.com santander.co.uk gruposantander.com bancosantander.es"), NameOnly},
		{"SharePoint", names("microsoft.com sharepointonline.com"), NameOnly},
		{"Spotify", names("spotify.com"), NameOnly},
		{"Stripe", names("stripe.com"), Word},
		{"Trust Wallet", names("trustwallet.com"), NameOnly},
		{"UPS", names("ups.com upsemail.com"), Word},
		{"USPS", names("usps.com usps.gov"), NameOnly},
		{"Venmo", names("venmo.com"), NameOnly},
		{"Verizon", names("verizon.com verizonwireless.com verizon.net"), NameOnly},
		{"Walmart", names("walmart.com walmart.ca"), NameOnly},
		{"Wells Fargo", names("wellsfargo.com"), NameOnly},
		{"WhatsApp", names("whatsapp.com"), NameOnly},
		{"Zelle", names("zellepay.com earlywarning.com"), NameOnly},
	}
}

// Freemail returns well-known providers where anybody can get a mailbox.
func Freemail() []domain.Name {
	return names("gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk hotmail.fr live.com msn.com " +
		"yahoo.com yahoo.co.uk yahoo.fr yahoo.co.jp yahoo.co.in ymail.com rocketmail.com aol.com icloud.com me.com mac.com " +
		"gmx.com gmx.de gmx.net gmx.at gmx.ch web.de t-online.de freenet.de mail.com email.com protonmail.com proton.me pm.me " +
		"tutanota.com tuta.io tuta.com zoho.com zohomail.com yandex.com yandex.ru mail.ru inbox.ru list.ru bk.ru rambler.ru " +
		"qq.com 163.com 126.com sina.com foxmail.com naver.com hanmail.net daum.net orange.fr free.fr laposte.net wanadoo.fr " +
		"libero.it virgilio.it seznam.cz wp.pl o2.pl onet.pl interia.pl ukr.net i.ua uol.com.br bol.com.br terra.com.br rediffmail.com " +
		"fastmail.com hushmail.com mailfence.com disroot.org inbox.lv inbox.com cock.li")
}

// SharedSenders returns domains of services that send and sign for many
// customers.
func SharedSenders() []domain.Name {
	return names("amazonses.com sendgrid.net sendgrid.info mailgun.org mailgun.net mailgun.com mcsv.net mcdlv.net mandrillapp.com rsgsv.net " +
		"sparkpostmail.com mtasv.net postmarkapp.com mailjet.com sendinblue.com brevo.com brevosend.com mailchimpapp.net " +
		"exacttarget.com mktomail.com mktdns.com hubspotemail.net hubspot.com klaviyomail.com constantcontact.com confirmedcc.com " +
		"ccsend.com cmail19.com cmail20.com createsend.com emsd1.com activehosted.com acemsrvc.com eloqua.com " +
		"responsys.net zendesk.com freshdesk.com freshemail.io shopifyemail.com elasticemail.com elasticemail.net smtp2go.com " +
		"socketlabs.com mailersend.net mlsend.com getresponse.com gappssmtp.com onmicrosoft.com sendpulse.com " +
		"customeriomail.com intercom-mail.com turbo-smtp.com messagelabs.com zohomail.com zcsend.net")
}

// Tenants returns suffixes below which the customers of a platform get a name.
func Tenants() []domain.Name {
	return names("onmicrosoft.com firebaseapp.com web.app appspot.com myshopify.com zendesk.com freshdesk.com atlassian.net " +
		"sharepoint.com wixsite.com weebly.com webflow.io github.io gitlab.io netlify.app vercel.app pages.dev workers.dev " +
		"herokuapp.com azurewebsites.net cloudapp.net amazonaws.com awsapps.com blogspot.com wordpress.com squarespace.com " +
		"sendgrid.net mailgun.org rsgsv.net teams.microsoft.com ondigitalocean.app fly.dev glitch.me repl.co translate.goog")
}

// Notifiers returns addresses and domains of services that write the address of
// the person who acts into the name of From.
func Notifiers() []string {
	return []string{
		"calendar-notification@google.com", "calendar.google.com", "docs.google.com", "googlegroups.com",
		"notifications@github.com", "noreply@github.com", "docusign.net", "dropboxmail.com",
	}
}

// names reads domain names out of a table.
func names(list string) []domain.Name {
	fields := strings.Fields(list)
	out := make([]domain.Name, len(fields))
	for i, f := range fields {
		out[i] = domain.Name(f)
	}
	return out
}
