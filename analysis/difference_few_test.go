package analysis

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"crossfade.io/crossfade/analysis/sequential"
)

// TestFewOfASmallShare: a twentieth of the users is the canary's, and few of them do it, or spend anything: less often than promised is
// one of two equal versions taken for another, at whatever look.
func TestFewOfASmallShare(t *testing.T) {
	const tests, looks, share = 400, 160, 0.05
	for name, of := range map[string]struct {
		users, rate, price float64
		more               bool
	}{
		"events":      {20000, 0.0028, 0, true},
		"complaints":  {20000, 0.0028, 0, false},
		"means":       {4000, 0.025, 80, true},
		"fewer means": {4000, 0.025, 80, false},
	} {
		t.Run(name, func(t *testing.T) {
			source := rand.NewPCG(7, 11)
			drawn := func(mean float64) float64 { return distuv.Poisson{Lambda: mean, Src: source}.Rand() }
			asked := DefaultGoal()
			asked.More = of.more
			taken := map[string]int{}
			for range tests {
				judge, outcome := NewDifference(asked), EffectOpen
				for look := range looks {
					start := noon.Add(time.Duration(look) * time.Hour)
					arm := func(share float64) Counts {
						users := drawn(share * of.users / looks)
						return Counts{users, min(drawn(of.rate*users), users)}
					}
					canary, stable := arm(share), arm(1-share)
					if of.price == 0 {
						judge.Add(Interval{Start: start, End: start.Add(time.Hour), Weight: 50_000, Canary: canary, Stable: stable})
					} else {
						spent := func(c Counts) sequential.Moments {
							return sequential.Moments{Exposures: c.Exposures, Sum: c.Events * of.price, Squares: c.Events * of.price * of.price}
						}
						judge.AddMeans(MeanInterval{Start: start, End: start.Add(time.Hour), Weight: 50_000, Canary: spent(canary), Stable: spent(stable)})
					}
					if outcome == EffectOpen {
						outcome = judge.Effect().Outcome
					}
				}
				taken[outcome]++
			}
			t.Logf("of %d tests of equal versions: %v", tests, taken)
			require.LessOrEqual(t, taken[EffectBetter]+taken[EffectWorse], tests/20, "a chance of 5 %%")
		})
	}
}

// TestNobodyWinsByWhatIsNotCounted: where one version's events have another name, or none, the other one is no winner.
func TestNobodyWinsByWhatIsNotCounted(t *testing.T) {
	for name, c := range map[string]struct {
		more           bool
		canary, stable float64
		want, reads    string
	}{
		"orders of the canary alone":  {true, 30, 0, EffectOpen, "shows nothing yet: none is counted of stable; see whether its events are called so there"},
		"orders of stable alone":      {true, 0, 30, EffectWorse, "which is worse"},
		"complaints of stable alone":  {false, 0, 30, EffectOpen, "none is counted of canary"},
		"complaints of both versions": {false, 1, 30, EffectBetter, "which is better"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := DefaultGoal()
			asked.More = c.more
			judge := NewDifference(asked)
			for i := range 20 {
				start := noon.Add(time.Duration(i) * time.Minute)
				judge.Add(Interval{Start: start, End: start.Add(time.Minute), Weight: 500_000, Canary: Counts{1000, c.canary}, Stable: Counts{1000, c.stable}})
			}
			require.Equal(t, c.want, judge.Effect().Outcome, judge.Finding().Reason)
			require.Contains(t, judge.Finding().Reason, c.reads)
		})
	}
}
