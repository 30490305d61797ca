package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric describes one metric, for the reference.
type Metric struct {
	Name   string
	Kind   string // counter, gauge or histogram
	Labels []Label
	Help   string
}

// Label is a label with what it can be. Nothing that a stranger chooses is ever a
// value, so that nobody can fill the memory of those who gather them.
type Label struct {
	Name   string
	Values []string
}

// definer makes metrics and keeps the list of them.
type definer struct {
	registry *prometheus.Registry
	list     []Metric
}

func (d *definer) add(kind, name, help string, labels []Label) []string {
	d.list = append(d.list, Metric{name, kind, labels, help})
	var names []string
	for _, l := range labels {
		names = append(names, l.Name)
	}
	return names
}

// words returns values as the texts that they are.
func words[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

func (d *definer) counter(name, help string) prometheus.Counter {
	d.add("counter", name, help, nil)
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	d.registry.MustRegister(c)
	return c
}

func (d *definer) counters(name, help string, labels ...Label) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, d.add("counter", name, help, labels))
	d.registry.MustRegister(v)
	return v
}

func (d *definer) gauge(name, help string) prometheus.Gauge {
	d.add("gauge", name, help, nil)
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	d.registry.MustRegister(g)
	return g
}

// buckets go from what a cache answers to the longest that a message may wait.
func buckets() []float64 {
	return []float64{0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 240}
}

func (d *definer) histogram(name, help string) prometheus.Histogram {
	d.add("histogram", name, help, nil)
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets()})
	d.registry.MustRegister(h)
	return h
}

// tally counts by a word; the counters are bound when it is made, so that to count
// allocates nothing.
type tally[K ~string] struct {
	bound map[K]prometheus.Counter
	more  func(K) prometheus.Counter
}

// newTally binds a counter to each value of the last label; the labels before it have
// the values before.
func newTally[K ~string](v *prometheus.CounterVec, values []K, before ...string) tally[K] {
	t := tally[K]{map[K]prometheus.Counter{}, func(k K) prometheus.Counter {
		return v.WithLabelValues(append(slices.Clone(before), string(k))...)
	}}
	for _, k := range values {
		t.bound[k] = t.more(k)
	}
	return t
}

// Inc counts one. A value that nobody listed, which is a mistake of ours, is counted
// as "other".
func (t tally[K]) Inc(k K) {
	c, ok := t.bound[k]
	if !ok {
		c = t.more("other")
	}
	c.Inc()
}
