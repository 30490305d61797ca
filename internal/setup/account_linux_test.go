package setup

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAccount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	s := newSetup(t)
	s.Account = "nobody"
	r := run(t, s)
	if r.Account != "nobody" || r.Chown != nil {
		t.Errorf("got %q, %q", r.Account, r.Chown)
	}
	nobody, err := lookupOwner("nobody")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Files {
		info, err := os.Stat(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		uid := 0
		if strings.HasSuffix(f.Path, ".pem") || f.Path == s.State {
			uid = nobody.uid
		}
		stat := info.Sys().(*syscall.Stat_t)
		if int(stat.Uid) != uid || int(stat.Gid) != nobody.gid {
			t.Errorf("%s belongs to %d:%d", f.Path, stat.Uid, stat.Gid)
		}
	}
	s = newSetup(t)
	s.Account = "no-such-account"
	if r := run(t, s); r.Account != "" || len(r.Chown) != 4 {
		t.Errorf("got %q, %q", r.Account, r.Chown)
	}
}
