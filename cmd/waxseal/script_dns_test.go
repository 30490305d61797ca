package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

// nameServer is the script command "nameserver VAR FILE...": it serves zone files
// on a free port of loopback and puts its address into VAR, its port alone into
// VAR_PORT.
func nameServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nameserver VAR FILE...")
	}
	var paths []string
	for _, name := range args[1:] {
		paths = append(paths, ts.MkAbs(name))
	}
	zones, err := loadZones(paths)
	ts.Check(err)
	s, err := zonefile.Serve("127.0.0.1:0", zones)
	ts.Check(err)
	ts.Defer(func() { ts.Check(s.Close()) })
	setAddr(ts, args[0], s.Addr())
}

func setAddr(ts *testscript.TestScript, name, addr string) {
	_, port, err := net.SplitHostPort(addr)
	ts.Check(err)
	ts.Setenv(name, addr)
	ts.Setenv(name+"_PORT", port)
}

var listening = regexp.MustCompile(`queries at (\S+) over`)

// background is the script command "background VAR ARGS...": it runs waxseal with
// ARGS until the script ends and puts the address it listens at into VAR.
func background(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: background VAR ARGS...")
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args[1:], stdio{nil, io.Discard, w})
		_ = w.Close()
	}()
	lines := bufio.NewReader(r)
	line, err := lines.ReadString('\n')
	m := listening.FindStringSubmatch(line)
	go io.Copy(io.Discard, lines) //nolint:errcheck // ends with the command
	ts.Defer(func() {
		cancel()
		if c := <-code; c != 0 {
			panic(fmt.Sprintf("waxseal %v ended with %d", args[1:], c))
		}
	})
	if m == nil {
		ts.Fatalf("it says %q, %v", line, err)
	}
	setAddr(ts, args[0], m[1])
}
