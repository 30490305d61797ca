package daemon

import "github.com/waxseal/waxseal/mtasts"

// warnOfPolicy tells the operator what a reply does not show: the state directory
// fails, or a domain has weakened its policy.
func (d *Daemon) warnOfPolicy(ev *mtasts.Evaluation) {
	if ev == nil {
		return
	}
	if err := ev.StoreError(); err != nil {
		d.Log.Error("state directory", "domain", ev.Domain, "error", err.Detail)
	}
	d.warnOfDowngrade(ev.Domain, ev.Downgrade)
}

func (d *Daemon) warnOfDowngrade(domain string, to mtasts.Mode) {
	if to != "" {
		d.Log.Warn("a domain's MTA-STS policy is no longer enforced", "domain", domain, "mode", string(to))
	}
}
