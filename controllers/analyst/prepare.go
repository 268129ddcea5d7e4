package analyst

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
	"crossfade.io/crossfade/analysis/sequential"
)

const (
	// glance is how far back it is looked for data before the first step, and for how often is scraped.
	glance = 10 * time.Minute
	// past is from how far back a Latency knows what is slow.
	past = 30 * time.Minute
	// arrival is how long after the first step began the past is asked for, and their lag: what was scraped may still be on its way,
	// and who asks again must find the same.
	arrival = 20 * time.Second
	// usualStep is how often is scraped, where nobody knows.
	usualStep = 15 * time.Second
)

// probe finds out, before the first step, whether all sources give data, and how long evidence will take.
func (i *inquiry) probe(a *Analyst, c course) {
	now := a.Clock()
	given := i.fetch(a, i.counting(), func(m *metric) window {
		return window{now.Add(-m.lag - glance), now.Add(-m.lag)}
	})
	for m, answer := range given {
		if m.Objective == nil {
			m.problem = m.uncounted(m.pick(m.arms.stable, answer))
		}
	}
	for _, m := range i.metrics {
		if m.Threshold == nil || m.source == nil || m.job() || m.Threshold.Query == nil {
			continue
		}
		_, m.problem = a.valueAside(i.ctx, m.source, string(*m.Threshold.Query), now.Add(-m.lag))
		if errors.Is(m.problem, analysis.ErrNoData) {
			m.problem = nil // it may be of the canary
		}
	}
	i.lookOut(c, given, now)
}

// uncounted is why nothing can be compared with stable; nil if it can.
func (m *metric) uncounted(stable []analysis.Series) error {
	asked := strings.Join(m.arms.stable, " or ")
	switch {
	case analysis.Cadence(stable) == 0:
		return fmt.Errorf("its source has no two scrapes of stable in the last %s; see whether it is scraped, and whether %s is right", shortly(glance), asked)
	case m.decidesTest && !ever(stable):
		return fmt.Errorf("its source has counted no user of stable yet; see whether %s is right", asked)
	default:
		return nil
	}
}

// gridOf is the clock of a metric whose arms are scraped so often.
func (m *metric) gridOf(step time.Duration) analysis.Grid {
	if step < time.Second {
		step = usualStep
	}
	const storing = 5 * time.Second
	return analysis.Grid{Step: step, Settle: step + storing + m.lag, Shared: m.arms.shared}
}

// prepare learns of the time before the first step what judges need, and makes them.
func (i *inquiry) prepare(a *Analyst, c course) {
	end := c.first()
	for _, m := range i.metrics {
		if m.Threshold != nil && m.source != nil && !m.begun {
			m.problem = nil // of the time before
		}
	}
	wanting := i.wanting(c, a.Clock())
	before := func(m *metric) window { return window{end.Add(-m.ago()), end} }
	given := i.fetch(a, wanting, before)
	maps.Copy(given, i.fetch(a, tooMany(wanting), before))
	for _, m := range wanting {
		if given[m] == nil {
			continue
		}
		canary, stable := m.pick(m.arms.canary, given[m]), m.pick(m.arms.stable, given[m])
		m.cadence = analysis.Cadence(canary, stable)
		m.grid = m.gridOf(m.cadence)
		if m.Latency != nil {
			m.problem = m.lookBack(canary, stable, end)
		}
		if m.problem == nil {
			m.phi, m.problem = i.calibrated(a, m, c, end)
		}
	}
	for _, s := range i.scopes {
		for _, m := range s.metrics {
			i.begin(a, c, m, s)
		}
	}
	for _, m := range i.metrics {
		if m.Goal != nil {
			i.begin(a, c, m, nil)
		}
	}
}

// ago is from how far back it is known what is slow: as far as there must be data before the first step, where more is too much.
func (m *metric) ago() time.Duration {
	if m.many {
		return glance
	}
	return past
}

// tooMany are those of which too much was asked at once, which are asked for less from now on.
func tooMany(asked []*metric) (all []*metric) {
	for _, m := range asked {
		if errors.Is(m.problem, egress.ErrTooLarge) && !m.many {
			m.many = true
			all = append(all, m)
		}
	}
	return all
}

// wanting are those whose past is to be asked for.
func (i *inquiry) wanting(c course, now time.Time) (all []*metric) {
	for _, m := range i.counting() {
		switch {
		case m.begun:
		case m.arrives(c).After(now):
			m.problem = nil // what is known later is no problem yet
		default:
			all = append(all, m)
		}
	}
	return all
}

// arrives is when the past of a metric that is counted is asked for.
func (m *metric) arrives(c course) time.Time { return c.first().Add(arrival + m.lag) }

// begin makes the judge of a metric that knows what it needs.
func (i *inquiry) begin(a *Analyst, c course, m *metric, s *scope) {
	if m.begun || m.problem != nil || m.source == nil || m.Threshold == nil && m.arrives(c).After(a.Clock()) {
		return
	}
	if m.Objective != nil { // the canary was not there before
		step := i.cadence(m.lag)
		if step == 0 {
			step, m.problem = i.pace(a, m, c)
		}
		if step == 0 {
			return
		}
		m.grid = m.gridOf(step)
	}
	m.problem = m.judge(s, len(i.metrics))
}

// cadence is how often is scraped by what was found of those who are known no later than this; 0 if nothing was.
func (i *inquiry) cadence(lag time.Duration) (longest time.Duration) {
	for _, m := range i.metrics {
		if m.lag <= lag {
			longest = max(longest, m.cadence)
		}
	}
	return longest
}

// lookBack finds what is slow by what stable did before.
func (m *metric) lookBack(canary, stable []analysis.Series, end time.Time) error {
	if len(stable) == 0 {
		return fmt.Errorf("stable has no histogram of the %s before the first step; see whether it is scraped, and whether %s is right",
			shortly(m.ago()), strings.Join(m.arms.stable, " or "))
	}
	edges, err := analysis.Edges(canary, stable)
	if err != nil {
		return err
	}
	m.edges = edges
	before := make([]float64, len(edges))
	for _, b := range analysis.Distributions(stable, stable, edges, m.grid, end.Add(-m.ago()), end) {
		for k, n := range b.Stable {
			before[k] += n
		}
	}
	inSeconds := make([]float64, len(edges))
	for k, edge := range edges {
		inSeconds[k] = edge / (float64(time.Second) / float64(m.unit()))
	}
	m.before = sequential.NewHistogram(inSeconds, before)
	return nil
}
