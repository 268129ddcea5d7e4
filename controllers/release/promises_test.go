package release_test

import (
	"time"

	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/freeze"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/trafficrouting"
)

// sight is what the guardian saw of the step that the Release is at, never what the planner noted.
type sight struct {
	// entered counts the steps that were entered; inEffect is when the accepted route first had the split of
	// the last of them.
	entered  int
	inEffect time.Time
}

// watchStep notes when the split of the step comes into effect.
func (g *guardian) watchStep() {
	steps := g.w.status.Steps
	if len(steps) != g.step.entered {
		g.step = sight{entered: len(steps)}
	}
	if len(steps) == 0 || !g.step.inEffect.IsZero() {
		return
	}
	route := g.w.store.objects[keyOf("HTTPRoute", "checkout")]
	for _, s := range g.w.steps() {
		if s.Name != steps[len(steps)-1].Name || route == nil || acceptedAt(route) != route.GetGeneration() {
			continue
		}
		want, _ := trafficrouting.PPM(s.Weight)
		alone := len(s.Match) > 0 || g.w.policy.Strategy.Stickiness != nil && want > 0
		ppm, matches := canaryWeight(route, g.w.policy.ServiceRefs[0].Name)
		if ppm == want && matches == alone && mirrors(route) == (s.Mirror != nil) {
			g.step.inEffect = g.w.now()
		}
	}
}

// The promises are invariants of what is decided, where the guardian's others are of what is.

// decided looks at a status before and after a decision.
func (g *guardian) decided(before v1alpha1.ReleaseStatus, d planner.Decision) {
	g.w.t.Helper()
	g.abortWins(before, d)
	g.stepsAreKept(before, d)
	g.freezeHolds(before, d)
	g.metricsAnswer(before, d)
	g.passesAreKept(before, d)
	g.actsOnce(d)
}

// abortWins: while there is a way back, nothing goes on once an abort was asked for.
func (g *guardian) abortWins(before v1alpha1.ReleaseStatus, d planner.Decision) {
	g.w.t.Helper()
	asked := g.w.control.DesiredOutcome == v1alpha1.OutcomeAbort
	if !asked || before.Progress.Stage == "" || pastNoReturn[before.Progress.Stage] {
		return
	}
	g.require(d.Status.Progress.Cause != "", "a decision", "an abort was asked for, and rule %s decides: %s", d.Rule, d.Status.Message)
}

// stepsAreKept: a step that is left for what comes after it was in effect for as long as it holds, and had
// its approval for this visit and the evidence.
func (g *guardian) stepsAreKept(before v1alpha1.ReleaseStatus, d planner.Decision) {
	g.w.t.Helper()
	after := d.Status
	for i := max(0, len(before.Steps)-1); i < len(after.Steps); i++ {
		was := i < len(before.Steps) && before.Steps[i].EndedAt != nil
		step := after.Steps[i]
		moved := step.EndedAt != nil && !was && after.Progress.Cause == ""
		asked := g.w.control.DesiredOutcome == v1alpha1.OutcomePromote || goneTo(before, after) || g.w.hasty()
		if !moved || asked {
			continue
		}
		g.stepIsOver(step)
	}
}

// freezeHolds: in a freeze no Release makes its first pod, leaves a step for the next or asks for a step's weight.
func (g *guardian) freezeHolds(before v1alpha1.ReleaseStatus, d planner.Decision) {
	g.w.t.Helper()
	name, _ := freeze.At(g.w.policy.Freezes, g.w.now())
	after := d.Status.Progress
	stepping := before.Progress.Stage == "" || before.Progress.Stage == v1alpha1.StageStepping
	if name == "" || !stepping || after.Cause != "" || g.w.hasty() || goneTo(before, d.Status) {
		return
	}
	same := after.Stage == v1alpha1.StageStepping && (before.Progress.Stage == "" || after.Step == before.Progress.Step)
	g.require(same, "a decision", "step %s is left in freeze %s", before.StepName, name)
	g.require(!after.Shifted || before.Progress.Shifted, "a decision", "step %s gets its weight in freeze %s", before.StepName, name)
	g.require(after.Canary != "" || len(d.Writes) == 0, "a decision", "the canary begins in freeze %s", name)
}

// hasty: the version waits neither for holds nor for evidence nor for freezes.
func (w *world) hasty() bool { return w.control.Emergency != nil || w.undo != nil }

// goneTo: this decision followed a request to go to a step.
func goneTo(before, after v1alpha1.ReleaseStatus) bool {
	return after.Progress.GoTo != nil && (before.Progress.GoTo == nil || before.Progress.GoTo.ID != after.Progress.GoTo.ID)
}

func (g *guardian) stepIsOver(step v1alpha1.StepStatus) {
	g.w.t.Helper()
	for _, s := range g.w.steps() {
		if s.Name != step.Name {
			continue
		}
		g.evidenceLets(step, s)
		if s.Hold == nil {
			continue
		}
		if s.Hold.Approval != nil {
			g.require(g.approves(step), "a decision", "step %s, visit %d, is left without approval", step.Name, step.Visit)
		}
		if s.Hold.For != nil {
			held := g.w.now().Sub(g.step.inEffect)
			g.require(!g.step.inEffect.IsZero() && held >= s.Hold.For.Duration.Duration, "a decision",
				"step %s is left %s after its split came into effect, it holds for %s", step.Name, held, s.Hold.For.Duration.Duration)
		}
	}
}

// approves: somebody approved this visit of the step, as the guardian has counted them.
func (g *guardian) approves(step v1alpha1.StepStatus) bool {
	visits := int32(0)
	for _, s := range g.w.status.Steps {
		if s.Name == step.Name {
			visits++
		}
	}
	for _, a := range g.w.control.Approvals {
		if a.Step == step.Name && a.Visit == visits {
			return true
		}
	}
	return false
}

// actsOnce: each write names the object and the version that it was decided on, so that of two to one object the
// second would be refused.
func (g *guardian) actsOnce(d planner.Decision) {
	if len(d.Writes) == 0 {
		return
	}
	written := map[string]bool{}
	for _, write := range d.Writes {
		key := keyOf(write.Kind.Kind, write.Name)
		g.require(!written[key], "a decision", "%s comes after another write to that object, and will be refused", write)
		written[key] = true
		g.require(write.UID != "" || write.Verb == "create", "a decision", "%s names no object", write)
		g.require(write.ResourceVersion != "" || write.Verb == "create", "a decision", "%s carries no version", write)
	}
}

// evidenceLets: a step that waits for evidence is left once that passes, or at its atMost, if it says so; and no step is left
// without data, or while something points to harm.
func (g *guardian) evidenceLets(record v1alpha1.StepStatus, step v1alpha1.Step) {
	g.w.t.Helper()
	e, hold := g.w.evidence, ptr.Deref(step.Hold, v1alpha1.Hold{})
	if e == nil || e.Verdict == v1alpha1.VerdictPass {
		return
	}
	g.require(e.Verdict == v1alpha1.VerdictInconclusive && !e.Harm && !e.Early, "a decision", "step %s is left though the evidence says %s, harm %t, early %t", step.Name, e.Verdict, e.Harm, e.Early)
	if hold.Until == nil || record.PassedAt != nil {
		return
	}
	advances := hold.AtMost != nil && ptr.Deref(hold.OnTimeout, "Advance") == "Advance"
	g.require(advances && !g.w.now().Before(record.StartedAt.Add(hold.AtMost.Duration.Duration)), "a decision", "step %s is left before the evidence passes", step.Name)
}

// passesAreKept: a step is noted to have passed at a look at which the evidence does.
func (g *guardian) passesAreKept(before v1alpha1.ReleaseStatus, d planner.Decision) {
	g.w.t.Helper()
	for i, step := range d.Status.Steps {
		if step.PassedAt != nil && (i >= len(before.Steps) || before.Steps[i].PassedAt == nil) {
			g.require(g.w.evidence != nil && g.w.evidence.Verdict == v1alpha1.VerdictPass, "a decision", "step %s is said to have passed", step.Name)
		}
	}
}

// metricsAnswer: a step that gives the canary more begins only while the metrics give data.
func (g *guardian) metricsAnswer(before v1alpha1.ReleaseStatus, d planner.Decision) {
	g.w.t.Helper()
	after := d.Status.Progress
	if g.w.evidence == nil || g.w.evidence.Unready == "" || g.w.hasty() || g.w.control.DesiredOutcome == v1alpha1.OutcomePromote {
		return
	}
	if after.Stage != v1alpha1.StageStepping || !after.Shifted || before.Progress.Shifted && before.Progress.Step == after.Step || after.Cause != "" {
		return
	}
	g.require(g.w.shareOf(after.Step) <= g.w.shareOf(g.w.stepBefore(after)), "a decision", "step %s begins though its metrics are silent: %s", d.Status.StepName, g.w.evidence.Unready)
}

// stepBefore is the step whose share the routes have until this one's comes; -1 if there is none.
func (w *world) stepBefore(p v1alpha1.Progress) int32 {
	switch {
	case p.From > 0:
		return p.From - 1
	case p.From < 0:
		return -1
	}
	return p.Step - 1
}

// shareOf is the weight of a step, in parts per million; 0 before the first.
func (w *world) shareOf(step int32) int32 {
	if steps := w.steps(); step >= 0 && int(step) < len(steps) {
		ppm, _ := trafficrouting.PPM(steps[step].Weight)
		return ppm
	}
	return 0
}
