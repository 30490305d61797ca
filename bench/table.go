package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printTable prints one line per class: ours against the targets, then the
// peers. It returns how many targets were missed.
func printTable(w io.Writer, classes []*class) (missed int) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "class\tfloor us\twaxseal us\tratio\tmust\taim\ttime\tallocs\tKB\tmemory\tpeers: us (ratio to the floor, to waxseal)")
	for _, cl := range classes {
		if strings.HasPrefix(cl.name, "growth-") {
			continue
		}
		missed += cl.print(tw)
	}
	tw.Flush()
	return missed
}

func (cl *class) print(w io.Writer) (missed int) {
	floor, ours := cl.find(floorName), cl.find(ourName)
	col := func(format string, ok bool, v ...any) {
		if ok {
			fmt.Fprintf(w, format, v...)
		} else {
			fmt.Fprint(w, "-")
		}
		fmt.Fprint(w, "\t")
	}
	col("%s", true, cl.name)
	col("%.1f", floor != nil, micros(floor))
	col("%.1f", ours != nil, micros(ours))
	value, known := cl.value()
	col("%.2f", known && cl.ratio, value)
	col("%.4g", cl.must > 0, cl.must)
	col("%.4g", cl.aim > 0, cl.aim)
	verdict, miss := judge(value, cl.must, cl.aim)
	col("%s", known && cl.must > 0, verdict)
	missed += count(known && miss)
	if ours != nil {
		col("%.0f", true, ours.allocs)
		col("%.1f", true, ours.bytes/1024)
		over := cl.allocs > 0 && ours.allocs > cl.allocs || cl.bytes > 0 && ours.bytes > cl.bytes
		col("%s", cl.allocs > 0 || cl.bytes > 0, map[bool]string{false: "met", true: "MISSED"}[over])
		missed += count(over)
	} else {
		fmt.Fprint(w, "-\t-\t-\t")
	}
	fmt.Fprintln(w, strings.Join(cl.peers(floor, ours), ", "))
	return missed
}

func micros(c *contestant) float64 {
	if c == nil {
		return 0
	}
	return float64(median(c.cpu).Nanoseconds()) / 1000
}

// value returns what the targets speak of.
func (cl *class) value() (v float64, known bool) {
	floor, ours := cl.find(floorName), cl.find(ourName)
	switch {
	case ours == nil || cl.ratio && floor == nil:
		return 0, false
	case cl.ratio:
		return median(ratios(ours, floor)), true
	}
	return micros(ours), true
}

func judge(v, must, aim float64) (text string, missed bool) {
	switch {
	case must == 0:
		return "-", false
	case v > must:
		return "MISSED", true
	case v > aim:
		return "met", false
	}
	return "aim met", false
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (cl *class) peers(floor, ours *contestant) []string {
	var out []string
	for _, c := range cl.contestants {
		if c == floor || c == ours {
			continue
		}
		s := fmt.Sprintf("%s %.1f", c.name, micros(c))
		var rel []string
		if floor != nil {
			rel = append(rel, fmt.Sprintf("%.2f", median(ratios(c, floor))))
		}
		if ours != nil {
			rel = append(rel, fmt.Sprintf("%.1fx", median(ratios(c, ours))))
		}
		out = append(out, s+" ("+strings.Join(rel, ", ")+fmt.Sprintf("; %.0f allocs, %.0f KB)", c.allocs, c.bytes/1024))
	}
	return out
}

// printExtra prints what one more signature over the same body costs, in key
// operations: the difference of two classes over that of their floors.
func printExtra(w io.Writer, one, two *class, must, aim float64) (missed int) {
	a, b := one.find(ourName), two.find(ourName)
	fa, fb := one.find(floorName), two.find(floorName)
	if a == nil || b == nil {
		return 0
	}
	var r []float64
	for i := range a.cpu {
		r = append(r, float64(b.cpu[i]-a.cpu[i])/float64(fb.cpu[i]-fa.cpu[i]))
	}
	v := median(r)
	verdict, miss := judge(v, must, aim)
	fmt.Fprintf(w, "one more signature (%s after %s): %.2f of its key operation, must %.4g, aim %.4g: %s\n", two.name, one.name, v, must, aim, verdict)
	return count(miss)
}
