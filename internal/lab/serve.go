package lab

import (
	"context"
	"encoding/pem"
	"net"
)

// Served is a stage that other programs talk to.
type Served struct {
	DNS    string // address of the name server, UDP and TCP
	SMTP   string // of the clinic's server; it believes XCLIENT
	Policy string // of the clinic's MTA-STS policy host; "" without a policy
	Anchor string // the trust anchor of the root, as DS records
	CA     []byte // the certificate of the honest CA, PEM

	stage *Stage
}

// Serve keeps the clinic's servers and the name servers up under a column's
// controls until Close. Watch is told of what happens.
func Serve(ctx context.Context, w *World, c Column, watch func(Event)) (*Served, error) {
	s := newStage(ctx, w, c.Controls)
	s.public, s.record.watch = true, watch
	if err := s.Open(); err != nil {
		s.Close()
		return nil, err
	}
	return &Served{
		DNS: s.dnsAddr, SMTP: s.fabric.hosts[net.JoinHostPort(ClinicIP, smtpPort)], Policy: s.fabric.hosts[PolicyIP+":443"],
		Anchor: w.Anchor(), CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.CA.Cert.Raw}),
		stage: s,
	}, nil
}

// Close stops the servers.
func (s *Served) Close() error { return s.stage.Close() }
