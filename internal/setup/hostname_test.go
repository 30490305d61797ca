package setup

import (
	"context"
	"io/fs"
	"testing"

	"github.com/waxseal/waxseal/domain"
)

func TestHostname(t *testing.T) {
	says := func(name string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) {
			if name == "" {
				return "", fs.ErrNotExist
			}
			return name + "\n", nil
		}
	}
	for _, row := range []struct {
		name            string
		flag            domain.Name
		postfix, system string
		want            domain.Name
		from            string
	}{
		{"flag", "a.example.net", "b.example.net", "c.example.net", "a.example.net", "--hostname"},
		{"postfix", "", "b.example.net", "c.example.net", "b.example.net", "postconf -h myhostname"},
		{"system", "", "", "c.example.net", "c.example.net", "the name of this system"},
		{"postfix-localdomain", "", "mx.localdomain", "c.example.net", "c.example.net", "the name of this system"},
		{"short", "", "mx", "mx", "mx.example.org", Assumed},
		{"private", "", "mx.home.arpa", "mx.lan", "mx.example.org", Assumed},
		{"nonsense", "", "b..c", "x y", "mx.example.org", Assumed},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &Setup{Domain: "example.org", Hostname: row.flag, PostfixName: says(row.postfix)}
			s.SystemName = func() (string, error) { return says(row.system)(t.Context()) }
			if got, from := s.hostname(t.Context()); got != row.want || from != row.from {
				t.Errorf("got %s (%s), want %s (%s)", got, from, row.want, row.from)
			}
		})
	}
}
