package analyst

import (
	"slices"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// judgeGoal has no part in a scope: an A/B test looks for no harm.
func (m *metric) judgeGoal() {
	asked := analysis.DefaultGoal()
	asked.Name, asked.More, asked.Phi = m.Name, m.Goal.Better != "Fewer", number(m.Goal.Noise, 1)
	asked.Same = number(m.Goal.Same, 0)
	if m.Goal.Planned != nil {
		asked.Planned = float64(*m.Goal.Planned)
	}
	m.difference = analysis.NewDifference(asked)
	m.intervals, m.finding = m.difference.Add, func(now time.Time) analysis.Finding { return m.difference.Finding().Aged(now) }
}

// means are the intervals of a Goal by values: where one of its three counters has none, neither have the others.
func (m *metric) means(c course, canary, stable analysis.Arm, given map[string][]analysis.Series, from, to time.Time) []event {
	squares := map[time.Time]analysis.Interval{}
	for _, interval := range analysis.Intervals(
		analysis.Arm{Exposures: canary.Exposures, Events: m.pick(m.arms.canarySquares, given)},
		analysis.Arm{Exposures: stable.Exposures, Events: m.pick(m.arms.stableSquares, given)}, m.grid, from, to) {
		squares[interval.End] = interval
	}
	var all []event
	for _, interval := range analysis.Intervals(canary, stable, m.grid, from, to) {
		square, both := squares[interval.End]
		if !both {
			continue
		}
		of := func(sum, squares analysis.Counts) sequential.Moments {
			return sequential.Moments{Exposures: sum.Exposures, Sum: sum.Events, Squares: squares.Events}
		}
		mean := analysis.MeanInterval{
			Start: interval.Start, End: interval.End, Weight: c.weight(interval.Start, interval.End),
			Canary: of(interval.Canary, square.Canary), Stable: of(interval.Stable, square.Stable),
		}
		users := m.users(c, interval)
		all = append(all, event{at: interval.End.Add(m.settle()), of: m, add: func() point {
			m.difference.Shared(users)
			m.difference.AddMeans(mean)
			return m.rates(interval)
		}})
	}
	return all
}

// users is an interval with the share of users that was declared, where it is of the A/B test.
func (m *metric) users(c course, interval analysis.Interval) analysis.Interval {
	interval.Weight = 0
	if m.decidesTest {
		interval.Weight = c.users(interval.Start, interval.End)
	}
	return interval
}

// test is how the A/B test stands; nil without one, or before it has users.
func (i *inquiry) test(c course, now time.Time) (stands *planner.Test) {
	for _, m := range i.metrics {
		if m.difference == nil {
			continue
		}
		at := m.until(c, now)
		m.found = m.finding(m.asOf(at))
		m.track.judged(at, m.found)
		if !m.decidesTest || m.difference.Verdict() == v1alpha1.VerdictNoData {
			continue
		}
		stands = &planner.Test{Outcome: m.difference.Effect().Outcome, Message: m.found.Reason}
		if m.found.Verdict == v1alpha1.VerdictNoData {
			stands.Outcome = "" // users aren't counted any more
		}
	}
	return stands
}

// until is when a goal is looked at: what it found stays once its windows are over.
func (m *metric) until(c course, now time.Time) time.Time {
	windows := m.windows(c)
	if n := len(windows); n > 0 && !windows[n-1].open() {
		return earliest(now, windows[n-1].end.Add(m.settle()))
	}
	return now
}

// ever: something was counted, however long ago.
func ever(counters []analysis.Series) bool {
	return slices.ContainsFunc(counters, func(s analysis.Series) bool {
		return slices.ContainsFunc(s.Samples, func(sample analysis.Sample) bool { return sample.Value > 0 })
	})
}
