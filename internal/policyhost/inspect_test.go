package policyhost

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/mtasts"
	"github.com/waxseal/waxseal/resolver"
	"github.com/waxseal/waxseal/resolver/zonefile"
)

func TestInspect(t *testing.T) {
	const good = "RECORD\nmta-sts.a.example. AAAA 2001:db8::1\na.example. MX 10 mx.a.example.\n"
	for _, row := range []struct {
		name, zone string
		mode       mtasts.Mode
		fail       string
		want       []string
	}{
		{"good", good, mtasts.Enforce, "", nil},
		{"cname", "RECORD\nmta-sts.a.example. CNAME w.example.\nw.example. A 192.0.2.1\na.example. MX 10 mx.a.example.\n", mtasts.Enforce, "", nil},
		{"upper-case-mx", strings.Replace(good, "mx.a.example.", "MX.A.Example.", 1), mtasts.Enforce, "", nil},
		{"no-record", strings.Replace(good, "RECORD", "", 1), mtasts.Testing, "", []string{"the record is not published: no sender looks for the policy"}},
		{"old-id", strings.Replace(good, "RECORD", `_mta-sts.a.example. TXT "v=STSv1; id=old;"`, 1), mtasts.Testing, "", []string{"the published id is old: senders keep the policy that they know under it"}},
		{"broken-record", strings.Replace(good, "RECORD", `_mta-sts.a.example. TXT "v=STSv1; id=!;"`, 1), mtasts.Testing, "", []string{"a.example: the TXT record is malformed: the id is not 1 to 32 letters and digits"}},
		{"two-records", good + `_mta-sts.a.example. TXT "v=STSv1; id=old;"`, mtasts.Testing, "", []string{"a.example: there is more than one TXT record"}},
		{"record-lookup", good, mtasts.Testing, "_mta-sts.a.example TXT", []string{"a.example: the TXT record could not be looked up: server failure: SERVFAIL from zone file"}},
		{"no-address", strings.Replace(good, "AAAA 2001:db8::1", "TXT x", 1), mtasts.Testing, "", []string{"mta-sts.a.example has no address: no sender can fetch the policy"}},
		{"address-lookup", good, mtasts.Testing, "mta-sts.a.example A", []string{"the addresses of mta-sts.a.example could not be looked up: server failure: SERVFAIL from zone file"}},
		{"other-mx", good + "a.example. MX 20 mx.b.example.", mtasts.Enforce, "", []string{"no mx of the policy matches the mail server mx.b.example: senders do not deliver to it"}},
		{"other-mx-testing", good + "a.example. MX 20 mx.b.example.", mtasts.Testing, "", []string{"no mx of the policy matches the mail server mx.b.example: once the policy is enforced, senders do not deliver to it"}},
		{"other-mx-withdrawn", good + "a.example. MX 20 mx.b.example.", mtasts.NoMode, "", nil},
		{"no-mx", strings.Replace(good, "MX 10 mx.a.example.", "A 192.0.2.1", 1), mtasts.Enforce, "", []string{"no mx of the policy matches the mail server a.example: senders do not deliver to it"}},
		{"null-mx", strings.Replace(good, "MX 10 mx.a.example.", "MX 0 .", 1), mtasts.Enforce, "", []string{"the domain takes no mail (null MX)"}},
		{"mx-lookup", good, mtasts.Enforce, "a.example MX", []string{"the MX records could not be looked up: server failure: SERVFAIL from zone file"}},
		{"nothing", "x.example. A 192.0.2.1", mtasts.Enforce, "", []string{
			"the record is not published: no sender looks for the policy", "mta-sts.a.example has no address: no sender can fetch the policy", "the domain does not exist",
		}},
		{"withdrawn-to-the-end", "mta-sts.a.example. A 192.0.2.1", mtasts.NoMode, "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := policy(t, "a.example", row.mode)
			zones := zonefile.FromText(strings.Replace(row.zone, "RECORD", p.Record(), 1))
			if row.fail != "" {
				zones.Fail = map[string]resolver.Reason{row.fail: resolver.ServerFailed}
			}
			got := Inspect(t.Context(), &resolver.Unvalidated{Source: zones, Status: resolver.Insecure}, p)
			if diff := cmp.Diff(got, row.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}
