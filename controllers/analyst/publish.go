package analyst

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// ownIntervals is how many complete intervals of a step there must be before it passes.
const ownIntervals = 2

// published is what is told of an inquiry.
type published struct {
	evidence *planner.Evidence
	// started is since when the step is in effect that this is of.
	started time.Time
	// verdicts are those of all metrics.
	verdicts string
}

// at is the evidence for where the Release is: what was shown before the present step doesn't let that one pass.
func (p published) at(c course) *planner.Evidence {
	if p.evidence == nil {
		return &planner.Evidence{
			Verdict: v1alpha1.VerdictNoData, Message: "the sources of metrics have yet to be asked", Unready: "their sources have yet to be asked",
		}
	}
	_, started := c.present()
	if p.evidence.Verdict == v1alpha1.VerdictFail || p.evidence.Verdict == v1alpha1.VerdictNoData || started.Equal(p.started) {
		return p.evidence
	}
	early := *p.evidence
	early.Verdict, early.Message, early.Early = v1alpha1.VerdictInconclusive, newStep, true
	return &early
}

const newStep = "the step is new: two scrapes of its own come first"

// publish judges all that is known now, and tells of it if it is another verdict, or a minute old.
func (i *inquiry) publish(a *Analyst, c course, release *v1alpha1.Release) {
	now := a.Clock()
	evidence := i.evidence(c, now)
	i.foresee(c)
	verdicts := make([]string, 0, len(i.metrics))
	for _, m := range i.metrics {
		verdicts = append(verdicts, string(m.found.Verdict))
		a.Metrics.found(release.Namespace, i.rollout, m)
	}
	_, started := c.present()
	is := published{evidence: evidence, started: started, verdicts: strings.Join(verdicts, " ")}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone {
		a.Metrics.forget(release.Namespace, i.rollout)
		return
	}
	if was := i.published; was.evidence != nil && !is.differs(was) && !is.decides(was) && (c.first().IsZero() || now.Sub(was.evidence.Record.At.Time) < time.Minute) {
		i.published.started = started
		return
	}
	evidence.Record = i.record(evidence, now)
	i.news = numbers
	if is.decides(i.published) {
		i.news = decisive
	}
	i.published = is
}

// decides says whether the Release may go on or back by what is new.
func (p published) decides(was published) bool {
	if was.evidence == nil || tested(p.evidence) != tested(was.evidence) {
		return true
	}
	before := was.lets()
	if !p.started.Equal(was.started) && was.evidence.Verdict != v1alpha1.VerdictFail {
		before = 0 // what was shown at another step lets this one not go on
	}
	return p.lets() > before || p.evidence.Unready == "" && was.evidence.Unready != ""
}

// lets is how far the evidence lets a Release go: 0 nowhere, 1 on where the step waits for no more, 2 on, 3 back.
func (p published) lets() int {
	switch e := p.evidence; {
	case e.Verdict == v1alpha1.VerdictFail:
		return 3
	case e.Verdict == v1alpha1.VerdictPass:
		return 2
	case e.Verdict == v1alpha1.VerdictInconclusive && !e.Harm && !e.Early:
		return 1
	default:
		return 0
	}
}

// differs says whether there is something else to say than numbers.
func (p published) differs(was published) bool {
	a, b := p.evidence, was.evidence
	return a.Verdict != b.Verdict || a.Unready != b.Unready || a.Harm != b.Harm || a.Early != b.Early || tested(a) != tested(b) || p.verdicts != was.verdicts
}

// tested is the outcome of the A/B test; empty before it has one.
func tested(e *planner.Evidence) string {
	if e.Test == nil {
		return ""
	}
	return e.Test.Outcome
}

// evidence puts all scopes together.
func (i *inquiry) evidence(c course, now time.Time) *planner.Evidence {
	e := &planner.Evidence{Verdict: v1alpha1.VerdictPass, Unready: i.unready(c), Test: i.test(now)}
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
	case c.first().IsZero() || !i.ready() && e.Verdict != v1alpha1.VerdictFail:
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
	s.excuse(c.lone())
	i.age(s, at, ever)
	if s.found.Verdict == v1alpha1.VerdictNoData && c.lone() && s.compares() {
		if s.found.Last.IsZero() {
			return false
		}
		s.found = s.judgement.Look(s.found.Last) // what was shown while both had requests
	}
	if !s.decides || !ever {
		return false
	}
	return open || s.found.Verdict == v1alpha1.VerdictFail || c.stage != v1alpha1.StageStepping
}

// excuse says of what compares whether it may be without data for now.
func (s *scope) excuse(lone bool) {
	for _, m := range s.metrics {
		if m.excuse != nil {
			m.excuse(lone || m.NoData == noDataIgnore)
		}
	}
}

// compares: each of its metrics needs requests of both versions.
func (s *scope) compares() bool {
	return !slices.ContainsFunc(s.metrics, func(m *metric) bool { return m.excuse == nil })
}

// age has what was found age: what is old is no data. A problem of its source is why.
func (i *inquiry) age(s *scope, at time.Time, ever bool) {
	if !ever {
		return
	}
	s.found = s.judgement.Look(s.asOf(at))
	for _, m := range s.metrics {
		if !m.begun {
			m.found = analysis.Finding{Verdict: v1alpha1.VerdictNoData, Reason: "nothing is known of it yet", Phi: 1}
		} else {
			m.found = m.finding(m.asOf(at))
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
		if m.Goal != nil || len(m.set.Queries) == 0 || !m.holds() {
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

// record is what people are told.
func (i *inquiry) record(e *planner.Evidence, now time.Time) *v1alpha1.AnalysisStatus {
	status := &v1alpha1.AnalysisStatus{
		At: metav1.NewMicroTime(now), Verdict: e.Verdict, Message: e.Message, Outlook: i.outlook,
	}
	for _, m := range i.metrics {
		if status.Share == "" && (m.Compare != nil || m.Split != nil) {
			status.Share = m.share(now)
		}
		if m.begun && m.found.Verdict != "" {
			status.Metrics = append(status.Metrics, m.status(i.begun))
		}
	}
	return status
}

// share is the canary's share of the requests in the last minutes; empty where nothing was counted lately.
func (m *metric) share(now time.Time) string {
	if n := len(m.recent); n == 0 || now.Sub(m.recent[n-1].End) > shown+m.settle() {
		return ""
	}
	canary, stable := m.counts()
	if all := canary.Exposures + stable.Exposures; all > 0 {
		return digits(100*canary.Exposures/all) + "%"
	}
	return ""
}

func (m *metric) status(begun time.Time) v1alpha1.MetricStatus {
	f := m.found
	s := v1alpha1.MetricStatus{
		Name: m.name, Kind: m.kind(), Verdict: f.Verdict, Reason: shortened(f.Reason, longestReason), DryRun: m.DryRun,
		Series: m.track.table(begun), Verdicts: m.track.verdicts,
	}
	if m.threshold == nil && f.Used > 0 {
		s.Ratio = digits(f.Ratio)
	}
	if m.threshold == nil && m.Split == nil && f.Used > 0 {
		s.Low, s.High = digits(f.Low), digits(f.High)
	}
	if m.fails > 0 && f.Used > 0 {
		s.Worse, s.FailsAt, s.Noise = digits(f.Worse), digits(m.fails), digits(f.Phi)
	}
	if m.passes > 0 && f.Used > 0 {
		s.Safe, s.PassesAt = digits(f.Safe), digits(m.passes)
	}
	if edge := m.edge(); edge > 0 {
		s.Edge = digits(edge)
	}
	if f.ETA > 0 {
		s.Decides = f.ETA.Round(time.Second).String()
	}
	if m.difference != nil && f.Verdict != v1alpha1.VerdictNoData {
		effect := m.difference.Effect()
		s.Outcome, s.Difference = effect.Outcome, digits(effect.Difference)
		if !math.IsInf(effect.Half, 0) {
			s.Half = digits(effect.Half)
		}
	}
	return s
}
