package simulation

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// The bounds are generous, for few runs: make bench-analysis has the figures.

func TestFewFalseAlarms(t *testing.T) {
	const runs = 60
	for _, row := range falseAlarms() {
		t.Run(row.Name, func(t *testing.T) {
			o := row.Run(1, runs)
			require.LessOrEqual(t, o.Share(strict), 0.05)
			require.LessOrEqual(t, o.Share(shipped), 0.05)
			require.Greater(t, o.Share(peeked), 0.1, "a test that is not made for it is wrong often")
		})
	}
}

func TestRegressionsAreFoundSoon(t *testing.T) {
	const runs = 60
	for _, row := range regressions() {
		t.Run(row.Name, func(t *testing.T) {
			o := row.Run(1, runs)
			for _, method := range []int{strict, shipped} {
				require.InDelta(t, 1, o.Share(method), 0)
				require.LessOrEqual(t, o.Early(method), 0.05)
			}
			if row.goal > 0 {
				require.LessOrEqual(t, o.Delay(strict, 0.5), 1.5*row.goal)
			}
			require.Less(t, o.Delay(strict, 0.5), o.Delay(threshold, 0.5), "a usual threshold is slower")
		})
	}
}

func TestEqualCanaryPasses(t *testing.T) {
	o := Scenario{Traffic: STD(), Minutes: 60, UntilPass: true}.Run(1, 60)
	require.LessOrEqual(t, o.Delay(strict, 0.5), 180.0)
	require.True(t, math.IsInf(o.Delay(threshold, 0.5), 1), "it isn't asked")
}

func TestSlowCanaryIsFound(t *testing.T) {
	delays := Latencies{Slower: 1.5, Past: 1}.Delays(1, 40, v1alpha1.VerdictFail)
	slices.Sort(delays)
	require.LessOrEqual(t, delays[20], 150.0)
}

func TestEqualLatencyPassesAfterASlowerPast(t *testing.T) {
	delays := Latencies{Slower: 1, Past: 2}.Delays(1, 40, v1alpha1.VerdictPass)
	slices.Sort(delays)
	require.LessOrEqual(t, delays[20], 240.0)
}

// TestCalmHidesNoSlowCanary: what tells in the calm tells of something else once stable is busy again.
func TestCalmHidesNoSlowCanary(t *testing.T) {
	for _, calm := range []Calm{
		{Seconds: 300, Worse: 2, Rate: 100, Weight: 0.1},
		{Seconds: 300, Worse: 2, Rate: 20, Weight: 0.5},
		{Seconds: 600, Worse: 3, Rate: 20, Weight: 0.1},
	} {
		require.LessOrEqual(t, happened(calm.Delays(1, 100, v1alpha1.VerdictPass)), 0.15, "%+v", calm)
	}
}

func TestEqualSeedsHaveEqualTables(t *testing.T) {
	var first, second strings.Builder
	require.Equal(t, Table(&first, 7, 2), Table(&second, 7, 2))
	require.Equal(t, first.String(), second.String())
	require.Contains(t, first.String(), "\nfalse rollbacks ")
}
