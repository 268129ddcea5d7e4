package analyst

import (
	"strings"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

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
