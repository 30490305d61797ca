package outbound_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

// startHello serves SMTP up to the handshake and answers what is said under TLS with
// words, or hangs up if there are none. In the clear it takes a message.
func startHello(t testing.TB, config *tls.Config, words string) *mx {
	m := new(mx)
	l := listen(t)
	m.addr = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			m.connected()
			go m.hello(c, config, words)
		}
	}()
	return m
}

func (m *mx) hello(c net.Conn, config *tls.Config, words string) {
	defer c.Close()
	s := scripting{conn: c}
	s.say("220 mx.test\r\n")
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToLower(strings.TrimSpace(line))[:4]; verb {
		case "star":
			s.say("220 go\r\n")
			secure := tls.Server(c, config)
			if in.Reset(secure); secure.Handshake() != nil {
				return
			}
			for words != "" {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				m.note("tls:%s", strings.ToLower(line[:4]))
				io.WriteString(secure, words)
			}
			return
		case "data":
			s.say("354 go on\r\n")
			for line != ".\r\n" && err == nil {
				line, err = in.ReadString('\n')
			}
			m.note("data")
			s.say("250 took it\r\n")
		case "ehlo":
			s.say(ehlo)
		default:
			m.note("%s", verb)
			s.say("250 fine\r\n")
		}
	}
}

// A server that refuses EHLO under TLS has kept the policy: that is no failure of
// TLS to report, and no reason to go on in the clear. One that ends the connection
// then may have judged the handshake, and nobody is authenticated.
func TestDeliverHelloUnderTLS(t *testing.T) {
	ca := newAuthority(t)
	good, record := ca.issue(t, template("mx.to.signed"))
	under := func(words string, auth tls.ClientAuthType) func(*testing.T, *authority) *mx {
		return func(t *testing.T, _ *authority) *mx {
			c := withCert(good)
			c.ClientAuth = auth
			return startHello(t, c, words)
		}
	}
	busy, refusing := under("421 busy\r\n", tls.NoClientCert), under("554 no\r\n", tls.NoClientCert)
	closing, asking := under("", tls.NoClientCert), under("250 fine\r\n", tls.RequireAnyClientCert)
	leaving := scripted(map[string]string{"EHLO": ehlo, "STARTTLS": "421 busy\r\n"})
	tests := []situation{
		{"dane-busy", "to.signed", record, "", busy, nil, "deferred authenticated dane", "tls:ehlo"},
		{"dane-refusing", "to.signed", record, "", refusing, nil, "deferred authenticated dane", "tls:ehlo tls:helo"},
		{"dane-closing", "to.signed", record, "", closing, nil, "deferred  dane validation-failure", ""},
		{"dane-client-certificate", "to.signed", record, "", asking, nil, "deferred  dane validation-failure", ""},
		{"dane-421", "to.signed", record, "", leaving, nil, "deferred  dane starttls-not-supported", "starttls"},
		{"opportunistic-busy", "to.plain", "", "", busy, nil, "deferred  opportunistic", "tls:ehlo"},
		{"opportunistic-closing", "to.plain", "", "", closing, nil, "delivered  opportunistic validation-failure", "mail rcpt data quit"},
		{"opportunistic-421", "to.plain", "", "", leaving, nil, "delivered  opportunistic starttls-not-supported", "starttls mail rcpt data"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, planner := tt.bed(t, ca)
			tt.check(t, b, planner)
		})
	}
}
