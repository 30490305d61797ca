package conformance

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
	"github.com/waxseal/waxseal/spf"
	"go.yaml.in/yaml/v3"
)

// spfScenario is one document of the SPF suite.
type spfScenario struct {
	Description string
	Tests       map[string]spfCase
	ZoneData    zoneData `yaml:"zonedata"`
}

type spfCase struct {
	Spec        any
	Helo        string
	Host        string
	MailFrom    string  `yaml:"mailfrom"`
	Result      oneOf   // each of them is right
	Explanation *string // "DEFAULT" stands for none
}

// oneOf is a scalar or a list of them.
type oneOf []string

func (o *oneOf) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*o = oneOf{n.Value}
		return nil
	}
	return n.Decode((*[]string)(o))
}

func spfScenarios(t *testing.T) []spfScenario {
	t.Helper()
	d := yaml.NewDecoder(suite(t, "spf/rfc7208-tests.yml"))
	var all []spfScenario
	for {
		var s spfScenario
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

func TestSPFZone(t *testing.T) {
	runSPF(t, "zone", func(_ *testing.T, z *zonefile.Zones) resolver.Resolver {
		return &resolver.Unvalidated{Source: z, Status: resolver.Insecure}
	})
}

func TestSPFLoopback(t *testing.T) { runSPF(t, "loopback", loopback) }

// runSPF runs each case of the suite. Each scenario has a resolver of its
// own.
func runSPF(t *testing.T, mode string, serve func(*testing.T, *zonefile.Zones) resolver.Resolver) {
	excused := skips(t, "spf")
	count := tally{Suite: "spf", Mode: mode}
	for _, s := range spfScenarios(t) {
		r := serve(t, s.ZoneData.zones(t))
		for name, c := range s.Tests {
			count.Cases++
			if reason := excused[name]; reason != "" {
				count.Skipped++
				continue
			}
			ok := t.Run(strings.ReplaceAll(s.Description, " ", "-")+"/"+name, func(t *testing.T) {
				c.run(t, r)
			})
			if ok {
				count.Passed++
			}
		}
	}
	count.check(t)
}

func (c spfCase) run(t *testing.T, r resolver.Resolver) {
	checker := spf.Checker{Resolver: r, Receiver: "mx.example.org", Trace: true}
	e := checker.CheckHost(context.Background(), spf.Args{
		IP: netip.MustParseAddr(c.Host), Helo: c.Helo, MailFrom: c.MailFrom,
	})
	if !slices.Contains(c.Result, string(e.Result)) {
		t.Errorf("%v: got %s, want %s\n%s\n%+v", c.Spec, e.Result, c.Result, e.Reason, e.Trace)
	}
	if c.Explanation == nil || e.Result != spf.Fail {
		return
	}
	want := *c.Explanation
	if want == "DEFAULT" {
		want = ""
	}
	if e.Explanation != want {
		t.Errorf("%v: explanation: got %q, want %q", c.Spec, e.Explanation, want)
	}
}
