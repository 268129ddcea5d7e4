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

func TestADifferenceIsDrawnBetweenRoundValuesAroundZero(t *testing.T) {
	tests := map[string]struct {
		points reading.Points
		round  []float64
	}{
		"all above":             {reading.Points{{Ratio: 3, Low: 1, High: 7}}, []float64{0, 2, 4, 6, 8}},
		"all below":             {reading.Points{{Ratio: -0.03, Low: -0.04, High: -0.02}}, []float64{-0.04, -0.03, -0.02, -0.01, 0}},
		"around":                {reading.Points{{Ratio: 0.001, Low: -0.004, High: 0.006}}, []float64{-0.005, 0, 0.005, 0.01}},
		"wide early":            {reading.Points{{Ratio: 50, Low: -99, High: 99}, {Ratio: 1, Low: -1, High: 3}, {Ratio: 1, Low: 0, High: 2}}, []float64{-1, 0, 1, 2, 3}},
		"no difference":         {reading.Points{{}}, []float64{-0.01, -0.005, 0, 0.005, 0.01}},
		"no band that has ends": {reading.Points{{Ratio: math.NaN(), Low: math.Inf(-1), High: math.Inf(1)}}, []float64{-0.01, -0.005, 0, 0.005, 0.01}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			low, high, step := test.points.DifferenceRange()
			require.InDeltaSlice(t, test.round, reading.Between(low, high, step), 1e-12)
			require.Contains(t, reading.Between(low, high, step), 0.0)
		})
	}
}

func TestDifferencesAreWrittenByWhatTheyAreOf(t *testing.T) {
	m := v1alpha1.MetricStatus{Difference: "-0.0125", Half: "0.02"}
	require.Equal(t, "-1.25 points (-3.25 to +0.75)", reading.Difference(reading.Goal, m))
	require.Equal(t, "-0.0125 (-0.0325 to +0.0075)", reading.Difference(reading.GoalOfMeans, m))
	m.Half = "+Inf"
	require.Equal(t, "-1.25 points (-100 to +100)", reading.Difference(reading.Goal, m))
	m.Difference = ""
	require.Empty(t, reading.Difference(reading.Goal, m))
	m.Difference, m.Half = "-0.17", "5"
	require.Equal(t, "-17 points (-100 to +100)", reading.Difference(reading.Goal, m))
	m.Difference, m.Half = "1500", "240.4"
	require.Equal(t, "+1500 (+1260 to +1740)", reading.Difference(reading.GoalOfMeans, m))
	require.Equal(t, "12340", reading.Amount(reading.GoalOfMeans, 12340))
}

func TestResultsSayHowSure(t *testing.T) {
	result := func(outcome string, change func(rel *v1alpha1.Release, m *v1alpha1.MetricStatus)) string {
		rel := clitest.Judgements()["test-open"]
		m := &rel.Status.Analysis.Metrics[0]
		m.Outcome, m.Reason, m.Series, m.Difference, m.Half = outcome, "as found", "seconds,canary,stable\n1,0.5,0.25\n", "0.25", "0.1"
		if change != nil {
			change(&rel, m)
		}
		return reading.TestOf(&rel, clitest.Now).Result()
	}
	const numbers = ": orders 50% of canary and 25% of stable, difference +25 points (+15 to +35)"
	require.Equal(t, "the canary is better"+numbers, result("Better", nil))
	require.Equal(t, "the canary is worse"+numbers, result("Worse", nil))
	require.Equal(t, "the versions are the same, as far as it matters"+numbers, result("Same", nil))
	require.Equal(t, "neither version is shown to be better yet"+numbers, result("Open", nil))
	require.Equal(t, "the versions can't be compared: as found", result("Skewed", nil))
	require.Equal(t, "neither version was shown to be better"+numbers, result("Open", func(rel *v1alpha1.Release, _ *v1alpha1.MetricStatus) {
		clitest.End(rel, time.Minute, v1alpha1.OutcomePromoted, "promoted")
	}))
	require.Equal(t, "the canary is better: as found", result("Better", func(_ *v1alpha1.Release, m *v1alpha1.MetricStatus) { m.Series = "seconds\n1,2" }))
	require.Equal(t, "no users of both versions are counted yet", result("Open", func(_ *v1alpha1.Release, m *v1alpha1.MetricStatus) {
		m.Verdict = v1alpha1.VerdictNoData
	}))
}

func TestAReleaseWithoutATestHasNone(t *testing.T) {
	rel := clitest.Judgements()["as-good"]
	require.Nil(t, reading.TestOf(&rel, clitest.Now))
}
