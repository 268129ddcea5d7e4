//go:build cluster

package prometheus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/calibration"
)

// TestSourceIsReplayed: kubectl crossfade calibrate reads a real Prometheus, pod by pod.
func TestSourceIsReplayed(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.server.Start(t.Context()))
	w.stored(t, 1000, 1000)
	w.canary.serve(100)
	w.stable.serve(900)
	w.stored(t, 1100, 1900)
	of := calibration.Selectors{Requests: []string{"app_requests_total"}, Errors: []string{`app_requests_total{code=~"5.."}`}, Pod: "arm"}
	past, err := calibration.Read(t.Context(), w.source, of, w.began, time.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"canary", "stable"}, past.Pods)
	require.Equal(t, interval, past.Step)
	require.Equal(t, analysis.Counts{Exposures: 1000, Events: 100}, past.Sum(), "what was before is not counted")

	var out strings.Builder
	asked := calibration.Asked{Weights: []float64{0.1}, Comparison: analysis.DefaultComparison()}
	require.NoError(t, calibration.Replay(past, asked).Write(&out))
	require.Contains(t, out.String(), "of 2 pods, scraped each 1s")
	require.Contains(t, out.String(), "Too little is known to replay a release of an hour: look further back.")

	of.Requests = []string{"app_requests_totale"}
	_, err = calibration.Read(t.Context(), w.source, of, w.began, time.Now())
	require.ErrorContains(t, err, `nothing matches ["app_requests_totale"]`)
}
