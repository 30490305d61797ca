package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/waxseal/waxseal/internal/config"
	"github.com/waxseal/waxseal/internal/daemon"
	"github.com/waxseal/waxseal/internal/store"
)

// defaultConfig is where the configuration is looked for.
const defaultConfig = "/etc/waxseal/waxseal.toml"

type serveCommand struct {
	std   stdio
	file  string
	check bool
	first initFlags
}

func newServe(std stdio) *cobra.Command {
	s := &serveCommand{std: std}
	cmd := &cobra.Command{
		Use:   "serve [--config FILE] [--check | --init DOMAIN]",
		Short: "Filter a mail server's mail and tell it TLS policies",
		Long: `Serve beside a mail server: a mail filter (milter) that checks what comes from
others and signs what is ours, and a map of TLS policies (socketmap) for what
Postfix sends. It can be the host of your MTA-STS policies too. Everything is in
one TOML file; waxseal config explain shows every key with its default.

A first install refuses nothing but headers over a limit (100,000 fields or 8 MiB):
with mode = "monitor", the default, results are written into the messages and the
log, and what enforcing would have done is logged with them.

SIGHUP reads the file again; if anything is wrong with it, the old configuration
stays in force and the log says why. SIGTERM lets the messages under way finish.
The log goes to standard error, one JSON object a line.

--init makes a first configuration: signing keys for RSA and Ed25519, a commented
configuration file at --config (or in it, if it is a folder), the folder for
state, and the DNS records to publish, also as a file. It prints those and the
lines for Postfix's main.cf. Nothing that is there is written over: keys that
exist are used, an existing configuration is an error. DNS is neither asked nor
changed. Made by root, all of it is for the account waxseal, if there is one.`,
		Example: `  waxseal serve --init example.org
  waxseal serve --init example.org --hostname mx.example.org --ip 192.0.2.25 --config ./trial/
  waxseal serve --check
  waxseal serve --config ./waxseal.toml`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
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
		fmt.Fprintf(s.std.out, "%s: ok\n", s.file)
		return nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return fail(err)
	}
	d.Log = slog.New(slog.NewJSONHandler(s.std.err, &slog.HandlerOptions{Level: level}))
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	go reload(ctx, hup, d)
	switch err := d.Run(ctx); {
	case errors.Is(err, store.ErrDamaged):
		return fail(err, "move the file away and start again: what it kept, MTA-STS policies, is fetched anew")
	case err != nil:
		return fail(err)
	}
	return nil
}

// reload reads the configuration again at each signal.
func reload(ctx context.Context, hup <-chan os.Signal, d *daemon.Daemon) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		if err := d.Reload(); err != nil {
			d.Log.Error("configuration not reloaded, the old one stays in force", "error", err.Error())
			continue
		}
		d.Log.Info("configuration reloaded")
	}
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
