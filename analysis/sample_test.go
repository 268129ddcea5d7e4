package analysis

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSampleRatio: a share that is as declared, or as good as that, is hardly ever found to be off, at whatever look; one that is off
// by a little is found. Its outcome is neither better nor worse.
func TestSampleRatio(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	skewed := func(weight int32, share float64) bool {
		d := NewDifference(DefaultGoal())
		for i := range 400 {
			interval := Interval{Start: time.Unix(int64(i)*60, 0), End: time.Unix(int64(i+1)*60, 0), Weight: weight}
			for range 50 {
				arm := &interval.Stable
				if random.Float64() < share {
					arm = &interval.Canary
				}
				arm.Exposures++
				if random.Float64() < 0.1 {
					arm.Events++
				}
			}
			d.Shared(interval)
			d.Add(interval)
			if d.Effect().Outcome == EffectSkewed {
				require.Contains(t, d.Finding().Reason, "so the arms can't be compared")
				return true
			}
		}
		return false
	}
	count := func(weight int32, share float64) (off int) {
		for range 200 {
			if skewed(weight, share) {
				off++
			}
		}
		return off
	}
	require.LessOrEqual(t, count(500_000, 0.5)+count(100_000, 0.1)+count(500_000, 0.502), 2, "one of 1000")
	require.GreaterOrEqual(t, count(500_000, 0.53), 195)
	require.GreaterOrEqual(t, count(100_000, 0.12), 195)
	require.Zero(t, count(0, 0.7), "nobody declared one")
}
