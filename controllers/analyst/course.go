package analyst

import (
	"slices"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// course is what the evidence depends on of the way that a Release has come.
type course struct {
	steps  []v1alpha1.Step
	visits []v1alpha1.StepStatus
	// mixed: requests reach the canary by more than weights, in all steps, as where users are kept.
	mixed bool
	// drawnAt is the step at which an A/B test draws its users by weight, and keeps those of both versions; empty without one.
	drawnAt string
	stage   v1alpha1.Stage
	since   time.Time
}

// window is a time in which something is judged; a zero end is open.
type window struct{ start, end time.Time }

func (w window) open() bool { return w.end.IsZero() }

func courseOf(release *v1alpha1.Release) course {
	policy, progress := release.Spec.Policy, release.Status.Progress
	c := course{steps: policy.Strategy.Steps, visits: release.Status.Steps, stage: progress.Stage, mixed: policy.Strategy.Stickiness != nil}
	if len(progress.Steps) > 0 {
		c.steps = progress.Steps
	}
	if progress.StageSince != nil {
		c.since = progress.StageSince.Time
	}
	if test, kept := policy.Strategy.ABTest, policy.Strategy.Stickiness; test != nil && kept != nil && kept.Stable {
		c.drawnAt = test.Step
	}
	for _, ref := range policy.RouteRefs {
		if len(ref.Rules) > 0 {
			c.mixed, c.drawnAt = true, ""
		}
	}
	return c
}

// over: all steps are.
func (c course) over() bool { return c.stage != v1alpha1.StageStepping && c.stage != "" }

// first is when the first split was in effect; zero before.
func (c course) first() time.Time {
	for _, v := range c.visits {
		if v.StartedAt != nil {
			return v.StartedAt.Time
		}
	}
	return time.Time{}
}

// present is the step that the Release is at, and since when its split has been in effect; zero if it isn't yet.
func (c course) present() (name string, started time.Time) {
	if c.over() || len(c.visits) == 0 {
		return "", time.Time{}
	}
	last := c.visits[len(c.visits)-1]
	if last.StartedAt != nil && last.EndedAt == nil {
		started = last.StartedAt.Time
	}
	return last.Name, started
}

// stepAt is the step that the Release was at then: the first one before any was entered, and none once all are over.
func (c course) stepAt(t time.Time) string {
	name := ""
	if len(c.steps) > 0 {
		name = c.steps[0].Name
	}
	for _, v := range c.visits {
		over := v.EndedAt != nil && !v.EndedAt.After(t) && c.over()
		switch {
		case v.EnteredAt.After(t):
			return name
		case over:
			name = ""
		default:
			name = v.Name
		}
	}
	return name
}

// windows are when what a template asks is judged; of what has no template, which is nil, from the first step to the last one.
func (c course) windows(ref *v1alpha1.AnalysisTemplateRef) []window {
	switch {
	case ref != nil && ref.Promoted:
		if c.stage == v1alpha1.StageKeeping {
			return []window{{start: c.since}}
		}
		return nil
	case ref == nil || len(ref.Steps) == 0 && ref.From == "":
		return c.whole()
	}
	var all []window
	for _, v := range c.visits {
		if v.StartedAt == nil || !c.asks(ref, v.Name) {
			continue
		}
		w := window{start: v.StartedAt.Time}
		if v.EndedAt != nil {
			w.end = v.EndedAt.Time
		}
		all = append(all, w)
	}
	return all
}

// asks says whether what a template asks is judged at a step; nil is judged at each.
func (c course) asks(ref *v1alpha1.AnalysisTemplateRef, step string) bool {
	if ref == nil {
		return true
	}
	from, at := c.at(ref.From), c.at(step)
	return !ref.Promoted && (len(ref.Steps) == 0 || slices.Contains(ref.Steps, step)) && (ref.From == "" || from >= 0 && at >= from)
}

// at is the place of a step among all; -1 if there is none of that name.
func (c course) at(step string) int {
	return slices.IndexFunc(c.steps, func(s v1alpha1.Step) bool { return s.Name == step })
}

// ahead are the steps from the present one on: all before the first, and none after the last.
func (c course) ahead() []v1alpha1.Step {
	if len(c.visits) == 0 {
		return c.steps
	}
	name, _ := c.present()
	if at := c.at(name); at >= 0 {
		return c.steps[at:]
	}
	return nil
}

// whole is from the first step to the end of the last one: from then on there is nothing to compare.
func (c course) whole() []window {
	w := window{start: c.first()}
	if w.start.IsZero() {
		return nil
	}
	if last := c.visits[len(c.visits)-1]; c.stage != v1alpha1.StageStepping && last.EndedAt != nil {
		w.end = last.EndedAt.Time
	}
	return []window{w}
}

// weight is the share that was in effect during all of an interval, in parts per million; 0 where nobody declared one.
func (c course) weight(start, end time.Time) int32 {
	for _, v := range c.visits {
		if c.mixed || v.StartedAt == nil || v.StartedAt.After(start) || v.EndedAt != nil && v.EndedAt.Time.Before(end) {
			continue
		}
		return c.share(v.Name)
	}
	return 0
}

// users is the share of the A/B test's users that were drawn for the canary during all of an interval, in parts per million; 0 where
// nobody declared one: who matches was not drawn, and whom an earlier step gave the canary stays there beside those of this one.
func (c course) users(start, end time.Time) int32 {
	if c.drawnAt == "" {
		return 0
	}
	for _, v := range c.visits {
		switch {
		case v.Name != c.drawnAt && c.keeps(v.Name):
			return 0
		case v.Name == c.drawnAt && v.StartedAt != nil && !v.StartedAt.After(start) && (v.EndedAt == nil || !v.EndedAt.Time.Before(end)):
			return c.weighed(v.Name)
		}
	}
	return 0
}

// keeps: a step draws some users, who are kept from then on where any are. A step that is gone may have.
func (c course) keeps(step string) bool {
	at := c.at(step)
	if at < 0 {
		return true
	}
	ppm, err := trafficrouting.PPM(c.steps[at].Weight)
	return err != nil || ppm > 0 && ppm < trafficrouting.Whole
}

// share is that of a step which shares requests by weight alone, in parts per million, else 0.
func (c course) share(step string) int32 {
	if c.mixed {
		return 0
	}
	return c.weighed(step)
}

// weighed is the weight of a step that chooses nobody beside, in parts per million, else 0.
func (c course) weighed(step string) int32 {
	at := c.at(step)
	if at < 0 || len(c.steps[at].Match) > 0 || c.steps[at].Mirror != nil {
		return 0
	}
	ppm, err := trafficrouting.PPM(c.steps[at].Weight)
	if err != nil {
		return 0
	}
	return ppm
}

// inEffect is the step whose split is in effect, or was last once all are over; empty before the present one's is.
func (c course) inEffect() string {
	if n := len(c.visits); n > 0 && c.over() {
		return c.visits[n-1].Name
	}
	name, started := c.present()
	if started.IsZero() {
		return ""
	}
	return name
}

// loneAt: the step that was in effect then left a metric alone with one version.
func (c course) loneAt(t time.Time, m *metric) bool {
	return slices.ContainsFunc(c.visits, func(v v1alpha1.StepStatus) bool {
		return v.StartedAt != nil && !v.StartedAt.After(t) && (v.EndedAt == nil || !v.EndedAt.Time.Before(t)) && m.lone(c, v.Name)
	})
}

// toBeLone: a step that leaves the metric so had been entered, and was not in effect yet.
func (c course) toBeLone(t time.Time, m *metric) bool {
	return slices.ContainsFunc(c.visits, func(v v1alpha1.StepStatus) bool {
		return !v.EnteredAt.After(t) && (v.StartedAt == nil || v.StartedAt.After(t)) && (v.EndedAt == nil || !v.EndedAt.Time.Before(t)) && m.lone(c, v.Name)
	})
}

// all is the version that a step sends all requests to, if there is one.
func (c course) all(step string) (canary, stable bool) {
	at := c.at(step)
	if at < 0 || c.mixed || len(c.steps[at].Match) > 0 || c.steps[at].Mirror != nil {
		return false, false
	}
	ppm, err := trafficrouting.PPM(c.steps[at].Weight)
	return err == nil && ppm == trafficrouting.Whole, err == nil && ppm == 0
}

// drawn: requests are drawn for the canary one by one, in each step.
func (c course) drawn() bool {
	return !c.mixed && !slices.ContainsFunc(c.steps, func(s v1alpha1.Step) bool { return len(s.Match) > 0 || s.Mirror != nil })
}

// factsOf are what templates may ask of a Release at a step; at none, it is promoted.
func factsOf(release *v1alpha1.Release, step string) map[string]string {
	policy := release.Spec.Policy
	facts := map[string]string{
		"namespace": release.Namespace, "rollout": release.Spec.Rollout.Name, "name": release.Name,
		"canaryHash": revision(release.Status.Canary), "stableHash": revision(release.Status.Stable),
		"canaryReplicaSet": policy.WorkloadRef.Name + "-" + revision(release.Status.Canary),
		"stableReplicaSet": policy.WorkloadRef.Name + "-" + revision(release.Status.Stable),
	}
	if len(policy.ServiceRefs) > 0 {
		facts["service"] = policy.ServiceRefs[0].Name
		facts["canaryService"] = trafficrouting.CanaryOf(policy.ServiceRefs[0].Name)
	}
	c := courseOf(release)
	facts["step"], facts["weight"] = step, "0"
	if step == "" {
		facts["weight"] = "100"
	}
	if at := c.at(step); at >= 0 {
		if ppm, err := trafficrouting.PPM(c.steps[at].Weight); err == nil {
			facts["weight"] = trafficrouting.Percent(ppm)[:len(trafficrouting.Percent(ppm))-1]
		}
	}
	return facts
}

func revision(of *v1alpha1.RevisionStatus) string {
	if of == nil {
		return ""
	}
	return of.Revision
}
