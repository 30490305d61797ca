package metrics

import (
	"fmt"
	"strings"
)

// Reference writes List as a page of Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Metrics
` + "`waxseal serve`" + ` tells Prometheus what it does at /metrics of the address that
` + "`metrics.listen`" + ` names. Names and labels are added to, never renamed. No label has a
value that a stranger chooses. Beside these there are the metrics that Prometheus's Go
library makes of the process (process_...) and of Go's runtime (go_...).

| name | kind | labels | meaning |
|---|---|---|---|
`)
	for _, m := range List() {
		var labels []string
		for _, l := range m.Labels {
			text := "`" + l.Name + "`"
			if l.Values != nil {
				text += ": " + strings.Join(l.Values, ", ")
			}
			labels = append(labels, text)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(labels, "<br>"), m.Help)
	}
	return b.String()
}
