package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits of those who gather metrics.
const (
	maxGatherers = 4
	gatherTime   = 10 * time.Second
)

// Handler answers with all metrics in a format that the asker takes.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxGatherers,
		Timeout:             gatherTime,
		EnableOpenMetrics:   true,
	})
}
