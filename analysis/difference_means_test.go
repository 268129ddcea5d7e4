package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"crossfade.io/crossfade/analysis/sequential"
)

// spending draws what n users of an arm spent: three of ten buy, for an amount that is log-normal with this mean.
func spending(random *rand.Rand, n int, mean float64) (m sequential.Moments) {
	for range n {
		m.Exposures++
		if random.Float64() < 0.3 {
			value := mean / 0.3 * math.Exp(random.NormFloat64()*0.8-0.32)
			m.Sum += value
			m.Squares += value * value
		}
	}
	return m
}

// TestMeansAreCompared: a band that is looked at each hour for a week misses no more often than it may, and finds what is there.
func TestMeansAreCompared(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	missed, found := 0, 0
	const tests = 300
	for range tests {
		same, better := NewDifference(DefaultGoal()), NewDifference(DefaultGoal())
		out := false
		for hour := range 48 {
			start := time.Unix(int64(hour)*3600, 0)
			of := func(mean float64) MeanInterval {
				return MeanInterval{Start: start, End: start.Add(time.Hour), Canary: spending(random, 100, mean), Stable: spending(random, 100, 10)}
			}
			same.AddMeans(of(10))
			better.AddMeans(of(13))
			out = out || same.Effect().Outcome != EffectOpen
		}
		if out {
			missed++
		}
		if better.Effect().Outcome == EffectBetter {
			found++
		}
	}
	t.Logf("%d of %d bands missed the truth at some look, %d found 30 %% more", missed, tests, found)
	require.LessOrEqual(t, missed, tests/20, "a chance of 5 %")
	require.GreaterOrEqual(t, found, tests*9/10)
}

// TestMeansInWords: a mean has no ratio and no per cent.
func TestMeansInWords(t *testing.T) {
	d := NewDifference(Goal{Name: "revenue", More: true, Alpha: 0.05, Planned: 100})
	d.AddMeans(MeanInterval{Start: time.Unix(0, 0), End: time.Unix(60, 0), Canary: sequential.Moments{Exposures: 100, Sum: 500, Squares: 2600}, Stable: sequential.Moments{Exposures: 100, Sum: 300, Squares: 1000}})
	f := d.Finding()
	require.Equal(t, EffectBetter, d.Effect().Outcome)
	require.Zero(t, f.Ratio)
	require.Contains(t, f.Reason, "revenue 5 of canary and 3 of stable, difference 2 (")
	alike := NewDifference(DefaultGoal())
	alike.AddMeans(MeanInterval{Canary: sequential.Moments{Exposures: 10, Sum: 50, Squares: 250}, Stable: sequential.Moments{Exposures: 10, Sum: 30, Squares: 90}})
	require.Equal(t, EffectOpen, alike.Effect().Outcome, "values that are all alike tell no variance")
}

// TestUsersWhoDoItLater: who comes now and orders later orders in an interval of few or no new users. Of both versions 3 of 100 do.
func TestUsersWhoDoItLater(t *testing.T) {
	const perHour, scrapesPerHour, week = 1000, 240, 7 * 24 * 240
	for seed := range uint64(5) {
		source := rand.NewPCG(seed, 1)
		drawn := func(mean float64) float64 { return distuv.Poisson{Lambda: mean, Src: source}.Rand() }
		judge, orders := NewDifference(DefaultGoal()), 0.0
		for i := range week {
			arm := func(share float64) Counts {
				mean := share * perHour / scrapesPerHour
				return Counts{Exposures: drawn(mean), Events: drawn(0.03 * mean)}
			}
			start := noon.Add(time.Duration(i) * 15 * time.Second)
			interval := Interval{Start: start, End: start.Add(15 * time.Second), Canary: arm(0.1), Stable: arm(0.9)}
			orders += interval.Canary.Events
			judge.Add(interval)
		}
		f := judge.Finding()
		require.Equal(t, EffectOpen, judge.Effect().Outcome, f.Reason)
		require.InDelta(t, orders, f.Canary.Events, 1, "all are counted")
	}
}

// TestValuesThatAreNoShares: a sum that is its own square can't be the values of so few users; nothing is known of how they vary.
func TestValuesThatAreNoShares(t *testing.T) {
	judge := NewDifference(DefaultGoal())
	of := func(sum float64) sequential.Moments {
		return sequential.Moments{Exposures: 100, Sum: sum, Squares: sum}
	}
	judge.AddMeans(MeanInterval{Start: noon, End: noon.Add(15 * time.Second), Canary: of(7000), Stable: of(5000)})
	require.True(t, math.IsInf(judge.Effect().Half, 1))
	require.Equal(t, EffectOpen, judge.Effect().Outcome)
}
