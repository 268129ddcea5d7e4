package analyst

import (
	"errors"
	"math"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/trafficrouting"
)

// event is something that became known at a time.
type event struct {
	at time.Time
	of *metric
	// add gives it to the judge, and returns what happened.
	add func() point
}

// arm has the series of one version, of what the queries gave.
func (m *metric) arm(requests, events []string, given map[string][]analysis.Series) analysis.Arm {
	return analysis.Arm{Exposures: m.pick(requests, given), Events: m.pick(events, given)}
}

func (m *metric) pick(list []string, given map[string][]analysis.Series) []analysis.Series {
	var all []analysis.Series
	for _, selector := range list {
		all = append(all, m.set.Pick(selector, given)...)
	}
	return all
}

// events are what happened in a range, by what the queries gave.
func (m *metric) events(c course, given map[string][]analysis.Series, from, to time.Time) []event {
	var all []event
	if m.arms.histogram {
		buckets := analysis.Distributions(m.pick(m.arms.canary, given), m.pick(m.arms.stable, given), m.edges, m.grid, from, to)
		for _, interval := range analysis.Latencies(buckets, m.edges, m.unit()) {
			if c.loneAt(interval.End, m) {
				continue // nothing to compare it with, which is no lack of data
			}
			interval.Weight = c.weight(interval.Start, interval.End)
			p := m.slowness(interval)
			if c.toBeLone(interval.End, m) && !(p.canaryRequests > 0 && p.stableRequests > 0) {
				continue
			}
			all = append(all, event{at: interval.End.Add(m.settle()), of: m, add: func() point { m.latencies(interval); return p }})
		}
		return all
	}
	canary := m.arm(m.arms.canary, m.arms.canaryEvents, given)
	stable := canary
	if m.Objective == nil {
		stable = m.arm(m.arms.stable, m.arms.stableEvents, given)
	}
	if len(m.arms.canarySquares) > 0 {
		return m.means(c, canary, stable, given, from, to)
	}
	for _, interval := range analysis.Intervals(canary, stable, m.grid, from, to) {
		if c.loneAt(interval.End, m) || c.toBeLone(interval.End, m) && !interval.Both() {
			continue
		}
		interval.Weight = c.weight(interval.Start, interval.End)
		users := m.users(c, interval)
		all = append(all, event{at: interval.End.Add(m.settle()), of: m, add: func() point {
			if m.difference != nil {
				m.difference.Shared(users)
			}
			m.intervals(interval)
			m.recent = append(m.recent, interval)
			return m.rates(interval)
		}})
	}
	return all
}

// rates are what an interval adds to the course: of a Split the canary's share as counted, and as declared.
func (m *metric) rates(i analysis.Interval) point {
	p := point{at: i.End, canaryRequests: i.Canary.Exposures, stableRequests: i.Stable.Exposures}
	p.canary, p.stable = eachOf(i.Canary), eachOf(i.Stable)
	if m.Split != nil {
		all := i.Canary.Exposures + i.Stable.Exposures
		p.canary, p.stable = i.Canary.Exposures/all, math.NaN()
		if i.Weight > 0 {
			p.stable = float64(i.Weight) / float64(trafficrouting.Whole)
		}
	}
	if m.Objective != nil {
		p.stable, p.stableRequests = math.NaN(), math.NaN()
	}
	return p
}

// slowness is what an interval adds to the course of a Latency: the quantiles, in seconds.
func (m *metric) slowness(i analysis.LatencyInterval) point {
	p := point{at: i.End}
	of := func(tails sequential.Tails) (quantile, count float64) {
		h, is := tails.(sequential.Histogram)
		if !is {
			return math.NaN(), 0
		}
		return quantileOf(h, m.quantile()), h.Count
	}
	p.canary, p.canaryRequests = of(i.Canary)
	p.stable, p.stableRequests = of(i.Stable)
	return p
}

// quantileOf is a quantile by the bucket that it is in, as if requests were spread evenly there; the last edge if it is beyond.
func quantileOf(h sequential.Histogram, quantile float64) float64 {
	if h.Count == 0 || len(h.Edges) == 0 {
		return math.NaN()
	}
	rank, below, edge := quantile*h.Count, 0.0, 0.0
	for i, upper := range h.Edges {
		if h.Below[i] >= rank {
			return edge + (upper-edge)*(rank-below)/math.Max(h.Below[i]-below, 1e-9)
		}
		below, edge = h.Below[i], upper
	}
	return edge
}

// measured is an event of a threshold.
func (m *metric) measured(at time.Time, value analysis.Value, err error) event {
	measurement := m.conditions.measured(at, value, err)
	p := point{at: at, canary: math.NaN(), stable: math.NaN(), ratio: math.NaN(), canaryRequests: math.NaN(), stableRequests: math.NaN()}
	if err == nil {
		p.canary = single(value)
	}
	return event{at: at.Add(m.settle()), of: m, add: func() point {
		m.measure(measurement)
		if m.problem = err; errors.Is(err, analysis.ErrNoData) {
			m.problem = nil
		}
		return p
	}}
}
