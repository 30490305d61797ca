package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Targets of the command line.
const (
	largeMessage = 50 << 20
	maxRSS       = 30 << 10 // KB
	maxStart     = 20 * time.Millisecond
	aimStart     = 10 * time.Millisecond
)

const (
	largeFile = "large.eml"
	zoneFile  = "corpus.zone"
)

// writeLarge writes what benchCLI verifies.
func writeLarge(dir string) error {
	c, err := newCorpus()
	if err != nil {
		return err
	}
	msg, err := c.sign(content(largeMessage), c.rsa)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, largeFile), msg, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, zoneFile), []byte(c.zone()), 0o600)
}

// benchCLI runs the program on a 50 MB message and measures how long it takes
// to start. It returns how many targets were missed. A child's peak memory
// begins at that of the process which starts it, so it runs first, and the
// message is made by a process of its own.
func benchCLI(w io.Writer, program string, rounds int) (missed int, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	if _, err := command(self, "-write-large", dir); err != nil {
		return 0, err
	}
	u, err := command(program, "verify", "--json", "--dnssec", "off", "--zone", filepath.Join(dir, zoneFile),
		"--ip", clientIP, "--helo", heloName, "--mail-from", mailFrom, filepath.Join(dir, largeFile))
	if err != nil {
		return 0, err
	}
	if !bytes.Contains(u.out, []byte(`"dkim_aligned":true`)) {
		return 0, fmt.Errorf("the 50 MB message does not pass: %.500s", u.out)
	}
	verdict, miss := judge(float64(u.rss), maxRSS, maxRSS)
	fmt.Fprintf(w, "cli verify, 50 MB message: %.1f MB resident, must %d: %s; %v CPU\n", float64(u.rss)/1024, maxRSS/1024, verdict, u.cpu)
	missed += count(miss)

	var starts []time.Duration
	for range max(rounds, 10) {
		u, err := command(program, "version")
		if err != nil {
			return 0, err
		}
		starts = append(starts, u.wall)
	}
	verdict, miss = judge(float64(median(starts)), float64(maxStart), float64(aimStart))
	fmt.Fprintf(w, "cli start: %v, must %v, aim %v: %s\n", median(starts).Round(100*time.Microsecond), maxStart, aimStart, verdict)
	return missed + count(miss), nil
}

// usage is what one run of a program took.
type usage struct {
	out       []byte
	rss       int64 // peak, in KB
	cpu, wall time.Duration
}

func command(program string, args ...string) (u usage, err error) {
	cmd := exec.Command(program, args...)
	start := time.Now()
	if u.out, err = cmd.Output(); err != nil {
		return usage{}, fmt.Errorf("%s %s: %w", program, args[0], err)
	}
	u.wall = time.Since(start)
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.rss = r.Maxrss
	}
	return u, nil
}
