package socketmap

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPostmap asks as Postfix does, with its own program.
func TestPostmap(t *testing.T) {
	const postmap = "/usr/sbin/postmap"
	if _, err := os.Stat(postmap); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("Postfix is missing, and CI must have it")
		}
		t.Skip("Postfix is missing; test.sh installs it")
	}
	dir := t.TempDir()
	for _, name := range []string{"main.cf", "master.cf"} {
		if err := os.WriteFile(dir+"/"+name, []byte("# defaults\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &Server{Planner: planner(t), Report: func(err error) { t.Error(err) }}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	ask := func(name string) string {
		cmd := exec.Command(postmap, "-c", dir, "-q", "-", "socketmap:inet:"+l.Addr().String()+":"+name)
		cmd.Stdin = strings.NewReader("dane.signed\n.signed\nsts.plain\na.plain\nnowhere.signed\nmixed.signed\n")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	want := "dane.signed\tdane-only\nsts.plain\tsecure match=mx.plain:mx.dane.signed servername=hostname\nmixed.signed\tdane\n"
	if diff := cmp.Diff(ask(Policy), want); diff != "" {
		t.Error(diff)
	}
	cmd := exec.Command(postmap, "-c", dir, "-q", "half.signed", "socketmap:inet:"+l.Addr().String()+":"+Policy)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "mx.bogus.signed: ") {
		t.Errorf("a lookup that must wait: %v, %q", err, out)
	}
}
