package daemon

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/dnssec"
	"github.com/waxseal/waxseal/internal/store"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// TestRunFollows runs a daemon against a name server and holds that the keys of its
// trust anchor reach the state directory.
func TestRunFollows(t *testing.T) {
	key := rootKey(t, "key")
	root := &rolling{t: t}
	root.set(rootKeys(key))
	server, err := zonefile.Serve("127.0.0.1:0", root)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s := &site{t: t, dir: t.TempDir()}
	s.write("anchors", key.DS(dns.SHA256).String()+"\n")
	s.write("waxseal.toml", fmt.Sprintf(`hostname = "mx.example.org"
[dns]
servers = [%q]
trust_anchor = "%s/anchors"
trust_anchor_tracking = "on"
[tls_policy]
listen = "unix:%[2]s/policy"
[state]
directory = %[2]q
`, server.Addr(), s.dir))
	_, stop := start(t, s.daemon())
	file := store.OpenAnchors(s.dir)
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file.Path()); err == nil || time.Since(begin) > 30*time.Second {
			break
		}
	}
	stop()
	kept, err := file.Load()
	if err != nil || kept == nil || len(kept.Trackers) != 1 {
		t.Fatalf("kept: %+v, %v\n%s", kept, err, s.log.String())
	}
	var got []dnssec.KeyState
	for _, k := range kept.Trackers[0].Keys {
		got = append(got, k.State)
	}
	if diff := cmp.Diff(got, []dnssec.KeyState{dnssec.Valid}); diff != "" {
		t.Error(diff)
	}
}
