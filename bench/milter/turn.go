package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// load is what is sent in a turn.
type load struct {
	file               string // as smtp-source reads it
	messages, sessions int
	keep               bool // the session for the next message
}

// turn is what one took for one load.
type turn struct {
	accepted, drained time.Duration // until the last reply, and until the queue was empty
	cpu               map[string]time.Duration
	memory            int64
}

// take lets a contender take a load.
func (b *bed) take(c contender, l load) (*turn, error) {
	before, err := b.costs()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := b.send(c, l, client{senderHost, "news@" + senderDomain, "reader@" + receiverDomain}); err != nil {
		return nil, err
	}
	t := &turn{accepted: time.Since(begin), cpu: map[string]time.Duration{}}
	if err := b.drained(); err != nil {
		return nil, err
	}
	t.drained = time.Since(begin)
	after, err := b.costs()
	if err != nil {
		return nil, err
	}
	for name := range after {
		t.cpu[name] = after[name] - before[name]
	}
	t.memory, err = b.memory(c)
	return t, err
}

// client is what smtp-source says of itself.
type client struct{ helo, from, to string }

// send sends a load to a contender.
func (b *bed) send(c contender, l load, as client) error {
	args := []string{
		"-s", strconv.Itoa(l.sessions), "-m", strconv.Itoa(l.messages), "-M", as.helo,
		"-f", as.from, "-t", as.to, "-F", l.file,
	}
	if l.keep {
		args = append(args, "-d")
	}
	out, err := exec.Command("/usr/sbin/smtp-source", append(args, fmt.Sprintf("%s:%d", postfixHost, c.port))...).CombinedOutput()
	if err != nil || len(out) > 0 {
		return fmt.Errorf("%s: smtp-source: %v\n%s", c.name, err, out)
	}
	return nil
}

// drained waits until Postfix has delivered everything.
func (b *bed) drained() error {
	const longest = 10 * time.Minute
	for deadline := time.Now().Add(longest); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		left := 0
		for _, queue := range []string{"incoming", "active"} {
			entries, err := os.ReadDir(b.file("queue/" + queue))
			if err != nil {
				return err
			}
			left += len(entries)
		}
		if left > 0 {
			continue
		}
		if stuck, _ := filepath.Glob(b.file("queue/deferred/*/*")); len(stuck) > 0 {
			return fmt.Errorf("%d messages cannot be delivered; see %s", len(stuck), b.file("maillog"))
		}
		return nil
	}
	return fmt.Errorf("the queue is not empty after %v", longest)
}
