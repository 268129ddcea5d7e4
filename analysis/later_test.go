package analysis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// failsAfter is how long it takes a judge to fail, of intervals that are bad from now on; an hour if it doesn't by then.
func failsAfter(judge interface {
	Add(intervals ...Interval)
	Verdict() v1alpha1.Verdict
}, from time.Time, bad Interval,
) time.Duration {
	for took := time.Duration(0); took < time.Hour; took += quarterMinute {
		bad.Start, bad.End = from.Add(took), from.Add(took+quarterMinute)
		judge.Add(bad)
		if judge.Verdict() == v1alpha1.VerdictFail {
			return took + quarterMinute
		}
	}
	return time.Hour
}

const quarterMinute = 15 * time.Second

// TestBadAfterADay: who is good for a day, as in an A/B test or a step that waits for somebody, and turns bad then, is found within
// minutes.
func TestBadAfterADay(t *testing.T) {
	const day = 24 * 240
	half := func(errors float64) Interval {
		return Interval{Weight: 500_000, Canary: Counts{750, 750 * errors}, Stable: Counts{750, 7.5}}
	}
	tenth := func(share float64) Interval {
		return Interval{Weight: 100_000, Canary: Counts{1500 * share, 0}, Stable: Counts{1500 * (1 - share), 0}}
	}
	compare := NewCompare(plain())
	compare.Add(repeated(day, half(0.01))...)
	require.LessOrEqual(t, failsAfter(compare, noon.Add(24*time.Hour), half(0.05)), 5*time.Minute)

	slo := NewSLO(DefaultObjective(0.999))
	slo.Add(repeated(day, half(0.0002))...)
	require.LessOrEqual(t, failsAfter(slo, noon.Add(24*time.Hour), half(0.05)), 5*time.Minute)

	split := NewSplit(DefaultSplit())
	split.Add(repeated(day, tenth(0.1))...)
	require.LessOrEqual(t, failsAfter(split, noon.Add(24*time.Hour), tenth(0.2)), 5*time.Minute)
}

// repeated are so many intervals alike, from noon on.
func repeated(count int, like Interval) []Interval {
	all := make([]Interval, count)
	for i := range all {
		all[i] = like
		all[i].Start, all[i].End = noon.Add(time.Duration(i)*quarterMinute), noon.Add(time.Duration(i+1)*quarterMinute)
	}
	return all
}

// TestRestartsBetNoMoreThanAll: what is bet afresh never ends, and never comes to more than was kept for it.
func TestRestartsBetNoMoreThanAll(t *testing.T) {
	r := DefaultRestarts()
	c, total, last := clock{}, 0.0, 1.0
	for minute := range 30 * 24 * 60 {
		due := c.due(r, noon.Add(time.Duration(minute)*r.Every))
		if minute > 0 {
			require.Positive(t, due)
			require.LessOrEqual(t, due, last+1e-12, "minute %d", minute)
			last = due
		}
		total += due
	}
	require.Less(t, r.invested()+total, 1.0)
	require.Greater(t, r.invested()+total, 0.999)
}

// TestEventsAfterTheirRequests: all requests of the canary fail, and are counted as failed in the next interval, which has no
// requests.
func TestEventsAfterTheirRequests(t *testing.T) {
	var intervals []Interval
	for i, interval := range repeated(120, Interval{Weight: 500_000}) {
		if i%2 == 0 {
			interval.Canary.Exposures, interval.Stable.Exposures = 10, 10
		} else {
			interval.Canary.Events = 10
		}
		intervals = append(intervals, interval)
	}
	compare, slo := NewCompare(plain()), NewSLO(DefaultObjective(0.999))
	compare.Add(intervals...)
	slo.Add(intervals...)
	require.Equal(t, v1alpha1.VerdictFail, compare.Verdict(), compare.Finding().Reason)
	require.Equal(t, v1alpha1.VerdictFail, slo.Verdict(), slo.Finding().Reason)
}
