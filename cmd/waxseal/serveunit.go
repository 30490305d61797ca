package main

import (
	"embed"
	"fmt"
	"io"
)

// units are the files for systemd.
//
//go:embed systemd/waxseal.service systemd/waxseal.socket
var units embed.FS

// printUnit prints the unit of a kind, service or socket.
func printUnit(w io.Writer, kind string) error {
	text, err := units.ReadFile("systemd/waxseal." + kind)
	if err != nil {
		return usage(fmt.Errorf("there is no unit of kind %q", kind), "--unit or --unit=service prints the service, --unit=socket a socket beside it")
	}
	_, err = w.Write(text)
	return err
}
