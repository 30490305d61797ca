package daemon

import (
	"net/netip"
	"testing"

	"github.com/waxseal/waxseal/internal/milter"
	"github.com/waxseal/waxseal/message"
)

// TestSkip holds that only the body of a message with a signature is asked for:
// mail servers that wait for a reply to each chunk send the rest of another to
// nobody.
func TestSkip(t *testing.T) {
	const signature = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=bank.example; s=rsa; h=from;\r\n" +
		" bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=AAAA\r\n"
	for _, row := range []struct {
		name, header string
		want         bool
	}{
		{"unsigned", "From: boss@bank.example\r\n", true},
		{"signed", signature + "From: boss@bank.example\r\n", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, err := message.ParseHeader([]byte(row.header))
			if err != nil {
				t.Fatal(err)
			}
			tx, a := newSite(t, "").filter().Begin(t.Context(), &milter.Message{
				Client: milter.Client{Addr: netip.MustParseAddr("203.0.113.9")}, Macros: new(milter.Macros), Header: h,
			})
			if tx == nil {
				t.Fatalf("answered %+v", a)
			}
			defer tx.Abort()
			if s, ok := tx.(milter.Skipper); !ok || s.Skip() != row.want {
				t.Errorf("got %v, want %v", !row.want, row.want)
			}
		})
	}
}
