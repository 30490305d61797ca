package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/daemon"
)

// unitFile returns a unit as it is printed.
func unitFile(t *testing.T, kind string) string {
	t.Helper()
	var b strings.Builder
	if err := printUnit(&b, kind); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// setting returns the value of a key of a unit.
func setting(t *testing.T, unit, key string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindStringSubmatch(unit)
	if m == nil {
		t.Fatalf("no %s", key)
	}
	return m[1]
}

// TestUnits holds what the units say to what the program does.
func TestUnits(t *testing.T) {
	service, socket := unitFile(t, "service"), unitFile(t, "socket")
	stop, err := time.ParseDuration(setting(t, service, "TimeoutStopSec") + "s")
	if drain := config.Default().Milter.Drain.Time(); err != nil || stop < drain+10*time.Second {
		t.Errorf("%v, %v to stop, of which %v are for messages under way", stop, err, drain)
	}
	if words := strings.Fields(setting(t, service, "ExecStart")); words[len(words)-1] != defaultConfig {
		t.Errorf("starts with %q", words)
	}
	if name := setting(t, socket, "FileDescriptorName"); !slices.Contains(daemon.SocketNames(), name) {
		t.Errorf("a socket for %q", name)
	}
}

// TestUnitsVerify lets systemd read the units.
func TestUnitsVerify(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	program, err := os.Executable() // one that there is
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"service", "socket"} {
		text := strings.ReplaceAll(unitFile(t, kind), "/usr/local/bin/waxseal serve", program)
		if err := os.WriteFile(filepath.Join(dir, "waxseal."+kind), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Its exit code is about the units of the host that these name, as well.
	out, _ := exec.Command("systemd-analyze", "verify", dir+"/waxseal.service", dir+"/waxseal.socket").CombinedOutput()
	if strings.Contains(string(out), "waxseal") {
		t.Errorf("%s", out)
	}
}
