package analyst

import (
	"fmt"
	"math"
	"slices"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/selectors"
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
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
	// excuse says whether it may be without data for now; nil of a threshold and a goal.
	excuse func(may bool)
	// keep has what was shown stay, as where there is nothing to compare it with; it is there where excuse is.
	keep       func(may bool)
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

// awaited: the Release gives the canary no more before its source has data of stable. The goal of a test is, until that is over: the
// test would run for nothing.
func (m *metric) awaited(c course) bool {
	windows := m.windows(c)
	over := len(windows) > 0 && !windows[len(windows)-1].open()
	return m.holds() || m.decidesTest && !over
}

// lone: a step leaves the metric without what it is told by, which is no lack of data: what compares without one of both versions, an
// objective without the canary. Once that is promoted it has all requests, whatever the last step gave it.
func (m *metric) lone(c course, step string) bool {
	canary, stable := c.all(step)
	switch {
	case m.Threshold != nil || m.Goal != nil:
		return false
	case m.Objective != nil:
		return stable && (m.when == nil || !m.when.Promoted)
	default:
		return canary || stable
	}
}

// blank: until now no step has given the canary any request, of which an objective could know.
func (m *metric) blank(c course) bool {
	served := func(v v1alpha1.StepStatus) bool { _, stable := c.all(v.Name); return v.StartedAt != nil && !stable }
	return m.Objective != nil && !c.over() && !slices.ContainsFunc(c.visits, served)
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
	none := math.NaN()
	p.ratio, p.low, p.high, p.worse, p.safe = f.Ratio, f.Low, f.High, f.Worse, f.Safe
	switch {
	case m.difference != nil:
		p.ratio, p.low, p.high, p.worse, p.safe = none, none, none, none, none
		p.canary, p.stable = eachOf(f.Canary), eachOf(f.Stable)
		if effect := m.difference.Effect(); f.Canary.Exposures > 0 && f.Stable.Exposures > 0 {
			p.ratio, p.low, p.high = effect.Difference, effect.Difference-effect.Half, effect.Difference+effect.Half
			if len(m.arms.canarySquares) == 0 { // of shares, none of which is beyond all
				p.low, p.high = math.Max(p.low, -1), math.Min(p.high, 1)
			}
		}
	case m.threshold != nil || f.Used == 0:
		p.ratio, p.low, p.high, p.worse, p.safe = none, none, none, none, none
	case m.Split != nil:
		p.low, p.high, p.safe = none, none, none
	}
}

// eachOf is what there was of each user; NaN before there are any, whatever those did who came before.
func eachOf(c analysis.Counts) float64 {
	if c.Exposures == 0 {
		return math.NaN()
	}
	return c.Events / c.Exposures
}

// unready names the metric whose source has no answer.
func (m *metric) unready() string { return fmt.Sprintf("%s: %s", m.name, m.problem) }
