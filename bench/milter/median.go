package main

import (
	"fmt"
	"slices"
)

func sorted(ts []*turn, of func(*turn) float64) []float64 {
	var v []float64
	for _, t := range ts {
		v = append(v, of(t))
	}
	slices.Sort(v)
	return v
}

func median(v []float64) float64 {
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

func middle(ts []*turn, of func(*turn) float64) float64 { return median(sorted(ts, of)) }

// spread writes the median, the least and the most.
func spread(ts []*turn, format string, of func(*turn) float64) string {
	v := sorted(ts, of)
	return fmt.Sprintf(format+" ("+format+"-"+format+")", median(v), v[0], v[len(v)-1])
}

// ratio is the median of the ratios of the rounds: what the machine does beside
// changes from one round to the next.
func ratio(ours, theirs []*turn, of func(*turn) float64) float64 {
	var v []float64
	for i := range ours {
		v = append(v, of(ours[i])/of(theirs[i]))
	}
	slices.Sort(v)
	return median(v)
}
