package conformance

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/arc"
	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/upstream"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"go.yaml.in/yaml/v3"
)

// arcScenario is one document of the ARC suite.
type arcScenario struct {
	Description string
	Tests       arcCases
	TXT         map[string]string `yaml:"txt-records"`
}

// arcCases has the cases of each name: four names of the suite occur twice.
type arcCases map[string][]arcCase

func (a *arcCases) UnmarshalYAML(n *yaml.Node) error {
	*a = arcCases{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		var c arcCase
		if err := n.Content[i+1].Decode(&c); err != nil {
			return err
		}
		name := n.Content[i].Value
		(*a)[name] = append((*a)[name], c)
	}
	return nil
}

type arcCase struct {
	Spec, Description string
	Message           string // with bare LF
	CV                string // empty where a seal has cv=fail: the chain fails
}

func arcScenarios(t *testing.T) []arcScenario {
	t.Helper()
	d := yaml.NewDecoder(suite(t, "arc/arc-draft-validation-tests.yml"))
	var all []arcScenario
	for {
		var s arcScenario
		err := d.Decode(&s)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
}

// zones returns the keys of the scenario as a zone.
func (s arcScenario) zones(t *testing.T) *zonefile.Zones {
	t.Helper()
	var b strings.Builder
	for name, txt := range s.TXT {
		b.WriteString(absolute(name) + " 3600 IN TXT")
		for txt = strings.TrimSpace(txt); txt != ""; {
			n := min(len(txt), 200)
			b.WriteString(" " + quoteString(txt[:n]))
			txt = txt[n:]
		}
		b.WriteString("\n")
	}
	zones, err := zonefile.Parse(strings.NewReader(b.String()), "scenario")
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return zones
}

func unvalidated(_ *testing.T, z *zonefile.Zones) resolver.Resolver {
	return &resolver.Unvalidated{Source: z, Status: resolver.Insecure}
}

func TestARCZone(t *testing.T) {
	runARC(t, "zone", unvalidated, func(msg string) string { return strings.ReplaceAll(msg, "\n", "\r\n") })
}

// The keys come from a server on loopback, through a client and a cache.
func TestARCLoopback(t *testing.T) {
	runARC(t, "loopback", func(t *testing.T, z *zonefile.Zones) resolver.Resolver {
		s, err := zonefile.Serve("127.0.0.1:0", z)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		server := resolver.Server{Addr: s.Addr()}
		return &resolver.Cache{Resolver: &resolver.Unvalidated{Source: &upstream.Client{Servers: []resolver.Server{server}}}}
	}, func(msg string) string { return strings.ReplaceAll(msg, "\n", "\r\n") })
}

// The messages as the file has them, with bare LF, which is read as CRLF.
func TestARCZoneBareLF(t *testing.T) {
	runARC(t, "zone, bare LF", unvalidated, func(msg string) string { return msg })
}

// runARC runs each case of the suite. Names in a resolver are those of one
// scenario.
func runARC(t *testing.T, mode string, serve func(*testing.T, *zonefile.Zones) resolver.Resolver, lines func(string) string) {
	excused := skips(t, "arc")
	count := tally{Suite: "arc", Mode: mode}
	for _, s := range arcScenarios(t) {
		v := &arc.Validator{Resolver: serve(t, s.zones(t)), Keys: new(dkim.KeyCache)}
		for name, cases := range s.Tests {
			count.Cases++
			if reason := excused[name]; reason != "" {
				count.Skipped++
				continue
			}
			ok := t.Run(strings.ReplaceAll(s.Description, " ", "-")+"/"+name, func(t *testing.T) {
				for _, c := range cases {
					c.run(t, v, lines(c.Message))
				}
			})
			if ok {
				count.Passed++
			}
		}
	}
	count.check(t)
}

func (c arcCase) run(t *testing.T, v *arc.Validator, text string) {
	m, err := message.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Validate(context.Background(), m.Header, m.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ToLower(c.CV)
	if want == "" {
		want = "fail"
	}
	if string(got.Result) != want {
		t.Errorf("%s: got %s (%s), want %s", c.Description, got.Result, got.Reason, want)
	}
}
