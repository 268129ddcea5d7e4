package analyst

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
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
	// history is from how far back noise is known, and portion how much of it is asked for at once.
	history, portion = 6 * time.Hour, time.Hour
	// arrival is how long after the first step began the past is asked for, and their lag: what was scraped may still be on its way,
	// and who asks again must find the same.
	arrival = 20 * time.Second
	// mostTries is how often history is asked for; then noise is learnt on the way.
	mostTries = 3
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

// noise is how much noisier the traffic is than independent requests, where that is known beforehand; 0 learns it.
func (m *metric) noise(c course) float64 {
	switch {
	case m.Compare != nil && m.Compare.Noise != nil:
		return math.Max(number(m.Compare.Noise, 1), 1)
	case m.Latency != nil && m.Latency.Noise != nil:
		return math.Max(number(m.Latency.Noise, 1), 1)
	case m.Objective != nil:
		return math.Max(number(m.Objective.Noise, 1), 1)
	case m.arms.shared && c.drawn():
		return 1 // requests are drawn one by one
	default:
		return 0
	}
}

// calibrated is the noise of a metric, also by what stable's pods did before, each against the others.
func (i *inquiry) calibrated(a *Analyst, m *metric, c course, end time.Time) (float64, error) {
	known := m.noise(c)
	if known > 0 || m.Compare == nil || m.arms.shared {
		return known, nil
	}
	histories := map[string][]analysis.Interval{}
	for from := end.Add(-history); from.Before(end); {
		to := from.Add(portion)
		if m.many {
			to = earliest(end, from.Add(glance))
		}
		given, err := i.given(a, m, from.Add(-m.grid.Lookback()), to)
		if errors.Is(err, egress.ErrTooLarge) && !m.many {
			m.many = true
			continue
		}
		if err != nil && m.tries < mostTries {
			m.tries++
			return 0, err
		}
		if err != nil {
			return 0, nil // so long a time may be too much for its source
		}
		stable := m.arm(m.arms.stable, m.arms.stableEvents, given)
		for _, pod := range someOf(podsOf(stable.Exposures)) {
			one, rest := apart(stable, pod)
			histories[pod] = append(histories[pod], analysis.Intervals(one, rest, m.grid, from, to)...)
			a.turns.aside(runtime.Gosched) // so much may be known of many pods that others would wait
		}
		from = to
	}
	all := make([][]analysis.Interval, 0, len(histories))
	for _, history := range histories {
		all = append(all, history)
	}
	if phi, found := analysis.Calibrate(all...); found {
		return phi, nil
	}
	return 0, nil
}

func (i *inquiry) given(a *Analyst, m *metric, from, to time.Time) (map[string][]analysis.Series, error) {
	var asked batch
	asked.want(m, from, to)
	asked.ask(i.ctx, a)
	return asked.given(m, from, to)
}

// podOf names the pod whose series it is.
func podOf(s analysis.Series) string {
	if pod := s.Labels["pod"]; pod != "" {
		return pod
	}
	return s.Labels["instance"]
}

// podsOf are the pods of some series, sorted; none if there is but one, which has no others beside it.
func podsOf(series []analysis.Series) []string {
	pods := map[string]bool{}
	for _, s := range series {
		pods[podOf(s)] = true
	}
	if len(pods) < 2 {
		return nil
	}
	return slices.Sorted(maps.Keys(pods))
}

// mostPods is how many pods noise is known by; with more, it takes long to know little more.
const mostPods = 12

// someOf are at most mostPods of the pods, from all over the list.
func someOf(pods []string) []string {
	if len(pods) <= mostPods {
		return pods
	}
	some := make([]string, mostPods)
	for i := range some {
		some[i] = pods[i*len(pods)/mostPods]
	}
	return some
}

// apart splits an arm into one pod and the others.
func apart(arm analysis.Arm, pod string) (one, rest analysis.Arm) {
	split := func(series []analysis.Series) (of, others []analysis.Series) {
		for _, s := range series {
			if podOf(s) == pod {
				of = append(of, s)
			} else {
				others = append(others, s)
			}
		}
		return of, others
	}
	one.Exposures, rest.Exposures = split(arm.Exposures)
	one.Events, rest.Events = split(arm.Events)
	return one, rest
}
