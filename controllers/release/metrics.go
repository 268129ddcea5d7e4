package release

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/intstr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// Metrics counts what the Reconciler does. Series of a Rollout go when its Release has ended.
type Metrics struct {
	decisions   *prometheus.CounterVec
	apiErrors   *prometheus.CounterVec
	asked       *prometheus.GaugeVec
	inEffect    *prometheus.GaugeVec
	stepSeconds prometheus.Histogram
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crossfade_decisions_total", Help: "Decisions that changed something, by the rule that fired.",
		}, []string{"rule"}),
		apiErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crossfade_api_errors_total", Help: "Requests that the API server refused, by verb, kind and reason.",
		}, []string{"verb", "kind", "reason"}),
		asked: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "crossfade_canary_weight_asked_ratio", Help: "Share of requests asked for the canary, 0–1.",
		}, []string{"namespace", "rollout"}),
		inEffect: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "crossfade_canary_weight_in_effect_ratio", Help: "Share of requests that the routes give the canary, 0–1.",
		}, []string{"namespace", "rollout"}),
		stepSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "crossfade_step_duration_seconds", Help: "Time from entering a step to leaving it.",
			Buckets: prometheus.ExponentialBuckets(0.1, 4, 10),
		}),
	}
	registry.MustRegister(m.decisions, m.apiErrors, m.asked, m.inEffect, m.stepSeconds)
	return m
}

// observe sets the gauges of a Release, and the duration of the steps that it has left.
func (m *Metrics) observe(before, after *v1alpha1.Release) {
	labels := []string{after.Namespace, after.Spec.Rollout.Name}
	if len(after.Status.Routes) > 0 {
		m.asked.WithLabelValues(labels...).Set(ratio(after.Status.Routes[0].Asked))
		least := 1.0
		for _, route := range after.Status.Routes {
			least = min(least, ratio(route.InEffect))
		}
		m.inEffect.WithLabelValues(labels...).Set(least)
	}
	for i, step := range after.Status.Steps {
		left := step.EndedAt != nil && (i >= len(before.Status.Steps) || before.Status.Steps[i].EndedAt == nil)
		if left {
			m.stepSeconds.Observe(step.EndedAt.Sub(step.EnteredAt.Time).Seconds())
		}
	}
	if after.Status.Outcome != "" {
		m.asked.DeleteLabelValues(labels...)
		m.inEffect.DeleteLabelValues(labels...)
	}
}

// ratio reads a share such as "25%"; 0 where there is none.
func ratio(share string) float64 {
	weight := intstr.FromString(strings.TrimSuffix(share, " and matches"))
	ppm, err := trafficrouting.PPM(&weight)
	if err != nil {
		return 0
	}
	return float64(ppm) / float64(trafficrouting.Whole)
}
