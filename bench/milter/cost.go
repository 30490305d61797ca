package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of time in /proc (USER_HZ).
const tick = 10 * time.Millisecond

// stat is what /proc says of a process.
type stat struct {
	parent int
	cpu    time.Duration // its own, and that of its children that have ended
}

func stats() (map[int]stat, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := map[int]stat{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest) // from the state on, which is field 3 of proc(5)
		var s stat
		if s.parent, err = strconv.Atoi(f[4-3]); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, i := range [...]int{14 - 3, 15 - 3, 16 - 3, 17 - 3} {
			n, err := strconv.Atoi(f[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			s.cpu += time.Duration(n) * tick
		}
		all[pid] = s
	}
	return all, nil
}

// family returns a process and all below it.
func family(all map[int]stat, root int) []int {
	members := []int{root}
	for i := 0; i < len(members); i++ {
		for pid, s := range all {
			if s.parent == members[i] {
				members = append(members, pid)
			}
		}
	}
	return members
}

// costs returns the CPU time of each program of the bed and what it has started.
func (b *bed) costs() (map[string]time.Duration, error) {
	all, err := stats()
	if err != nil {
		return nil, err
	}
	out := map[string]time.Duration{}
	for name, p := range b.running {
		for _, pid := range family(all, p.cmd.Process.Pid) {
			out[name] += all[pid].cpu
		}
	}
	return out, nil
}

// memory returns the bytes that are resident for a contender's filters and for the
// processes of policyd-spf, each page divided among those that share it.
func (b *bed) memory(c contender) (int64, error) {
	all, err := stats()
	if err != nil {
		return 0, err
	}
	var sum int64
	for pid := range all {
		if !b.filterProcess(c, pid) {
			continue
		}
		n, err := inKB(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "\nPss:")
		if err != nil {
			continue // it has ended
		}
		sum += n
	}
	return sum, nil
}

func (b *bed) filterProcess(c contender, pid int) bool {
	for _, name := range c.filters {
		if p := b.running[name]; p != nil && p.cmd.Process.Pid == pid {
			return true
		}
	}
	argv, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return c.name == "chain" && strings.Contains(string(argv), "python") && strings.Contains(string(argv), "policyd-spf")
}

// peak returns the most bytes that were resident since resetPeak.
func (b *bed) peak(name string) (int64, error) {
	return inKB(fmt.Sprintf("/proc/%d/status", b.running[name].cmd.Process.Pid), "\nVmHWM:")
}

func (b *bed) resetPeak(name string) error {
	const ofPeak = "5" // proc(5), clear_refs
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", b.running[name].cmd.Process.Pid), []byte(ofPeak), 0)
}

func inKB(file, field string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), field)
	f := strings.Fields(rest)
	if !found || len(f) == 0 {
		return 0, fmt.Errorf("%s: no %q", file, field)
	}
	n, err := strconv.ParseInt(f[0], 10, 64)
	return n << 10, err
}
