package reading_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/reading"
)

func TestSeries(t *testing.T) {
	points, err := reading.Series(v1alpha1.MetricStatus{Name: "errors", Series: "seconds,high,novel,canary\n30.5,+Inf,7,0.25\n45,,8,\n"})
	require.NoError(t, err)
	require.Len(t, points, 2)
	require.Equal(t, 30500*time.Millisecond, points[0].At)
	require.True(t, math.IsInf(points[0].High, 1))
	require.True(t, math.IsNaN(points[0].Ratio), "a column that isn't there")
	require.InDelta(t, 0.25, points.Last(func(p reading.Point) float64 { return p.Canary }), 0)
	require.True(t, math.IsNaN(points.Last(func(p reading.Point) float64 { return p.Safe })))
	require.False(t, points.Banded())

	none, err := reading.Series(v1alpha1.MetricStatus{})
	require.NoError(t, err)
	require.Empty(t, none)
	for _, broken := range []string{"seconds,ratio\n1", "ratio\n1", "seconds\nsoon", "seconds\n+Inf", "\"seconds"} {
		_, err := reading.Series(v1alpha1.MetricStatus{Name: "errors", Series: broken})
		require.ErrorContains(t, err, "read series of metric errors: ", broken)
	}
}

func TestRatioRange(t *testing.T) {
	unknown := math.NaN()
	for name, test := range map[string]struct {
		points    reading.Points
		low, high float64
	}{
		"nothing known":             {reading.Points{{Ratio: unknown, Low: unknown, High: unknown}}, 0.25, 4},
		"what was wide early":       {reading.Points{{Ratio: 1, Low: 0.001, High: 900}, {Ratio: 1, Low: 0.9, High: 1.1}, {Ratio: 1, Low: 0.9, High: 1.1}}, 0.25, 4},
		"without an end":            {reading.Points{{Ratio: 3, Low: 0, High: math.Inf(1)}}, 0.25, 4},
		"no further than sixtyfour": {reading.Points{{Ratio: 1e9, Low: 1e-9, High: unknown}}, 1.0 / 64, 64},
	} {
		t.Run(name, func(t *testing.T) {
			low, high := test.points.RatioRange()
			require.InDelta(t, test.low, low, 1e-9)
			require.InDelta(t, test.high, high, 1e-9)
		})
	}
}

func TestAmountRange(t *testing.T) {
	unknown := math.NaN()
	for name, test := range map[string]struct {
		canary, stable, low, high float64
	}{
		"nothing known": {unknown, unknown, 0, 1}, "from 0": {0.1, 1, 0, 1}, "close together": {9, 10, 9, 10},
		"one value": {4, unknown, 2, 6}, "zero": {0, 0, -1, 1}, "below zero": {-4, 2, -4, 2},
	} {
		t.Run(name, func(t *testing.T) {
			low, high := reading.Points{{Canary: test.canary, Stable: test.stable}}.AmountRange()
			require.InDelta(t, test.low, low, 1e-9)
			require.InDelta(t, test.high, high, 1e-9)
		})
	}
}

func TestAmount(t *testing.T) {
	for want, v := range map[string]float64{"12.3%": 0.1234, "0%": 0, "2.5": 2.5, "?": math.NaN()} {
		require.Equal(t, want, reading.Amount("Compare", v))
	}
	for want, v := range map[string]float64{"124ms": 0.1236, "1.5s": 1.5, "12s": 12.3, "250µs": 0.00025, "0s": 0} {
		require.Equal(t, want, reading.Amount("Latency", v))
	}
	require.Equal(t, "0.25", reading.Amount("Threshold", 0.25))
}

func TestEntries(t *testing.T) {
	rel := clitest.Judgements()["as-good"]
	require.Equal(t, []reading.Entry{{Step: "insiders", At: 20 * time.Second}, {Step: "first", At: 80 * time.Second, Weight: "5%"}}, reading.Entries(&rel))
}

func TestUnjudged(t *testing.T) {
	ended := clitest.Promoted()
	require.Equal(t, "nothing was judged: its policy had no analysis", reading.Unjudged(&ended))
	ended.Spec.Policy.Analysis = &v1alpha1.AnalysisSpec{}
	require.Equal(t, "nothing was judged: it ended before there was evidence", reading.Unjudged(&ended))
	ended.Status.Analysis = &v1alpha1.AnalysisStatus{Message: "no Prometheus is configured"}
	require.Equal(t, "no metric has been judged: no Prometheus is configured", reading.Unjudged(&ended))
	good := clitest.Judgements()["as-good"]
	require.Empty(t, reading.Unjudged(&good))
}
