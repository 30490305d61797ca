package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/daemon"
)

// defaultConfig is where the configuration is looked for.
const defaultConfig = "/etc/waxseal/waxseal.toml"

type serveCommand struct {
	std   stdio
	file  string
	check bool
	first initFlags
	unit  string
}

func newServe(std stdio) *cobra.Command {
	s := &serveCommand{std: std}
	cmd := &cobra.Command{
		Use:   "serve [--config FILE] [--check | --init DOMAIN | --unit[=KIND]]",
		Short: "Filter a mail server's mail and tell it TLS policies",
		Long: `Serve beside a mail server: a mail filter (milter) that checks what comes from
others and signs what is ours, and a map of TLS policies (socketmap) for what
Postfix sends. It can be the host of your MTA-STS policies too. Everything is in
one TOML file; waxseal config explain shows every key with its default.

A first install refuses nothing but headers over a limit (100,000 fields or 8 MiB):
with mode = "monitor", the default, results are written into the messages and the
log, and what enforcing would have done is logged with them.

SIGHUP reads the file again; if anything is wrong with it, the old configuration
stays in force and the log says why. SIGTERM lets the messages under way finish,
for milter.drain at most; a second one ends them. The log goes to standard error,
one JSON object a line. With metrics.listen there are /metrics for Prometheus,
/healthz and /readyz over HTTP.

Under systemd it says when it is ready, reloads and stops, answers the watchdog, and
takes sockets that systemd has opened, named after the table of their server.

--init makes a first configuration: signing keys for RSA and Ed25519, a commented
configuration file at --config (or in it, if it is a folder), the folder for
state, and the DNS records to publish, also as a file. It prints those and the
lines for Postfix's main.cf. Nothing that is there is written over: keys that
exist are used, an existing configuration is an error. DNS is neither asked nor
changed. Made by root, all of it is for the account waxseal, if there is one.`,
		Example: `  waxseal serve --init example.org
  waxseal serve --init example.org --hostname mx.example.org --ip 192.0.2.25 --config ./trial/
  waxseal serve --check
  waxseal serve --config ./waxseal.toml
  waxseal serve --unit > /etc/systemd/system/waxseal.service`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("unit") {
				if s.check || cmd.Flags().Changed("init") {
					return usage(errors.New("--unit is a run of its own"), "leave --check and --init out")
				}
				return printUnit(std.out, s.unit)
			}
			if !cmd.Flags().Changed("init") {
				if err := s.first.withoutInit(cmd); err != nil {
					return err
				}
				return s.run(cmd.Context())
			}
			if s.check {
				return usage(errors.New("--init and --check are two runs"), "waxseal serve --check looks at what --init has made")
			}
			return s.first.runInit(cmd.Context(), std, s.file)
		},
	}
	configFlag(cmd, &s.file)
	s.first.register(cmd)
	cmd.Flags().StringVar(&s.unit, "unit", "", "print a unit file for systemd, with how to install it, and serve nothing: service or socket `KIND`")
	cmd.Flags().Lookup("unit").NoOptDefVal = "service"
	cmd.Flags().BoolVar(&s.check, "check", false, "read the configuration and all that it names, say what is wrong, and serve nothing")
	return cmd
}

func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", defaultConfig, "configuration `FILE`")
}

func (s *serveCommand) run(ctx context.Context) error {
	d := &daemon.Daemon{ConfigFile: s.file, Credentials: os.Getenv("CREDENTIALS_DIRECTORY")}
	c, err := d.Check()
	if err != nil {
		return configError(s.std, err)
	}
	if s.check {
		for _, w := range d.Warnings(c) {
			fmt.Fprintf(s.std.err, "waxseal: warning: %s\n", w)
		}
		fmt.Fprintf(s.std.out, "%s: ok\n", s.file)
		return nil
	}
	if d.Log, err = daemon.NewLog(s.std.err, c.Log); err != nil {
		return fail(err)
	}
	return runDaemon(ctx, d)
}

// configError says all that is wrong with a configuration, a line each.
func configError(std stdio, err error) error {
	var list interface{ Unwrap() []error }
	if errors.As(err, &list) {
		all := list.Unwrap()
		for _, e := range all[:len(all)-1] {
			fmt.Fprintf(std.err, "waxseal: %s\n", oneLine(e.Error()))
		}
		err = all[len(all)-1]
	}
	var one *config.Error
	switch {
	case errors.As(err, &one):
		return fail(err, "waxseal config explain lists every key")
	case errors.Is(err, os.ErrPermission):
		return fail(err, "the account that serve runs as must be able to read it: chown or chgrp it to that account")
	case errors.Is(err, os.ErrNotExist):
		return fail(err, "waxseal serve --init example.org makes a first configuration", "--config names the configuration file; a domain's key is a file of its own")
	}
	return fail(err)
}

func newConfig(std stdio) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Explain the configuration of serve"}
	var file string
	var asJSON bool
	explain := &cobra.Command{
		Use:   "explain [--config FILE] [--json]",
		Short: "Show every value, its default and where it came from",
		Long: `Show every key of the configuration file with its value, its default where the
file says otherwise, and the line that sets it. Without a file at the default
place, the defaults are shown with what each key means.`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(file)
			if errors.Is(err, os.ErrNotExist) && !cmd.Flags().Changed("config") {
				c, err = config.Default(), nil
			}
			if err != nil {
				return configError(std, err)
			}
			return explainConfig(std, c, asJSON)
		},
	}
	configFlag(explain, &file)
	explain.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	cmd.AddCommand(explain)
	return cmd
}

// arrayIndex is the number of a table in an array, which all of them explain alike.
var arrayIndex = regexp.MustCompile(`\[\d+\]`)

func explainConfig(std stdio, c *config.Config, asJSON bool) error {
	values := c.Values()
	if asJSON {
		enc := json.NewEncoder(std.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			Values []config.Value `json:"values"`
		}{values})
	}
	docs := map[string]string{}
	for _, k := range config.Keys() {
		docs[k.Name] = k.Doc
	}
	for _, v := range values {
		fmt.Fprintf(std.out, "%s = %s\n", v.Key, v.Value)
		if doc := docs[arrayIndex.ReplaceAllString(v.Key, "")]; doc != "" {
			fmt.Fprintf(std.out, "    %s\n", doc)
		}
		switch {
		case v.File == "":
			fmt.Fprintf(std.out, "    (default)\n")
		case v.Default == "" || v.Default == v.Value:
			fmt.Fprintf(std.out, "    (%s:%d)\n", v.File, v.At.Line)
		default:
			fmt.Fprintf(std.out, "    (%s:%d; default %s)\n", v.File, v.At.Line, v.Default)
		}
	}
	return nil
}
