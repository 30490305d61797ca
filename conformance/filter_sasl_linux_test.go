package conformance

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
)

// servePassword is that of every user.
const servePassword = "secret"

// serveAuth is a server of the Dovecot authentication protocol, version 1, as much
// of it as Postfix needs for PLAIN.
func serveAuth(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go authenticate(c)
		}
	}()
}

func authenticate(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
	for in := bufio.NewScanner(c); in.Scan(); {
		words := strings.Split(in.Text(), "\t")
		if words[0] != "AUTH" || len(words) < 3 {
			continue // VERSION and CPID
		}
		response, _ := strings.CutPrefix(words[len(words)-1], "resp=")
		plain, _ := base64.StdEncoding.DecodeString(response)
		parts := bytes.Split(plain, []byte{0}) // RFC 4616: authzid NUL authcid NUL passwd
		if len(parts) == 3 && string(parts[2]) == servePassword {
			fmt.Fprintf(c, "OK\t%s\tuser=%s\n", words[1], parts[1])
		} else {
			fmt.Fprintf(c, "FAIL\t%s\n", words[1])
		}
	}
}

// authenticate logs in as a user.
func (k *talker) authenticate(user string) {
	k.t.Helper()
	k.must("235", "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+servePassword)))
}
