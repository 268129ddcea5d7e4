package analyst

import (
	"errors"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Metrics tells of the evidence. Series of a Rollout go when its Release is forgotten.
type Metrics struct {
	ratio, low, high, worse, safe, verdict *prometheus.GaugeVec
	queries                                *prometheus.CounterVec
	seconds                                prometheus.Histogram
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	gauge := func(name, help string, more ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "crossfade_analysis_" + name, Help: help}, append([]string{"namespace", "rollout", "metric"}, more...))
	}
	m := &Metrics{
		ratio:   gauge("ratio", "How many times as bad the canary is as what it is measured by."),
		low:     gauge("ratio_low", "Low end of the ratio's 95 % band, which holds at all looks."),
		high:    gauge("ratio_high", "High end of the ratio's 95 % band."),
		worse:   gauge("evidence_worse", "Natural logarithm of the evidence that the canary is worse than it may be."),
		safe:    gauge("evidence_safe", "Natural logarithm of the evidence that the canary is as good as it must be."),
		verdict: gauge("verdict", "1 for the verdict that a metric has now.", "verdict"),
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crossfade_analysis_queries_total", Help: "Queries of sources of metrics, by what came of them: ok, nodata, refused or unreachable.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "crossfade_analysis_query_duration_seconds", Help: "Time from a query's turn to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2.5, 10),
		}),
	}
	registry.MustRegister(m.ratio, m.low, m.high, m.worse, m.safe, m.verdict, m.queries, m.seconds)
	return m
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

// found sets the gauges of a metric; what isn't known of it has no series.
func (m *Metrics) found(namespace, rollout string, of *metric) {
	if m == nil {
		return
	}
	var p point
	of.figures(&p, of.found)
	if of.Goal != nil { // its figures are differences
		p.ratio, p.low, p.high = math.NaN(), math.NaN(), math.NaN()
	}
	for gauge, value := range map[*prometheus.GaugeVec]float64{m.ratio: p.ratio, m.low: p.low, m.high: p.high, m.worse: p.worse, m.safe: p.safe} {
		if math.IsNaN(value) {
			gauge.DeleteLabelValues(namespace, rollout, of.name)
			continue
		}
		gauge.WithLabelValues(namespace, rollout, of.name).Set(value)
	}
	for _, verdict := range []v1alpha1.Verdict{v1alpha1.VerdictPass, v1alpha1.VerdictFail, v1alpha1.VerdictInconclusive, v1alpha1.VerdictNoData} {
		is := 0.0
		if verdict == of.found.Verdict {
			is = 1
		}
		m.verdict.WithLabelValues(namespace, rollout, of.name, string(verdict)).Set(is)
	}
}

// forget drops the series of a Rollout.
func (m *Metrics) forget(namespace, rollout string) {
	if m == nil {
		return
	}
	of := prometheus.Labels{"namespace": namespace, "rollout": rollout}
	for _, vec := range []*prometheus.GaugeVec{m.ratio, m.low, m.high, m.worse, m.safe, m.verdict} {
		vec.DeletePartialMatch(of)
	}
}
