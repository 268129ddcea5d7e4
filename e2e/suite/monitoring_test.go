package suite_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/monitoring"
	"crossfade.io/crossfade/e2e/suite/world"
)

// installed puts Prometheus into the cluster for the first test that asks, and gives it to all.
var installed = sync.OnceValues(func() (*monitoring.Prometheus, error) {
	return monitoring.Install(context.Background(), shared, os.Stderr)
})

// monitored is the cluster's Prometheus, which serves.
func monitored(t *testing.T) *monitoring.Prometheus {
	t.Helper()
	prometheus, err := installed()
	require.NoError(t, err)
	return prometheus
}

// awaitValue waits until a query has found a sum of at least so much, and returns it.
func (s *scenario) awaitValue(query string, least float64) (sum float64) {
	s.t.Helper()
	prometheus := monitored(s.t)
	s.eventually(soon, fmt.Sprintf("%s of %v", query, least), func() (string, bool) {
		found, series, err := prometheus.Value(s.ctx, query)
		sum = found
		return fmt.Sprintf("%v of %d series, %v", found, series, err), err == nil && found >= least
	})
	return sum
}

// TestEvidencePrometheus: the gateway and the app are scraped by the names that golden signals ask for, and what was is still
// there after Prometheus has stopped and started. It runs alone: Prometheus is everybody's.
func TestEvidencePrometheus(t *testing.T) {
	monitored(t)
	s := begin(t, setting{scraped: true, steps: []v1alpha1.Step{world.Weighted("half", 50, nil)}})
	namespace := s.app.Namespace
	counted := fmt.Sprintf(`traefik_service_requests_total{service="%s-app-http-80@kubernetesgateway"}`, namespace)
	s.awaitValue("sum("+counted+")", 300)
	s.awaitValue(fmt.Sprintf(`traefik_service_request_duration_seconds_bucket{le="0.005",service="%s-app-http-80@kubernetesgateway"}`, namespace), 1)
	s.awaitValue(fmt.Sprintf(`http_server_request_duration_seconds_count{namespace=%q,pod=~"app-.*",http_response_status_code="200"}`, namespace), 300)
	samples := "sum(count_over_time(" + counted + "[10m]))"
	before := s.awaitValue(samples, 10)
	require.NoError(t, monitored(t).Stop(t.Context()))
	stopped := time.Now()
	_, _, err := monitored(t).Value(t.Context(), samples)
	require.Error(t, err, "it is stopped")
	s.awaitRequests(stopped, 300)
	require.NoError(t, monitored(t).Start(t.Context()))
	s.logf("Prometheus was away for %s", time.Since(stopped))
	s.awaitValue(samples, before+10)
	s.requireNoneFailed()
}
