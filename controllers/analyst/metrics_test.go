package analyst

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// gathered are the metrics that each series of the analysis is of, by the name of the series.
func gathered(t *testing.T, registry *prometheus.Registry) map[string][]string {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	all := map[string][]string{}
	for _, family := range families {
		name := strings.TrimPrefix(family.GetName(), "crossfade_analysis_")
		for _, series := range family.GetMetric() {
			of := ""
			for _, label := range series.GetLabel() {
				if label.GetName() == "metric" {
					of = label.GetValue()
				}
			}
			all[name] = append(all[name], of)
		}
	}
	return all
}

func errorsFound(found analysis.Finding) *metric {
	return &metric{ask: ask{name: "errors"}, found: found}
}

// TestMetricsGoWithTheRelease: what is exposed of a Rollout is gone once its Release is forgotten.
func TestMetricsGoWithTheRelease(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	m.found("shop", "web", errorsFound(analysis.Finding{Verdict: fail, Ratio: 5, Low: 2, High: math.Inf(1), Worse: 6, Used: 1}))
	m.found("shop", "other", errorsFound(analysis.Finding{Verdict: none}))
	m.asked(time.Second, errSilent)
	series := func(name string) int { return len(gathered(t, registry)[name]) }
	require.Equal(t, []int{1, 8, 1}, []int{series("ratio"), series("verdict"), series("queries_total")})
	m.forget("shop", "web")
	require.Equal(t, []int{0, 4, 1}, []int{series("ratio"), series("verdict"), series("queries_total")})
}

// TestMetricsHaveWhatIsKnown: a split has no band, a threshold no evidence, and a goal no ratio; a zero would say that it is so.
func TestMetricsHaveWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(2)
		of := func(service string) string {
			return `{"requests":["istio_requests_total{destination_service_name=\"` + service + `\"}"],"events":["istio_requests_total{destination_service_name=\"` + service + `\",response_code=\"503\"}"]}`
		}
		goal := `{"name":"orders","goal":{"shared":true,"canary":` + of("web-canary") + `,"stable":` + of("web") + `}}`
		r := byGoldenSignals(template(t, queueTemplate+","+goal))
		registry := prometheus.NewRegistry()
		a := begin(t, w)
		a.Metrics = NewMetrics(registry)
		requireReady(t, a, r)
		w.shift(0.1)
		enter(r, "tenth")
		a.judge(r, 20*time.Minute)
		got := gathered(t, registry)
		delete(got, "queries_total")
		delete(got, "query_duration_seconds")
		require.Len(t, got["verdict"], 4*5, "of each metric")
		delete(got, "verdict")
		require.Equal(t, map[string][]string{
			"ratio":          {"errors", "latency", "split"},
			"ratio_low":      {"errors", "latency"},
			"ratio_high":     {"errors", "latency"},
			"evidence_worse": {"errors", "latency", "split"},
			"evidence_safe":  {"errors", "latency"},
		}, got)
	})
}

// TestMetricsThatAreNoLongerKnown: what was known of a metric before is not told for ever.
func TestMetricsThatAreNoLongerKnown(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	m.found("shop", "web", errorsFound(analysis.Finding{Verdict: v1alpha1.VerdictPass, Ratio: 1, Low: 0.5, High: 2, Used: 1}))
	m.found("shop", "web", errorsFound(analysis.Finding{Verdict: v1alpha1.VerdictNoData}))
	require.Empty(t, gathered(t, registry)["ratio"])
}
