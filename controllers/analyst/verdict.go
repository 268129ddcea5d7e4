package analyst

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// ownIntervals is how many complete intervals of a step there must be before it passes.
const ownIntervals = 2

const newStep = "the step is new: two scrapes of its own come first"

// evidence puts all scopes together.
func (i *inquiry) evidence(c course, now time.Time) *planner.Evidence {
	e := &planner.Evidence{Verdict: v1alpha1.VerdictPass, Unready: i.unready(c), Test: i.test(c, now)}
	said, ignored := map[v1alpha1.Verdict][]string{}, false
	for _, s := range i.scopes {
		if !i.counts(s, c, now) {
			continue
		}
		if s.found.Verdict == v1alpha1.VerdictNoData && s.ignorable() {
			ignored = true
			continue
		}
		verdict, reason := s.says(c)
		e.Verdict = worst(e.Verdict, verdict)
		said[verdict] = append(said[verdict], reason)
		e.Harm = e.Harm || s.harmful()
	}
	e.Message = strings.Join(said[e.Verdict], "; ")
	switch {
	case c.first().IsZero() || !i.ready(c) && e.Verdict != v1alpha1.VerdictFail:
		e.Verdict, e.Message = v1alpha1.VerdictNoData, cmp.Or(e.Unready, i.late(c, now), "no scrape of the first step is known yet")
	case len(said) == 0 && ignored:
		e.Verdict, e.Message = v1alpha1.VerdictInconclusive, "no metric has data, and all may be left out"
	case len(said) == 0:
		e.Message = "nothing is judged at this step"
	case (e.Verdict == v1alpha1.VerdictPass || e.Verdict == v1alpha1.VerdictInconclusive) && i.early(c) != "":
		e.Verdict, e.Message, e.Early = v1alpha1.VerdictInconclusive, i.early(c), true
	}
	return e
}

// late says whose samples are yet to be known by their lag, once those of others are; empty if nobody's.
func (i *inquiry) late(c course, now time.Time) string {
	for _, m := range i.metrics {
		if known := m.arrives(c); !m.begun && m.lag > 0 && m.holds() && !c.first().IsZero() && known.After(now) {
			return fmt.Sprintf("metric %s: its samples are known in %s, by the lag of its source", m.name, shortly(known.Sub(now)))
		}
	}
	return ""
}

// counts says whether what a scope found has a say where the Release is: it is judged there, or fails. It looks at what is known.
func (i *inquiry) counts(s *scope, c course, now time.Time) bool {
	at, open, ever := s.until(c, now)
	s.excuse(c)
	i.age(s, c, at, ever)
	nothing := s.found.Verdict == v1alpha1.VerdictNoData && s.found.Last.IsZero()
	if !s.decides || !ever || nothing && s.lone(c) {
		return false
	}
	return open || s.found.Verdict == v1alpha1.VerdictFail || c.stage != v1alpha1.StageStepping
}

// excuse says of each metric whether it may be without data for now.
func (s *scope) excuse(c course) {
	for _, m := range s.metrics {
		if m.excuse != nil {
			lone := m.lone(c, c.inEffect())
			m.excuse(lone || m.NoData == noDataIgnore)
			m.keep(lone)
		}
	}
}

// lone: the step in effect leaves all of its metrics without what they are told by.
func (s *scope) lone(c course) bool {
	return !slices.ContainsFunc(s.metrics, func(m *metric) bool { return !m.lone(c, c.inEffect()) })
}

// age has what was found age: what is old is no data. A problem of its source is why.
func (i *inquiry) age(s *scope, c course, at time.Time, ever bool) {
	if !ever {
		return
	}
	s.found = s.judgement.Look(s.asOf(at))
	for _, m := range s.metrics {
		if !m.begun {
			m.found = analysis.Finding{Verdict: v1alpha1.VerdictNoData, Reason: "nothing is known of it yet", Phi: 1}
		} else {
			m.found = m.finding(m.asOf(m.until(c, at)))
		}
		if m.problem != nil && m.found.Verdict == v1alpha1.VerdictNoData {
			m.found.Reason = m.problem.Error()
		}
		m.track.judged(at, m.found)
	}
	if s.found.Verdict == v1alpha1.VerdictNoData {
		for _, m := range s.metrics {
			if m.problem != nil {
				s.found.Reason = "metric " + m.unready()
				break
			}
		}
	}
}

// says is what it found for the present step: what goes by its last measurement passes by one of that step.
func (s *scope) says(c course) (v1alpha1.Verdict, string) {
	_, started := c.present()
	before := func(m *metric) bool {
		return m.threshold != nil && m.threshold.Endless() && m.found.Last.Before(started)
	}
	if s.found.Verdict == v1alpha1.VerdictPass && slices.ContainsFunc(s.metrics, before) {
		return v1alpha1.VerdictInconclusive, s.found.Reason + ", which was before this step"
	}
	return s.found.Verdict, s.found.Reason
}

// ignorable: all of its metrics may be left out.
func (s *scope) ignorable() bool {
	for _, m := range s.metrics {
		if m.NoData != noDataIgnore {
			return false
		}
	}
	return true
}

// harmful: something points to the canary's being worse, though it may be chance. A split that is off says nothing of that.
func (s *scope) harmful() bool {
	for _, m := range s.metrics {
		if m.Split == nil && m.found.Harmful() {
			return true
		}
	}
	return false
}

// early says why there is too little evidence of the present step: not all that compares has two intervals of it yet, or not all that
// is measured was asked for; empty if there is enough.
func (i *inquiry) early(c course) string {
	if slices.ContainsFunc(i.metrics, func(m *metric) bool { return m.behind && !m.DryRun }) {
		return "what was measured until now is still being asked for"
	}
	_, started := c.present()
	if started.IsZero() {
		return ""
	}
	for _, m := range i.metrics {
		if m.Goal != nil || len(m.set.Queries) == 0 || !m.holds() || !m.begun {
			continue
		}
		windows := m.windows(c)
		if len(windows) == 0 || !windows[len(windows)-1].open() {
			continue
		}
		if m.told.Before(m.grid.Ceil(started).Add(ownIntervals * m.grid.Step)) {
			return newStep
		}
	}
	return ""
}
