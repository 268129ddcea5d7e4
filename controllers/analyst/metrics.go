package analyst

import (
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Metrics tells of the evidence. What is known of a Rollout goes when its Release is forgotten.
type Metrics struct {
	queries *prometheus.CounterVec
	seconds prometheus.Histogram

	mu    sync.Mutex
	known map[rollout]map[string]figures // by the name of the metric
}

type rollout struct{ namespace, name string }

// figures are what is known of a metric, in the order of gauges; NaN is not known. They are kept as few numbers, since a gauge of each
// takes ten times the memory.
type figures struct {
	values  [5]float64
	verdict v1alpha1.Verdict
}

var (
	labels = []string{"namespace", "rollout", "metric"}
	gauges = [5]*prometheus.Desc{
		described("ratio", "How many times as bad the canary is as what it is measured by."),
		described("ratio_low", "Low end of the ratio's 95 % band, which holds at all looks."),
		described("ratio_high", "High end of the ratio's 95 % band."),
		described("evidence_worse", "Natural logarithm of the evidence that the canary is worse than it may be."),
		described("evidence_safe", "Natural logarithm of the evidence that the canary is as good as it must be."),
	}
	verdicts = described("verdict", "1 for the verdict that a metric has now.", "verdict")
)

func described(name, help string, more ...string) *prometheus.Desc {
	return prometheus.NewDesc("crossfade_analysis_"+name, help, append(slices.Clone(labels), more...), nil)
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		known: map[rollout]map[string]figures{},
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crossfade_analysis_queries_total", Help: "Queries of sources of metrics, by what came of them: ok, nodata, refused or unreachable.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "crossfade_analysis_query_duration_seconds", Help: "Time from a query's turn to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2.5, 10),
		}),
	}
	registry.MustRegister(m, m.queries, m.seconds)
	return m
}

// Describe is that of a collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, gauge := range gauges {
		to <- gauge
	}
	to <- verdicts
}

// Collect is that of a collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for of, all := range m.known {
		for name, is := range all {
			for i, value := range is.values {
				if !math.IsNaN(value) {
					to <- prometheus.MustNewConstMetric(gauges[i], prometheus.GaugeValue, value, of.namespace, of.name, name)
				}
			}
			for _, verdict := range []v1alpha1.Verdict{v1alpha1.VerdictPass, v1alpha1.VerdictFail, v1alpha1.VerdictInconclusive, v1alpha1.VerdictNoData} {
				value := 0.0
				if verdict == is.verdict {
					value = 1
				}
				to <- prometheus.MustNewConstMetric(verdicts, prometheus.GaugeValue, value, of.namespace, of.name, name, string(verdict))
			}
		}
	}
}

// asked counts a query.
func (m *Metrics) asked(took time.Duration, err error) {
	if m == nil {
		return
	}
	result := "ok"
	switch {
	case errors.Is(err, analysis.ErrNoData):
		result = "nodata"
	case errors.Is(err, analysis.ErrRefused):
		result = "refused"
	case err != nil:
		result = "unreachable"
	}
	m.queries.WithLabelValues(result).Inc()
	m.seconds.Observe(took.Seconds())
}

// found notes what is known of a metric.
func (m *Metrics) found(namespace, name string, of *metric) {
	if m == nil {
		return
	}
	var p point
	of.figures(&p, of.found)
	if of.Goal != nil { // its figures are differences
		p.ratio, p.low, p.high = math.NaN(), math.NaN(), math.NaN()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := rollout{namespace, name}
	if m.known[key] == nil {
		m.known[key] = map[string]figures{}
	}
	m.known[key][of.name] = figures{[5]float64{p.ratio, p.low, p.high, p.worse, p.safe}, of.found.Verdict}
}

// forget drops what is known of a Rollout.
func (m *Metrics) forget(namespace, name string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, rollout{namespace, name})
}
