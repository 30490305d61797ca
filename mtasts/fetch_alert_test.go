package mtasts_test

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/waxseal/waxseal/mtasts"
)

// A host that refuses the handshake, or speaks no TLS, has not sent a broken reply of
// HTTP.
func TestFetchHandshake(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer func(net.Conn)
	}{
		{"unknown-name", func(c net.Conn) {
			_ = tls.Server(c, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}).Handshake()
		}},
		{"plain", func(c net.Conn) {
			b := make([]byte, 1024)
			_, _ = c.Read(b)
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				if c, err := l.Accept(); err == nil {
					row.answer(c)
					c.Close()
				}
			}()
			f := &mtasts.Fetcher{Resolver: &zone{text: hostZone}, Port: l.Addr().(*net.TCPAddr).Port}
			_, _, err = f.Fetch(t.Context(), "example")
			wantError(t, err, mtasts.HandshakeFailed)
			<-done
		})
	}
}
