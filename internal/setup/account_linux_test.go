package setup

import (
	"os"
	"slices"
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
	without := run(t, s)
	if without.Account != "" || len(without.Chown) != 4 {
		t.Errorf("got %q, %q", without.Account, without.Chown)
	}
	// Run again once there is an account, what root made then is still to be handed over.
	if err := os.Remove(s.Config); err != nil {
		t.Fatal(err)
	}
	s.Account = "nobody"
	var want []string
	for _, command := range without.Chown[1:] {
		want = append(want, strings.ReplaceAll(command, "no-such-account", "nobody"))
	}
	if r := run(t, s); r.Account != "nobody" || !slices.Equal(r.Chown, want) {
		t.Errorf("got %q, %q, want %q", r.Account, r.Chown, want)
	}
}
