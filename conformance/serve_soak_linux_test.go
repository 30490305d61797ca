package conformance

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// soakMinutes says for how long TestServeSoak runs.
const soakMinutes = "WAXSEAL_SOAK"

const (
	soakSamples = 20
	// What the second half of a soak may need more than the first, which fills caches
	// and pools: what leaks grows on.
	soakGrowth = 16 << 20
	// Goroutines of a waxseal without connections: its servers, their signals, the
	// runtime's own.
	soakIdle = 40
)

// soakTime is 0 unless a soak is asked for.
func soakTime() time.Duration {
	minutes, _ := strconv.ParseFloat(os.Getenv(soakMinutes), 64)
	return time.Duration(minutes * float64(time.Minute))
}

// TestServeSoak has mixed load for some minutes: genuine, forged and large messages,
// ever new senders, lookups of policies, connections that stall, reloads. Memory,
// goroutines and files must come to rest.
func TestServeSoak(t *testing.T) {
	if soakTime() == 0 {
		t.Skip(soakMinutes + " says for how many minutes to run; a soak is for once in a while")
	}
	program(t, "postfix")
	waxseal := buildWaxseal(t)
	if !alone(t) {
		return
	}
	s := startFilter(t, waxseal, "[tls_policy]\nlisten = \""+policyMap+"\"\n")
	startPostfix(t, filterSettings)
	genuine, others := newLedger(), newLedger()
	genuine.receive(t)
	ctx, stop := context.WithTimeout(context.Background(), soakTime())
	defer stop()
	wait := genuine.load(ctx, t)
	var rest sync.WaitGroup
	for _, work := range []func(){
		func() { soakOthers(ctx, t, others) },
		func() { soakPolicies(ctx) },
		func() { soakStalls(ctx, t) },
		func() { soakReloads(ctx, s) },
	} {
		rest.Go(work)
	}
	memory := soakWatch(ctx, t, s)
	wait()
	rest.Wait()
	genuine.check(t)
	accepted, refused, _ := others.counts()
	t.Logf("of the others %d accepted, %d refused", accepted, refused)
	half := len(memory) / 2
	if first, second := most(memory[:half]), most(memory[half:]); second > first+soakGrowth {
		t.Errorf("memory grew from %d to %d bytes", first, second)
	}
	s.testAtRest(t)
}

func most(v []int) int {
	m := 0
	for _, x := range v {
		m = max(m, x)
	}
	return m
}

// soakWatch takes samples of memory until the end.
func soakWatch(ctx context.Context, t *testing.T, s *serving) []int {
	t.Helper()
	var memory []int
	s.peak()
	tick := time.NewTicker(soakTime() / soakSamples)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return memory
		case <-tick.C:
			memory = append(memory, s.peak())
			t.Logf("%d MB at most, %d files open", memory[len(memory)-1]>>20, s.files())
		}
	}
}

// files counts the open files of the process.
func (s *serving) files() int {
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/fd/*")
	return len(files)
}

// testAtRest holds that nothing is left of the load: SIGQUIT lets the runtime write
// down all goroutines.
func (s *serving) testAtRest(t *testing.T) {
	t.Helper()
	awaitTrue(t, "rest", func() bool { return s.files() < soakIdle })
	t.Logf("%d files open at rest", s.files())
	s.signal(syscall.SIGQUIT)
	_ = s.cmd.Wait()
	s.cmd = nil
	n := len(regexp.MustCompile(`(?m)^goroutine \d+ `).FindAllString(s.lines(), -1))
	t.Logf("%d goroutines at rest", n)
	if n == 0 || n > soakIdle {
		t.Errorf("%d goroutines are left, want at most %d", n, soakIdle)
	}
}

// soakOthers sends what is forged, large, and from senders that nobody has seen.
func soakOthers(ctx context.Context, t *testing.T, l *ledger) {
	large := strings.Repeat(strings.Repeat("x", 70)+"\r\n", 5<<20/72)
	for i := 0; ctx.Err() == nil; i++ {
		k := openPostfix(t)
		from, body := fmt.Sprintf("sub%d.other.signed", i), "hello\r\n"
		if i%10 == 0 {
			body = large
		}
		l.send(t, k, from, body)
		k.Quit(context.Background())
	}
}

// soakPolicies asks for policies of ever new domains.
func soakPolicies(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		c, err := net.Dial("tcp", policyMap)
		if err != nil {
			return
		}
		reply := make([]byte, 1000)
		for j := range 100 {
			query := fmt.Sprintf("policy d%d-%d.signed", i, j)
			fmt.Fprintf(c, "%d:%s,", len(query), query)
			if _, err := c.Read(reply); err != nil {
				break
			}
		}
		c.Close()
		soakPause(ctx, 100*time.Millisecond)
	}
}

// soakStalls opens connections that stop in any stage and leaves them for a while.
func soakStalls(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		var stalled []net.Conn
		for stage := range milterStages {
			stalled = append(stalled, stall(t, stage))
		}
		soakPause(ctx, time.Second)
		for _, c := range stalled {
			c.Close()
		}
	}
}

func soakReloads(ctx context.Context, s *serving) {
	for ctx.Err() == nil {
		_ = s.cmd.Process.Signal(syscall.SIGHUP)
		soakPause(ctx, 3*time.Second)
	}
}

// soakPause spaces out the load.
func soakPause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
