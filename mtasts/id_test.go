package mtasts

import "testing"

func TestPolicyID(t *testing.T) {
	base := func(change func(*Policy)) string {
		p := &Policy{Version: "STSv1", Mode: Testing, MX: []string{"mx.example.org"}, MaxAge: 86400}
		change(p)
		rec, err := ParseRecord((&Record{ID: p.ID()}).String())
		if err != nil {
			t.Fatal(err)
		}
		return rec.ID
	}
	seen := map[string]string{}
	for _, row := range []struct {
		name   string
		change func(*Policy)
		again  bool
	}{
		{"first", func(*Policy) {}, false},
		{"same", func(p *Policy) { p.Warnings = []string{"not published"} }, true},
		{"mode", func(p *Policy) { p.Mode = Enforce }, false},
		{"mx", func(p *Policy) { p.MX[0] = "*.example.org" }, false},
		{"more-mx", func(p *Policy) { p.MX = append(p.MX, "mx2.example.org") }, false},
		{"max-age", func(p *Policy) { p.MaxAge++ }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			id := base(row.change)
			if other, ok := seen[id]; ok != row.again {
				t.Errorf("id %s: as %q %t, want %t", id, other, ok, row.again)
			}
			seen[id] = row.name
		})
	}
	// Senders compare with what they have kept: an id must not change by itself.
	p := &Policy{Version: "STSv1", Mode: Testing, MX: []string{"mx.example.org"}, MaxAge: 86400}
	if got, want := p.ID(), "56a100b2cf83d05bba22"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
