package lab

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"

	"github.com/waxseal/waxseal/dnssec/zonesign"
	"github.com/waxseal/waxseal/smtp"
)

// Setup is what the clinic has set up for the mail that it receives.
type Setup struct {
	TLSA   []string         // records at _25._tcp.mx, in zone format; none without DANE
	Policy string           // the MTA-STS policy; "" for none
	Cert   *tls.Certificate // of its server; nil without STARTTLS
	// NoRequireTLS leaves REQUIRETLS out of what the server offers.
	NoRequireTLS bool
}

// policyText is the policy that the clinic publishes.
func (w *World) policyText() string {
	return "version: STSv1\r\nmode: enforce\r\nmx: " + w.ClinicMX + "\r\nmax_age: 604800\r\n"
}

// setup is what the clinic has under a set of controls.
func (w *World) setup(c Controls) Setup {
	var s Setup
	if w.Clinic != Clinic {
		return w.recordedSetup()
	}
	if c.Has(DANE) {
		s.TLSA = []string{w.TLSA().String()}
	}
	if c.Has(MTASTS) {
		s.Policy = w.policyText()
	}
	if c.Has(STARTTLS) {
		s.Cert = w.clinicMX
	}
	return s
}

// signClinic signs the clinic's zone.
func (w *World) signClinic(c *Setup) (*zonesign.Signed, error) {
	text := "@ NS ns\nns A 192.0.2.53\n@ MX 10 mx\nmx A " + ClinicIP + "\n"
	for _, r := range c.TLSA {
		text += "_25._tcp.mx TLSA " + r + "\n"
	}
	if c.Policy != "" {
		text += "_mta-sts TXT \"v=STSv1; id=1;\"\nmta-sts A " + PolicyIP + "\n"
	}
	z := zonesign.Zone{
		Origin: w.Clinic + ".", Text: text,
		Inception: w.Born.Add(-validity), Expiration: w.Born.Add(validity),
	}
	if w.clinicSigned() {
		z.Keys = []*zonesign.Key{w.clinic}
	}
	s, err := zonesign.Sign(z)
	if err != nil {
		return nil, fmt.Errorf("lab: zone %s: %w", w.Clinic, err)
	}
	return s, nil
}

// startClinic starts the servers that receive for the clinic and for the domain
// without DNSSEC.
func (s *Stage) startClinic() error {
	if err := s.startClinicMX(); err != nil {
		return err
	}
	var cert *tls.Certificate
	if s.Controls.Has(STARTTLS) {
		cert = s.World.plainMX
	}
	return s.serveSMTP(PlainIP, s.server(PlainMX, cert, s.receiver(PlainMX)))
}

func (s *Stage) startClinicMX() error {
	if s.peers.Receive == nil {
		return s.serveSMTP(ClinicIP, s.server(s.World.ClinicMX, s.Clinic.Cert, s.receiver(s.World.ClinicMX)))
	}
	at, err := s.peers.Receive(s)
	s.fabric.mu.Lock()
	defer s.fabric.mu.Unlock()
	s.fabric.hosts[net.JoinHostPort(ClinicIP, smtpPort)] = at
	return err
}

// server is a server of the lab.
func (s *Stage) server(name string, cert *tls.Certificate, h smtp.Handler) *smtp.Server {
	ext := smtp.DefaultExtensions()
	ext.RequireTLS = !s.Clinic.NoRequireTLS
	srv := &smtp.Server{Hostname: name, Handler: h, Extensions: &ext, Limits: smtp.Limits{Drain: patience}}
	everybody := func(net.Addr) bool { return true }
	if s.public {
		srv.TrustXClient = everybody
	} else {
		srv.TrustProxy, srv.Limits.Command = everybody, patience
	}
	if cert != nil {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}}
	}
	return srv
}

// serveSMTP serves at an address of the story.
func (s *Stage) serveSMTP(ip string, srv *smtp.Server) error {
	return s.host(net.JoinHostPort(ip, smtpPort), func(l net.Listener) { srv.Serve(s.ctx, l) })
}

// startPolicyHost serves the clinic's policy, if it has one.
func (s *Stage) startPolicyHost() error {
	if s.Clinic.Policy == "" {
		return nil
	}
	return s.host(PolicyIP+":443", s.policyServer(s.World.policyHost, s.Clinic.Policy))
}

// policyServer serves an MTA-STS policy over HTTPS.
func (s *Stage) policyServer(cert *tls.Certificate, policy string) func(net.Listener) {
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.Note(KindStory, "https: GET %s%s", r.Host, r.URL.Path)
			w.Header().Set("Content-Type", "text/plain")
			io.Copy(w, strings.NewReader(policy))
		}),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{*cert}},
		ErrorLog:          log.New(io.Discard, "", 0), // handshakes that fail are part of the story
		ReadHeaderTimeout: patience,
	}
	s.closers = append(s.closers, func() error { srv.Close(); return nil })
	return func(l net.Listener) { srv.ServeTLS(l, "", "") }
}

// clinicSigned reports whether the clinic's zone is signed.
func (w *World) clinicSigned() bool { return w.Clinic == Clinic || w.records.Signed }
