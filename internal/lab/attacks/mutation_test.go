package attacks

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutations switch off one check each. Every one must change the matrix: a check
// that no attack needs is one that nobody would miss.
var mutations = []struct {
	name, file, old, by, attack string
}{
	{"spf-fail-is-neutral", "spf/directive.go", "d.Qualifier = Fail", "d.Qualifier = Neutral", "spf_mail_from"},
	{"dkim-no-body-hash", "dkim/verify.go", "case sum != s.BodyHash:", "case sum != s.BodyHash && false:", "dkim_body_changed"},
	{"dkim-no-signature-check", "dkim/verify.go", "return ed25519.Verify(", "return true || ed25519.Verify(", "dkim_forged"},
	{"dkim-length-is-fine", "dkim/verify.go", "case s.Length >= 0 && s.Length < total:", "case false:", "dkim_length_append"},
	{"dkim-never-expires", "dkim/verify.go", "case s.Expires >= 0 && s.Expires < now:", "case false:", "dkim_expired"},
	{"dmarc-all-align", "dmarc/alignment.go", "case d == w.start:", "case true:", "dkim_foreign_d"},
	{"dmarc-first-author-only", "dmarc/several.go", "if len(p.domains) == MaxAuthorDomains {", "if len(p.domains) == 1 {", "dmarc_two_authors"},
	{"dmarc-no-public-suffix", "dmarc/treewalk.go", "w.psd = last", "w.psd = nil", "dmarc_psd"},
	{"dmarc-no-walk", "dmarc/treewalk.go", "w.org, w.apex = last.domain, last", "w.org, w.apex = last.domain, nil", "dmarc_subdomain"},
	{"dmarc-temperror-accepts", "inbound/decide.go", "if p.TempError == Accept {", "if true {", "dns_removed_policy"},
	{"dmarc-never-rejects", "inbound/decide.go", "case v.DMARC.Disposition == dmarc.PolicyReject:", "case false:", "spf_own_envelope"},
	{"arc-trusts-all", "inbound/override.go", "if !slices.Contains(t.Sealers, set.AS.Domain) {", "if false {", "arc_own_seal"},
	{"arc-no-result", "inbound/override.go", "if v.ARC.Result != arc.Pass ||", "if false &&", "arc_changed_after"},
	{"arc-never-overrides", "inbound/override.go", "if set := t.sealedPass(v, from); set != nil {", "if set := t.sealedPass(v, from); false {", "arc_trusted_list"},
	{"arc-any-result-counts", "inbound/override.go", "if reportsPass(set.AuthResults, from) {", "if true {", "arc_honest_fail"},
	{"results-are-believed", "inbound/findings.go", "len(forged) > 0 {", "false {", "header_forged_results"},
	{"repeated-fields-are-fine", "inbound/findings.go", "if counts[j] > 1 &&", "if false &&", "dkim_second_subject"},
	{"dnssec-all-verify", "dnssec/signature.go", "if k.verify(k.alg, data, raw) {", "if true || k.verify(k.alg, data, raw) {", "dns_own_goal"},
	{"dnssec-never-expires", "dnssec/signature.go", "case int32(now-sig.Expiration) > skew:", "case false:", "dns_replayed_record"},
	{"dane-all-match", "outbound/tlsconfig.go", "if m.Result != dane.Matched {", "if false {", "tls_self_signed"},
	{"dane-no-agility", "dane/match.go", "r.MatchingType < strongest[r.Usage][r.Selector]", "false", "tls_weakest_digest"},
	{"sts-all-hosts-listed", "mtasts/match.go", "return \"\", false", "return host, true", "tls_fake_mx"},
	{"sts-no-certificate", "outbound/tlsconfig.go", "if want.pkix {", "if false {", "tls_self_signed"},
	{"sts-forgets", "mtasts/cache.go", "if h.entry == nil || !h.entry.Live(now) {", "if true {", "tls_policy_cached"},
	{"starttls-never-demanded", "outbound/deliver.go", "case want.tls:", "case false:", "tls_stripped"},
	{"dane-failed-lookup-is-none", "dane/discover.go", "d.end(LookupFailed, \"TLSA at", "d.end(NoRecords, \"TLSA at", "dns_denied_tlsa"},
	{"sts-unlisted-is-fine", "outbound/planner.go", "case enforced && h.Unlisted &&", "case false &&", "tls_fake_mx"},
	{"smtp-bare-lf-is-fine", "smtp/data.go", "return bare(BareLF)", "_ = i", "smtp_smuggling"},
	{"smtp-takes-early-commands", "smtp/session.go", "return c.r.buffered() > 0", "return false", "smtp_injection"},
	{"smtp-takes-early-replies", "smtp/starttls.go", "if k.r.buffered() > 0 {", "if false {", "smtp_responses"},
	{"lookalike-is-blind", "inbound/findings.go", "inspector.Inspect(in)", "inspector.Inspect(lookalike.Input{})", "beyond"},
	{"old-tls-is-fine", "outbound/tlsconfig.go", "MinVersion:         tls.VersionTLS12,", "MinVersion:         tls.VersionTLS10,", "tls_old_version"},
}

// TestMutations builds the program with one check switched off at a time and
// holds that the lab notices. It takes minutes: WAXSEAL_MUTATIONS=1 runs it.
func TestMutations(t *testing.T) {
	if os.Getenv("WAXSEAL_MUTATIONS") == "" {
		t.Skip("takes minutes; WAXSEAL_MUTATIONS=1 runs it")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(root, m.file)
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), m.old); n != 1 {
				t.Fatalf("%d places in %s have %q, want 1", n, m.file, m.old)
			}
			mutant, overlay, program := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "waxseal")
			write(t, mutant, strings.Replace(string(source), m.old, m.by, 1))
			replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: mutant}})
			if err != nil {
				t.Fatal(err)
			}
			write(t, overlay, string(replace))
			build := exec.Command("go", "build", "-overlay", overlay, "-o", program, "./cmd/waxseal")
			build.Dir = root
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.Command(program, "lab", "run", "--only", m.attack).CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "not what they must be") {
				t.Errorf("nobody noticed (%v)\n%s", err, out)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
