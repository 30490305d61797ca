package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/domain"
	"github.com/waxseal/waxseal/internal/setup"
	"github.com/waxseal/waxseal/message"
)

type signCommand struct {
	std        stdio
	domains    []string
	selectors  []string
	keys       []string
	algorithms []string
	headers    string
	canon      string
	identity   string
	expire     time.Duration
	at         string
	fieldsOnly bool
	asRecord   bool
}

func newSign(std stdio) *cobra.Command {
	s := &signCommand{std: std}
	cmd := &cobra.Command{
		Use:   "sign --domain DOMAIN --selector SELECTOR --key FILE [FILE|-]",
		Short: "Sign a message (DKIM)",
		Long: `Sign a message with one or more keys in one pass (RFC 6376, RFC 8463) and print
it with the DKIM-Signature fields in front. The rest of the message is printed
byte for byte as it came; a message with bare LF line ends is signed as CRLF,
the form it has in SMTP.

A key FILE is PEM (RSA in PKCS #1 or PKCS #8, Ed25519 in PKCS #8) or the 32-byte
seed of an Ed25519 key, as it is or in base64. For several keys repeat --selector
and --key; --domain is given once, or for each key. Sign with RSA always, and
with Ed25519 beside it: not every receiver knows Ed25519.`,
		Example: `  waxseal sign --domain bank.example --selector rsa2026 --key rsa.pem message.eml
  waxseal sign --domain bank.example --selector rsa2026 --key rsa.pem --selector ed2026 --key ed25519.pem -
  waxseal sign --domain bank.example --selector rsa2026 --key rsa.pem --record`,
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd.Context(), args) },
	}
	fs := cmd.Flags()
	keyFlags(cmd, &s.domains, &s.selectors, &s.keys)
	fs.StringArrayVar(&s.algorithms, "algorithm", nil, "rsa-sha256 or ed25519-sha256; the key decides, this only makes sure (repeatable)")
	fs.StringVar(&s.headers, "headers", "", "sign these `FIELDS` only, names joined by colons (default: all that matter, oversigned)")
	fs.StringVar(&s.canon, "canonicalization", "relaxed/relaxed", "`HEADER/BODY`, each simple or relaxed")
	fs.StringVar(&s.identity, "identity", "", "value of i=, an address in the domain")
	fs.DurationVar(&s.expire, "expire", 0, "how long the signature is valid, such as 168h (default: for ever)")
	fs.StringVar(&s.at, "at", "", "sign as of this `TIME` (RFC 3339)")
	fs.BoolVar(&s.fieldsOnly, "fields-only", false, "print only the DKIM-Signature fields")
	fs.BoolVar(&s.asRecord, "record", false, "print the DNS records of the keys instead of signing")
	return cmd
}

func keyFlags(cmd *cobra.Command, domains, selectors, keys *[]string) {
	fs := cmd.Flags()
	fs.StringArrayVar(domains, "domain", nil, "`DOMAIN` that signs, d=")
	fs.StringArrayVar(selectors, "selector", nil, "`SELECTOR` of the key, s=")
	fs.StringArrayVar(keys, "key", nil, "`FILE` with the private key")
}

func (s *signCommand) run(ctx context.Context, args []string) error {
	keys, err := s.loadKeys()
	if err != nil {
		return err
	}
	if s.asRecord {
		return s.printRecords(keys)
	}
	signer, err := s.signer(keys)
	if err != nil {
		return err
	}
	return rewrite(s.std, args, s.fieldsOnly, func(msg *message.Message) ([]byte, error) {
		fields, err := signer.Sign(msg.Header, contextReader{ctx, msg.Body})
		if err != nil {
			return nil, signError(err)
		}
		return fields, nil
	})
}

func signError(err error) error {
	var e *dkim.Error
	if errors.As(err, &e) && e.Reason == dkim.NoFrom {
		return fail(err, "DKIM signs the From field; give a whole message, header and body")
	}
	return fail(err)
}

func (s *signCommand) signer(keys []dkim.Key) (*dkim.Signer, error) {
	signer := &dkim.Signer{Keys: keys, Identity: s.identity, Lifetime: s.expire}
	if s.expire < 0 {
		return nil, usage(fmt.Errorf("--expire %s is in the past", s.expire), "write how long the signature is valid, like 168h")
	}
	var err error
	if signer.Header, signer.Body, err = parseCanon(s.canon); err != nil {
		return nil, err
	}
	if s.headers != "" {
		signer.Fields = strings.Split(s.headers, ":")
	}
	signer.Time, err = (&dnsFlags{at: s.at}).clock()
	return signer, err
}

func parseCanon(s string) (header, body dkim.Canonicalization, err error) {
	words := map[string]dkim.Canonicalization{"relaxed": dkim.Relaxed, "simple": dkim.Simple}
	h, b, _ := strings.Cut(s, "/")
	header, ok1 := words[h]
	body, ok2 := words[b]
	if !ok1 || !ok2 {
		return 0, 0, usage(fmt.Errorf("--canonicalization %q is not known", s), "use relaxed/relaxed, relaxed/simple, simple/relaxed or simple/simple")
	}
	return header, body, nil
}

// loadKeys pairs the flags up, in the order given.
func (s *signCommand) loadKeys() ([]dkim.Key, error) {
	return loadKeys(s.domains, s.selectors, s.keys, s.algorithms)
}

func loadKeys(domains, selectors, files, algorithms []string) ([]dkim.Key, error) {
	for _, missing := range []struct {
		flag string
		n    int
	}{{"--domain", len(domains)}, {"--selector", len(selectors)}, {"--key", len(files)}} {
		if missing.n == 0 {
			return nil, usage(fmt.Errorf("%s is missing", missing.flag), "each key needs --domain, --selector and --key")
		}
	}
	if len(selectors) != len(files) {
		return nil, usage(fmt.Errorf("%d --selector for %d --key", len(selectors), len(files)), "give one --selector for each --key, in the same order")
	}
	if len(domains) != 1 && len(domains) != len(files) {
		return nil, usage(fmt.Errorf("%d --domain for %d --key", len(domains), len(files)), "give --domain once, or once for each --key")
	}
	if len(algorithms) > 1 && len(algorithms) != len(files) {
		return nil, usage(fmt.Errorf("%d --algorithm for %d --key", len(algorithms), len(files)), "leave --algorithm out: the key decides")
	}
	keys := make([]dkim.Key, len(files))
	for i, file := range files {
		d, err := domain.Parse(domains[min(i, len(domains)-1)])
		if err != nil {
			return nil, usage(fmt.Errorf("--domain %q is not a domain name", domains[min(i, len(domains)-1)]), "give a name like example.org")
		}
		if keys[i], err = loadKey(d, selectors[i], file); err != nil {
			return nil, err
		}
		if err := checkAlgorithm(&keys[i], file, algorithms, i); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func loadKey(d domain.Name, selector, file string) (dkim.Key, error) {
	if _, err := domain.Parse(selector); err != nil {
		return dkim.Key{}, usage(fmt.Errorf("--selector %q cannot be part of a domain name", selector), "use letters, digits and hyphens")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return dkim.Key{}, fail(err, "--key takes a file; make one with: openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out rsa.pem")
	}
	private, err := dkim.ParsePrivateKey(text)
	if err != nil {
		return dkim.Key{}, fail(fmt.Errorf("%s: %w", file, err), "give an RSA or Ed25519 private key in PEM, or an Ed25519 seed")
	}
	key := dkim.Key{Domain: d, Selector: selector, Private: private}
	if err := key.Check(); err != nil {
		return dkim.Key{}, fail(fmt.Errorf("%s: %w", file, err), "RSA keys need 1024 bits at least and should have 2048 (RFC 8301)")
	}
	return key, nil
}

func checkAlgorithm(key *dkim.Key, file string, algorithms []string, i int) error {
	if len(algorithms) == 0 {
		return nil
	}
	want := algorithms[min(i, len(algorithms)-1)]
	switch dkim.Algorithm(want) {
	case dkim.RSASHA256, dkim.Ed25519SHA256:
	case dkim.RSASHA1:
		return usage(errors.New("--algorithm rsa-sha1 is not offered: no receiver may accept it (RFC 8301)"), "use rsa-sha256")
	default:
		return usage(fmt.Errorf("--algorithm %q is not known", want), "use rsa-sha256 or ed25519-sha256")
	}
	if string(key.Algorithm()) != want {
		return usage(fmt.Errorf("%s: the key is for %s, not %s", file, key.Algorithm(), want), "leave --algorithm out: the key decides")
	}
	return nil
}

// printRecords prints what to publish, in zone-file format.
func (s *signCommand) printRecords(keys []dkim.Key) error {
	for i := range keys {
		text, err := dkim.FormatRecord(keys[i].Private.Public())
		if err != nil {
			return fail(err)
		}
		if _, err := fmt.Fprintln(s.std.out, setup.TXT(keys[i].KeyName(), text)); err != nil {
			return fail(err)
		}
	}
	return nil
}

// contextReader makes reading end when the user interrupts.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, errInterrupted
	}
	return c.r.Read(p)
}
