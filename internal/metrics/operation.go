package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/waxseal/waxseal/resolver"
)

func (s *Set) defineOperation(d *definer, b Build) {
	outcomes := []string{"ok", "failed"}
	v := d.counters("waxseal_config_reloads_total", "Times that the configuration was read again; failed keeps the old one.", Label{"outcome", outcomes})
	s.reloads = newTally(v, outcomes)
	s.reloaded = d.gauge("waxseal_config_last_reload_success_timestamp_seconds", "When the configuration in force was read, in seconds of Unix time.")
	d.add("gauge", "waxseal_build_info", buildHelp, []Label{{"version", nil}, {"revision", nil}, {"go", nil}})
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "waxseal_build_info", Help: buildHelp,
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "go": b.Go},
	})
	info.Set(1)
	d.registry.MustRegister(info)
}

const buildHelp = "Always 1; the labels say which program this is."

// Loaded notes that a configuration is in force since at.
func (s *Set) Loaded(at time.Time) {
	if s != nil {
		s.reloaded.Set(float64(at.UnixMilli()) / 1000)
	}
}

// Reloaded counts that the configuration was read again.
func (s *Set) Reloaded(at time.Time, err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.reloads.Inc("failed")
		return
	}
	s.reloads.Inc("ok")
	s.Loaded(at)
}

// Sample is the state of things at a moment.
type Sample struct {
	DNS          resolver.CacheStats
	Keys         int // records in the cache of DKIM and ARC keys
	SPFRecords   int
	DMARCRecords int
	MTASTS       int // domains
	Milter       int // connections
	TLSPolicy    int
}

// sampler turns a Sample into metrics.
type sampler struct {
	sample func() Sample
	descs  []*prometheus.Desc
}

func newSampler(d *definer, sample func() Sample) {
	s := &sampler{sample: sample}
	desc := func(kind, name, help string, labels ...Label) {
		s.descs = append(s.descs, prometheus.NewDesc(name, help, d.add(kind, name, help, labels), nil))
	}
	desc("gauge", "waxseal_connections", "Connections that are open.", Label{"server", words(Milter, TLSPolicy)})
	desc("gauge", "waxseal_cache_entries", "Entries of the caches: answers of DNS, parsed records, and domains of which the MTA-STS policy, or that there is none, is held in memory.",
		Label{"cache", []string{"dns", "dkim_keys", "spf_records", "dmarc_records", "mta_sts"}})
	desc("gauge", "waxseal_dns_cache_bytes", "Estimated memory of the answers of DNS.")
	desc("counter", "waxseal_dns_cache_hits_total", "Lookups that the cache answered. With another [dns] in the configuration, or other files that it names, the cache begins anew, and these three from 0.")
	desc("counter", "waxseal_dns_cache_misses_total", "Lookups that had to ask, or to wait for one that did.")
	desc("counter", "waxseal_dns_cache_evictions_total", "Answers forgotten before they expired, for want of room.")
	d.registry.MustRegister(s)
}

// Describe implements prometheus.Collector.
func (s *sampler) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector. The values are in the order of the descs.
func (s *sampler) Collect(ch chan<- prometheus.Metric) {
	now := s.sample()
	send := func(i int, kind prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(s.descs[i], kind, value, labels...)
	}
	send(0, prometheus.GaugeValue, float64(now.Milter), string(Milter))
	send(0, prometheus.GaugeValue, float64(now.TLSPolicy), string(TLSPolicy))
	for _, c := range []struct {
		cache string
		n     int
	}{
		{"dns", now.DNS.Entries},
		{"dkim_keys", now.Keys},
		{"spf_records", now.SPFRecords},
		{"dmarc_records", now.DMARCRecords},
		{"mta_sts", now.MTASTS},
	} {
		send(1, prometheus.GaugeValue, float64(c.n), c.cache)
	}
	send(2, prometheus.GaugeValue, float64(now.DNS.Bytes))
	send(3, prometheus.CounterValue, float64(now.DNS.Hits))
	send(4, prometheus.CounterValue, float64(now.DNS.Misses))
	send(5, prometheus.CounterValue, float64(now.DNS.Evictions))
}
