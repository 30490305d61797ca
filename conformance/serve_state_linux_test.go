package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ask asks the policy map for a domain.
func (b *channelBed) ask(domain string) string {
	b.t.Helper()
	c, err := net.Dial("tcp", policyMap)
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	query := "policy " + domain
	fmt.Fprintf(c, "%d:%s,", len(query), query)
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	reply := make([]byte, 1000)
	n, err := c.Read(reply)
	if err != nil && err != io.EOF {
		b.t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(reply[:n]), ":")
	return strings.TrimSuffix(text, ",")
}

// fill takes what is left of a file system.
func fill(t testing.TB, dir string) (file string) {
	t.Helper()
	file = filepath.Join(dir, "junk")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return file
}

// secureFor is the reply for a domain that has a policy.
func secureFor(domain string) string {
	return "OK secure match=mx." + domain + " servername=hostname"
}

// TestServeState takes the state directory away in every way from a waxseal that
// runs, and hands it over broken to one that starts.
func TestServeState(t *testing.T) {
	waxseal := buildWaxseal(t)
	if !alone(t) {
		return
	}
	b := newChannelBed(t)
	b.state = filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(b.state, 0o700); err != nil {
		t.Fatal(err)
	}
	b.answer()
	defer b.names.Close()
	mount(t, "tmpfs", b.state, "tmpfs", 0, "size=256k,mode=0700")
	t.Cleanup(func() { _ = syscall.Unmount(b.state, syscall.MNT_DETACH) })
	b.serve(waxseal)
	t.Run("full", b.testFor(b.testFull))
	t.Run("removed", b.testFor(b.testRemoved))
	t.Run("overwritten", b.testFor(b.testOverwritten))
	t.Run("newer", b.testFor(b.testNewer))
	t.Run("read-only", b.testFor(b.testReadOnly))
}

// testFor lets a test report for itself.
func (b *channelBed) testFor(test func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) {
		whole := b.t
		b.t, b.serving.t = t, t
		defer func() { b.t, b.serving.t = whole, whole }()
		test(t)
	}
}

func (b *channelBed) database() string { return filepath.Join(b.state, "waxseal.db") }

// testFull has a disk without room, also for a start.
func (b *channelBed) testFull(t *testing.T) {
	b.known("sts.plain")
	junk := fill(t, b.state)
	b.known("sts-stripped.plain")
	b.serving.await(`"msg":"state directory"`, 1)
	b.serving.restart() // there is no room for anything new
	b.known("sts.plain")
	b.known("sts-stranger.plain")
	if err := os.Remove(junk); err != nil {
		t.Fatal(err)
	}
	b.known("sts-other-name.plain")
	b.kept("sts.plain", "sts-other-name.plain")
}

// testRemoved has the files gone.
func (b *channelBed) testRemoved(t *testing.T) {
	b.empty(t)
	b.known("sts.plain")
	b.known("sts-mx-spoofed.plain")
	b.serving.restart()
	b.known("sts.plain")
	b.kept("sts.plain")
}

// testOverwritten has other bytes in the database.
func (b *channelBed) testOverwritten(t *testing.T) {
	f, err := os.OpenFile(b.database(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("garbage "), 4096)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	b.known("sts.plain")
	b.known("sts-mx-denied.plain")
	b.serving.kill()
	_ = os.Remove(b.database() + "-wal") // from which SQLite could mend it
	b.refused(t, "waxseal.db: the database is damaged: ")
}

// testNewer has the database of a newer release.
func (b *channelBed) testNewer(t *testing.T) {
	b.empty(t)
	b.serving.start()
	b.serving.stop()
	f, err := os.OpenFile(b.database(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0, 0, 3, 231}, 60); err != nil { // user_version (SQLite's file format, Section 1.3)
		t.Fatal(err)
	}
	f.Close()
	b.refused(t, "schema version 999 is newer than this program's ")
}

// testReadOnly has a file system that takes no writes.
func (b *channelBed) testReadOnly(t *testing.T) {
	b.empty(t)
	mount(t, "tmpfs", b.state, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	b.refused(t, "read-only file system")
	mount(t, "tmpfs", b.state, "tmpfs", syscall.MS_REMOUNT, "")
	b.serving.start()
	b.known("sts.plain")
}

// empty removes all that is in the state directory.
func (b *channelBed) empty(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.state, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// known holds that a domain's policy is followed.
func (b *channelBed) known(domain string) {
	b.t.Helper()
	same(b.t, domain, b.ask(domain), secureFor(domain))
}

// kept holds that policies outlive a restart in which they cannot be fetched.
func (b *channelBed) kept(domains ...string) {
	b.t.Helper()
	for _, d := range domains {
		b.policies.set(d, true, "")
	}
	b.serving.restart()
	for _, d := range domains {
		b.known(d)
		b.policies.set(d, false, "")
	}
}

// refused holds that waxseal does not start, and says in one line why.
func (b *channelBed) refused(t *testing.T, why string) {
	t.Helper()
	if b.serving.cmd != nil {
		b.serving.stop()
	}
	out, err := exec.Command(b.serving.program, "serve", "--config", b.serving.config).CombinedOutput()
	first, _, _ := strings.Cut(string(out), "\n")
	if err == nil || !strings.HasPrefix(first, "waxseal: store: ") || !strings.Contains(first, why) {
		t.Errorf("got %v, %q, want that it does not start: %q", err, out, why)
	}
}
