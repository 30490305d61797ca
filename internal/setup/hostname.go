package setup

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/waxseal/waxseal/domain"
)

// postconfTime is how long Postfix may take to tell its name.
const postconfTime = 5 * time.Second

// hostname finds the full name of this mail server and says where it is from: what
// Postfix calls itself, what the system does, or what such a server often is called.
// Nothing is looked up in DNS.
func (s *Setup) hostname(ctx context.Context) (name domain.Name, from string) {
	if s.Hostname != "" {
		return s.Hostname, "--hostname"
	}
	postfix, system := s.PostfixName, s.SystemName
	if postfix == nil {
		postfix = postfixName
	}
	if system == nil {
		system = os.Hostname
	}
	if said, err := postfix(ctx); err == nil {
		if name, ok := fullName(said); ok {
			return name, "postconf -h myhostname"
		}
	}
	if said, err := system(); err == nil {
		if name, ok := fullName(said); ok {
			return name, "the name of this system"
		}
	}
	return "mx." + s.Domain, Assumed
}

// fullName returns a host's name if it is one that others can know it by.
func fullName(s string) (domain.Name, bool) {
	name, err := domain.Parse(strings.TrimSpace(s))
	if err != nil || name.Labels() < 2 {
		return "", false
	}
	switch name.Last(1) {
	// What installers add to a short name, and what is reserved for networks that
	// nobody outside of them can look up.
	case "localdomain", "localhost", "local", "lan", "home", "internal", "invalid":
		return "", false
	}
	return name, !name.IsSubdomainOf("home.arpa")
}

// postfixName asks the Postfix of this system.
func postfixName(ctx context.Context) (string, error) {
	program, err := exec.LookPath("postconf")
	if err != nil {
		program = "/usr/sbin/postconf" // which is not in the path of everybody
	}
	ctx, cancel := context.WithTimeout(ctx, postconfTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "-h", "myhostname").Output()
	return string(out), err
}
