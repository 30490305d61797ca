package conformance

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// dkimpy is a process of testdata/dkimpy.py, which serves one test.
type dkimpy struct {
	in  io.Writer
	out *bufio.Reader
	log *bytes.Buffer
}

type dkimpyRequest struct {
	Op      string    `json:"op"`
	Message string    `json:"message"`
	Key     dkimpyKey `json:"key"`
	Length  bool      `json:"length"`  // sign: with l=
	Service string    `json:"service"` // seal: the authserv-id
}

type dkimpyKey struct {
	Selector  string `json:"selector"`
	Domain    string `json:"domain"`
	Private   string `json:"private"`
	Algorithm string `json:"algorithm"`
	Header    string `json:"header"`
	Body      string `json:"body"`
}

type dkimpyReply struct {
	Verdicts verdicts `json:"verdicts"`
	Fields   string   `json:"fields"`
	Result   string   `json:"result"` // of ARC
	Sets     []bool   `json:"sets"`   // whether both signatures of each are valid
	Reason   string   `json:"reason"`
	Error    string   `json:"error"`
}

// startDKIMPy starts dkimpy with the keys of zones.
func startDKIMPy(t *testing.T, zones resolver.Source) *dkimpy {
	t.Helper()
	server, err := zonefile.Serve("127.0.0.1:0", zones)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	host, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python(t), filepath.Join("testdata", "dkimpy.py"), host, port)
	p := &dkimpy{log: new(bytes.Buffer)}
	cmd.Stderr = p.log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // which ends it
		cmd.Wait()
	})
	p.in, p.out = in, bufio.NewReader(out)
	if _, err := p.out.ReadBytes('\n'); err != nil {
		in.Close()
		cmd.Wait()
		if bytes.Contains(p.log.Bytes(), []byte("ModuleNotFoundError")) {
			missing(t, "dkimpy with authres")
		}
		t.Fatalf("%v\n%s", err, p.log)
	}
	return p
}

// python finds the interpreter that Debian's packages install modules for,
// before one that another PATH puts in front.
func python(t *testing.T) string {
	t.Helper()
	const debian = "/usr/bin/python3"
	if _, err := os.Stat(debian); err == nil {
		return debian
	}
	return program(t, "python3")
}

func (p *dkimpy) ask(t *testing.T, q dkimpyRequest) dkimpyReply {
	t.Helper()
	q.Message = perByte(q.Message)
	line, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err = p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
	var a dkimpyReply
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatal(err)
	}
	if a.Error != "" {
		t.Fatalf("%s: %s", q.Op, a.Error)
	}
	return a
}

// perByte returns a string with one character for each byte of s: JSON has no
// other bytes.
func perByte(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		out = utf8.AppendRune(out, rune(s[i]))
	}
	return string(out)
}

func (p *dkimpy) verify(t *testing.T, text string) verdicts {
	t.Helper()
	return p.ask(t, dkimpyRequest{Op: "verify", Message: text}).Verdicts
}

// dkimpyPrivate returns the key in the forms that dkimpy takes.
func dkimpyPrivate(t *testing.T, k dkim.Key) string {
	t.Helper()
	if ed, ok := k.Private.(ed25519.PrivateKey); ok {
		return base64.StdEncoding.EncodeToString(ed.Seed())
	}
	return privatePEM(t, k)
}

func TestDKIMPyVerifiesOurs(t *testing.T) {
	keys, zones := peerKeys(t)
	peer := startDKIMPy(t, zones)
	cases := crossCases(keys)
	runRows(t, "dkimpy", "verifies ours", names(cases), func(t *testing.T, i int) {
		c := cases[i]
		signed := c.sign(t)
		same(t, "signed", peer.verify(t, signed), c.pass())
		for _, change := range tamperings(signed) {
			tampered := change.change(signed)
			same(t, change.name, peer.verify(t, tampered), verdicts{c.key.Selector: "fail"})
			same(t, change.name+", ours", verify(t, zones, tampered), verdicts{c.key.Selector: "fail"})
		}
	})
}

func TestDKIMPyVerifiesBoth(t *testing.T) {
	keys, zones := peerKeys(t)
	signed := sign(t, &dkim.Signer{Keys: keys, Identity: "joe@" + peerDomain, Lifetime: time.Hour}, corpusHeader+"\r\nHello\r\n")
	same(t, "signed", startDKIMPy(t, zones).verify(t, signed), verdicts{"rsa": "pass", "ed25519": "pass"})
}

func TestDKIMPySignsForUs(t *testing.T) {
	keys, zones := peerKeys(t)
	peer := startDKIMPy(t, zones)
	cases := crossCases(keys)
	runRows(t, "dkimpy", "verified by us", names(cases), func(t *testing.T, i int) {
		c := cases[i]
		c.checkForeign(t, zones, peer.sign(t, c, false)+c.text)
	})
}

func (p *dkimpy) sign(t *testing.T, c crossCase, length bool) string {
	t.Helper()
	return p.ask(t, dkimpyRequest{Op: "sign", Message: c.text, Length: length, Key: dkimpyKey{
		Selector: c.key.Selector, Domain: string(c.key.Domain), Private: dkimpyPrivate(t, c.key),
		Algorithm: string(c.key.Algorithm()), Header: c.canon.header.String(), Body: c.canon.body.String(),
	}}).Fields
}

func TestDKIMPyHeaders(t *testing.T) {
	keys, zones := peerKeys(t)
	peer := startDKIMPy(t, zones)
	cases := headerCases(keys)
	runRows(t, "dkimpy", "odd headers", names(cases), func(t *testing.T, i int) {
		c := cases[i]
		same(t, "ours", c.of(peer.verify(t, c.sign(t))), c.pass())
		same(t, "theirs", c.of(verify(t, zones, peer.sign(t, c, false)+c.text)), c.pass())
	})
}

// A body may grow under l=: dkimpy passes it, and we say that it is not signed.
func TestDKIMPySignsLength(t *testing.T) {
	keys, zones := peerKeys(t)
	peer := startDKIMPy(t, zones)
	c := crossCase{key: keys[0], text: corpusHeader + "\r\nHello \r\n"}
	signed := peer.sign(t, c, true) + c.text
	same(t, "signed", verify(t, zones, signed), c.pass())
	same(t, "longer", verify(t, zones, signed+"x\r\n"), verdicts{c.key.Selector: "policy"})
	same(t, "longer, dkimpy", peer.verify(t, signed+"x\r\n"), c.pass())
}
