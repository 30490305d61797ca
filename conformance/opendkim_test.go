package conformance

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/authres"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// openDKIM starts the milter of OpenDKIM with a configuration and returns a
// connection to it. A milter is handed a message as it is; the test programs of
// OpenDKIM mend line ends. Without FixCRLF it gives up on a relaxed body that
// does not end in CRLF.
func openDKIM(t *testing.T, settings string) *milterClient {
	t.Helper()
	folder := t.TempDir()
	socket := filepath.Join(folder, "socket")
	config := filepath.Join(folder, "conf")
	write(t, config, "Background no\nSyslog no\nRequireSafeKeys no\nFixCRLF yes\nTemporaryDirectory "+folder+"\n"+
		"Socket local:"+socket+"\n"+settings)
	var output bytes.Buffer
	cmd := exec.Command(program(t, "opendkim"), "-f", "-x", config)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill() // on SIGTERM it takes five seconds to end
		<-ended
	})
	m := connect(t, socket, ended, &output)
	t.Cleanup(func() { m.close() })
	return m
}

// connect waits for the socket of a process that has just been started.
func connect(t *testing.T, socket string, ended chan error, output *bytes.Buffer) *milterClient {
	t.Helper()
	const patience, pause = 30 * time.Second, 5 * time.Millisecond
	try := time.NewTicker(pause)
	defer try.Stop()
	for late := time.After(patience); ; {
		m, err := dialMilter(socket)
		if err == nil {
			return m
		}
		select {
		case end := <-ended:
			ended <- end // for the cleanup
			t.Fatalf("opendkim ended:\n%s", output)
		case <-late:
			t.Fatalf("opendkim: %v", err)
		case <-try.C:
		}
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// openDKIMVerifier starts an OpenDKIM that verifies with the keys of zones.
func openDKIMVerifier(t *testing.T, zones resolver.Source) *milterClient {
	t.Helper()
	server, err := zonefile.Serve("127.0.0.1:0", zones)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	unbound := filepath.Join(t.TempDir(), "unbound.conf")
	write(t, unbound, "server:\n do-not-query-localhost: no\n module-config: \"iterator\"\n"+
		"forward-zone:\n name: \".\"\n forward-addr: "+strings.Replace(server.Addr(), ":", "@", 1)+"\n")
	return openDKIM(t, "Mode v\nAuthservID peer.example.org\nAlwaysAddARHeader yes\nResolverConfiguration "+unbound+"\n")
}

// openDKIMSigner starts an OpenDKIM that signs with one key.
func openDKIMSigner(t *testing.T, k dkim.Key, c canonPair) *milterClient {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key.pem")
	write(t, file, privatePEM(t, k))
	return openDKIM(t, fmt.Sprintf("Mode s\nDomain %s\nSelector %s\nKeyFile %s\nCanonicalization %s\nSignatureAlgorithm %s\nOversignHeaders From\n",
		k.Domain, k.Selector, file, c, k.Algorithm()))
}

func privatePEM(t *testing.T, k dkim.Key) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k.Private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// openDKIMVerdicts reads the results that the milter added.
func openDKIMVerdicts(t *testing.T, m *milterClient, text string) verdicts {
	t.Helper()
	added, err := m.message(text)
	if err != nil {
		t.Fatal(err)
	}
	got := verdicts{}
	for _, f := range authres.Find(readMessage(t, added+"\r\n").Header, "peer.example.org") {
		for _, r := range f.Results {
			if r.Method != "dkim" {
				continue
			}
			selector, _ := r.Prop("header", "s")
			got[selector] = r.Value
		}
	}
	return got
}

func TestOpenDKIMVerifiesOurs(t *testing.T) {
	keys, zones := peerKeys(t)
	peer := openDKIMVerifier(t, zones)
	cases := crossCases(keys)
	runRows(t, "opendkim", "verifies ours", names(cases), func(t *testing.T, i int) {
		c := cases[i]
		signed := c.sign(t)
		same(t, "signed", openDKIMVerdicts(t, peer, signed), c.pass())
		for _, change := range tamperings(signed) {
			tampered := change.change(signed)
			same(t, change.name, openDKIMVerdicts(t, peer, tampered), verdicts{c.key.Selector: "fail"})
			same(t, change.name+", ours", verify(t, zones, tampered), verdicts{c.key.Selector: "fail"})
		}
	})
}

func TestOpenDKIMVerifiesBoth(t *testing.T) {
	keys, zones := peerKeys(t)
	signed := sign(t, &dkim.Signer{Keys: keys, Identity: "joe@" + peerDomain, Lifetime: time.Hour}, corpusHeader+"\r\nHello\r\n")
	same(t, "signed", openDKIMVerdicts(t, openDKIMVerifier(t, zones), signed), verdicts{"rsa": "pass", "ed25519": "pass"})
}

func TestOpenDKIMSignsForUs(t *testing.T) {
	keys, zones := peerKeys(t)
	signers := openDKIMSigners(t, keys)
	cases := crossCases(keys)
	runRows(t, "opendkim", "verified by us", names(cases), func(t *testing.T, i int) {
		c := cases[i]
		added, err := signers[c.key.Selector+" "+c.canon.String()].message(c.text)
		if err != nil {
			t.Fatal(err)
		}
		c.checkForeign(t, zones, added+c.text)
	})
}

func TestOpenDKIMHeaders(t *testing.T) {
	keys, zones := peerKeys(t)
	peer, signers := openDKIMVerifier(t, zones), openDKIMSigners(t, keys[:1])
	cases := headerCases(keys)
	runRows(t, "opendkim", "odd headers", names(cases), func(t *testing.T, i int) {
		c := cases[i]
		same(t, "ours", c.of(openDKIMVerdicts(t, peer, c.sign(t))), c.pass())
		added, err := signers[c.key.Selector+" "+c.canon.String()].message(c.text)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "theirs", c.of(verify(t, zones, added+c.text)), c.pass())
	})
}

// openDKIMSigners starts a signer for each key and canonicalization.
func openDKIMSigners(t *testing.T, keys []dkim.Key) map[string]*milterClient {
	t.Helper()
	signers := map[string]*milterClient{}
	for _, k := range keys {
		for _, c := range canonPairs() {
			signers[k.Selector+" "+c.String()] = openDKIMSigner(t, k, c)
		}
	}
	return signers
}

// OpenDKIM 2.11.0 folds a field with an Ed25519 signature in front of b= after
// it has signed it unfolded. Under simple header canonicalization neither it nor
// we can verify the field as it is sent; unfolded, it verifies.
func TestOpenDKIMFoldsAfterSigning(t *testing.T) {
	keys, zones := peerKeys(t)
	peer := openDKIMVerifier(t, zones)
	signer := openDKIMSigner(t, keys[1], canonPair{dkim.Simple, dkim.Simple})
	text := corpusHeader + "\r\nHello\r\n"
	added, err := signer.message(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, field, want string }{
		{"as-sent", added, "fail"},
		{"unfolded", strings.Replace(added, "\r\n\tb=", " b=", 1), "pass"},
	} {
		want := verdicts{"ed25519": row.want}
		same(t, row.name+", OpenDKIM", openDKIMVerdicts(t, peer, row.field+text), want)
		same(t, row.name+", ours", verify(t, zones, row.field+text), want)
	}
}
