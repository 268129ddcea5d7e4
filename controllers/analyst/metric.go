package analyst

import (
	"errors"
	"fmt"
	"math"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/selectors"
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// metric is one that is judged.
type metric struct {
	ask

	// step is the one by whose facts the ask is.
	step string
	// when is the template whose steps it is judged at.
	when *v1alpha1.AnalysisTemplateRef

	// lag is how much later than usual its source knows what was scraped.
	lag      time.Duration
	arms     arms
	set      selectors.Set
	source   analysis.Source
	counters analysis.CounterSource
	// past: its source has values of times that are past.
	past bool
	// grid, edges and before are of the time before the first step; edges and before of a Latency.
	grid   analysis.Grid
	edges  []float64
	before sequential.Histogram
	phi    float64
	// cadence is how often was scraped before the first step; 0 if that isn't known. sought is how long after that began it was
	// looked for scrapes of the canary, without finding two.
	cadence, sought time.Duration
	// tries is how often the past was asked for to find phi, and did not answer.
	tries int
	// begun: it has a judge. told is until when that was given everything.
	begun bool
	told  time.Time
	// many: its samples of a whole stretch are too many.
	many bool
	// problem is why the source has no answer now; nil if it has.
	problem error

	intervals func(...analysis.Interval)
	latencies func(...analysis.LatencyInterval)
	measure   func(...analysis.Measurement)
	finding   func(now time.Time) analysis.Finding
	// excuse says whether it may be without data for now; nil of what needs no other version beside.
	excuse     func(may bool)
	threshold  *analysis.Threshold
	difference *analysis.Difference
	edge       func() float64
	conditions conditions
	// behind: measurements of the past are still being taken.
	behind bool
	// measuring: a measurement is under way, for as long as it takes.
	measuring bool
	// visit is when the visit of a step began that the threshold is of, where each has its own.
	visit time.Time
	// retry is when to ask again for a measurement of the past that its source had no answer to.
	retry         time.Time
	fails, passes float64
	// found is what was found last, track how it came to be, and recent the intervals of the last minutes.
	found  analysis.Finding
	track  track
	recent []analysis.Interval
}

// scope are metrics that are judged together.
type scope struct {
	judgement *analysis.Judgement
	ref       *v1alpha1.AnalysisTemplateRef
	metrics   []*metric
	// decides is false of what runs dry.
	decides bool
	found   analysis.Finding
}

// event is something that became known at a time.
type event struct {
	at time.Time
	of *metric
	// add gives it to the judge, and returns what happened.
	add func() point
}

// judge makes the metric's judge, in its scope.
func (m *metric) judge(s *scope, count int) error {
	weight := 1.0
	if m.Importance != nil {
		weight = float64(*m.Importance)
	}
	m.track, m.begun, m.edge = newTrack(count, m.Split != nil), true, func() float64 { return 0 }
	switch m.kind() {
	case kindLatency:
		asked := m.latencyAsked()
		m.fails, m.passes = -math.Log(asked.Alpha), -math.Log(asked.AlphaPass)
		latency := analysis.NewLatency(asked, m.before)
		m.edge = latency.Edge
		judged := analysis.Ask(s.judgement, m.name, weight, latency)
		optional(m, judged)
		m.latencies, m.finding, m.excuse = judged.Add, judged.Finding, judged.Optional
	case kindObjective:
		asked := analysis.DefaultObjective(number(&m.Objective.Objective, 1))
		asked.Burn, asked.Budget, asked.Phi = number(m.Objective.Burn, asked.Burn), number(m.Objective.Budget, 0), m.phi
		m.fails, m.passes = -math.Log(asked.Alpha), -math.Log(asked.AlphaPass)
		judged := analysis.Ask(s.judgement, m.name, weight, analysis.NewSLO(asked))
		optional(m, judged)
		m.intervals, m.finding = judged.Add, judged.Finding
	case kindSplit:
		asked := analysis.DefaultSplit()
		asked.Phi = m.phi
		m.fails = -math.Log(asked.Alpha)
		judged := analysis.Ask(s.judgement, m.name, weight, analysis.NewSplit(asked))
		optional(m, judged)
		m.intervals, m.finding, m.excuse = judged.Add, judged.Finding, judged.Optional
	case kindThreshold:
		return m.judgeThreshold(s, weight)
	case kindGoal:
		m.judgeGoal()
	default:
		asked := m.compareAsked()
		m.fails, m.passes = -math.Log(asked.Alpha), -math.Log(asked.AlphaPass)
		judged := analysis.Ask(s.judgement, m.name, weight, analysis.NewCompare(asked))
		optional(m, judged)
		m.intervals, m.finding, m.excuse = judged.Add, judged.Finding, judged.Optional
	}
	return nil
}

func optional[T analysis.Observation](m *metric, judged *analysis.Metric[T]) {
	if m.NoData == noDataIgnore {
		judged.Optional(true)
	}
}

func (m *metric) compareAsked() analysis.Comparison {
	asked := analysis.DefaultComparison()
	asked.Phi, asked.Floor = m.phi, number(m.Compare.Floor, asked.Floor)
	asked.Margin = number(m.Compare.Margin, asked.Margin)
	if m.Compare.Limit != nil {
		asked.Limit, asked.LimitAtHalf = number(m.Compare.Limit, asked.Limit), 0
	}
	return asked
}

func (m *metric) latencyAsked() analysis.LatencyComparison {
	asked := analysis.DefaultLatency()
	asked.Phi, asked.Quantile = m.phi, number(m.Latency.Quantile, asked.Quantile)
	asked.Margin, asked.Limit = number(m.Latency.Margin, asked.Margin), number(m.Latency.Limit, asked.Limit)
	return asked
}

func (m *metric) judgeThreshold(s *scope, weight float64) error {
	t := m.Threshold
	compiled, err := compiled(*t, m.job())
	if err != nil {
		m.begun = false
		return err
	}
	limits := analysis.Limits{
		Count: int(t.Count), FailureLimit: int(t.FailureLimit), ConsecutiveFailures: int(t.ConsecutiveFailures),
		ConsecutiveSuccesses: int(t.ConsecutiveSuccesses), InconclusiveLimit: int(t.InconclusiveLimit), ErrorLimit: int(t.ErrorLimit),
	}
	if t.InitialDelay != nil {
		limits.InitialDelay = t.InitialDelay.Duration.Duration
	}
	if t.Interval != nil {
		limits.Interval = t.Interval.Duration.Duration
	}
	if limits.Interval <= 0 {
		limits.Count = 1 // there is no second one
	}
	if m.NoData == noDataFail {
		limits.NoData = analysis.OutcomeFailure
	}
	m.conditions, m.threshold = compiled, analysis.NewThreshold(limits)
	judged := analysis.Ask(s.judgement, m.name, weight, m.threshold)
	optional(m, judged)
	m.measure, m.finding = judged.Add, judged.Finding
	return nil
}

// query is what a threshold asks; empty of a Job.
func (m *metric) query() string {
	if m.Threshold.Query == nil {
		return ""
	}
	return string(*m.Threshold.Query)
}

// quantile is the one that a Latency is about.
func (m *metric) quantile() float64 {
	return number(m.Latency.Quantile, analysis.DefaultLatency().Quantile)
}

func (m *metric) unit() time.Duration {
	if m.Latency.Unit == "Milliseconds" {
		return time.Millisecond
	}
	return time.Second
}

// awaited: the Release gives the canary no more before its source has data of stable. The goal of a test is, until that is over: the
// test would run for nothing.
func (m *metric) awaited(c course) bool {
	windows := m.windows(c)
	over := len(windows) > 0 && !windows[len(windows)-1].open()
	return m.holds() || m.decidesTest && !over
}

// settle is how long after an interval's end, or the time of a measurement, it is known.
func (m *metric) settle() time.Duration {
	switch {
	case m.Threshold == nil:
		return m.grid.Settle
	case m.past:
		return m.lag
	default:
		return 0
	}
}

// asOf is the time by which what is known at a time is old: what is counted or measured is known so much later.
func (m *metric) asOf(at time.Time) time.Time { return at.Add(-m.settle()) }

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
			if c.loneAt(interval.End) {
				continue // nothing to compare it with, which is no lack of data
			}
			interval.Weight = c.weight(interval.Start, interval.End)
			p := m.slowness(interval)
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
		if m.excuse != nil && c.loneAt(interval.End) {
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
	p.canary, p.stable = i.Canary.Events/i.Canary.Exposures, i.Stable.Events/i.Stable.Exposures
	if m.Split != nil {
		all := i.Canary.Exposures + i.Stable.Exposures
		p.canary, p.stable, p.ofAll = i.Canary.Exposures/all, math.NaN(), true
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

// shown is how long the last minutes are, of which the share is told.
const shown = 2 * time.Minute

// looked keeps what the judge finds after an event.
func (m *metric) looked(at time.Time, p point) {
	f := m.finding(m.asOf(at))
	m.figures(&p, f)
	m.found = f
	m.track.add(p)
	m.track.judged(at, f)
	for len(m.recent) > 1 && !m.recent[0].End.After(p.at.Add(-shown)) {
		m.recent = m.recent[1:]
	}
}

// figures are those of a finding that the metric's judge knows; the others are NaN.
func (m *metric) figures(p *point, f analysis.Finding) {
	p.ratio, p.low, p.high, p.worse, p.safe = f.Ratio, f.Low, f.High, f.Worse, f.Safe
	switch none := math.NaN(); {
	case m.threshold != nil || f.Used == 0:
		p.ratio, p.low, p.high, p.worse, p.safe = none, none, none, none, none
	case m.Split != nil:
		p.low, p.high, p.safe = none, none, none
	case m.difference != nil:
		p.worse, p.safe = none, none
	}
}

// unready names the metric whose source has no answer.
func (m *metric) unready() string { return fmt.Sprintf("%s: %s", m.name, m.problem) }
