package planner

import (
	"fmt"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// goTo follows a new request to go to a step, once, or notes why it can't be followed. Going back, the weight
// falls at once; the pods of the step that was left stay.
func (d *draft) goTo() {
	want := d.in.Control.GoTo
	if want == nil || d.progress.GoTo != nil && d.progress.GoTo.ID == want.ID {
		return
	}
	target := d.stepNamed(want.Step)
	refusal := d.goToRefusal(target, want.Step)
	d.progress.GoTo = &v1alpha1.ObservedRequest{ID: want.ID, Refusal: refusal}
	if refusal != "" {
		return
	}
	in, atOnce := d.progress.Step, true
	if d.progress.Stage == v1alpha1.StageStepping && !d.progress.Shifted {
		in = d.from() // its own split was never asked for
	}
	if d.progress.Stage != v1alpha1.StageFlipping {
		atOnce = d.givesNoMore(target, in)
	}
	if step := d.currentStep(); step != nil {
		step.EndedAt = d.now()
	}
	d.enter(v1alpha1.StageStepping)
	d.enterStep(target)
	d.progress.Shifted = atOnce
	if d.progress.From = in + 1; in < 0 {
		d.progress.From = -1
	}
}

// givesNoMore: the split of one step gives the canary nothing that the split of the other, in effect, does not:
// then it needs neither pods nor settling first. in is -1 where the canary has no requests.
func (d *draft) givesNoMore(target, in int32) bool {
	step := d.in.Policy.Strategy.Steps[target]
	if in < 0 {
		return weightOf(step) == 0 && len(step.Match) == 0 && step.Mirror == nil
	}
	return target == in || len(step.Match) == 0 && step.Mirror == nil && weightOf(step) <= weightOf(d.in.Policy.Strategy.Steps[in])
}

func (d *draft) stepNamed(name string) int32 {
	for i, step := range d.in.Policy.Strategy.Steps {
		if step.Name == name {
			return int32(i)
		}
	}
	return -1
}

// goToRefusal says why the Release cannot go to a step; "" if it can.
func (d *draft) goToRefusal(target int32, name string) string {
	switch {
	case target < 0:
		return fmt.Sprintf("the Release has no step %s", name)
	case d.progress.Cause != "":
		return "the Release is going back; apply another template for a new one"
	case d.progress.Stage != v1alpha1.StageStepping && d.progress.Stage != v1alpha1.StageFilling && d.progress.Stage != v1alpha1.StageFlipping:
		return "the Services are being moved to the new version; abort, or let it finish"
	case d.in.express() != "":
		return "the version comes " + d.in.express() + "; abort, or let it finish"
	case d.in.Control.DesiredOutcome == v1alpha1.OutcomePromote:
		return "the Release is asked to promote; take that back first"
	case d.progress.Stage != v1alpha1.StageStepping && target > d.progress.Step:
		return "the promotion is past that step already; name one that the Release has been at, or let it finish"
	case d.progress.Canary == "":
		return "the canary has no pods yet; ask again once it has"
	}
	for i := d.progress.Step; d.progress.Stage == v1alpha1.StageStepping && i < target; i++ {
		if step := d.in.Policy.Strategy.Steps[i]; !step.Skippable {
			return fmt.Sprintf("step %s may not be skipped; say skippable: true in the Rollout, for the next Release", step.Name)
		}
	}
	return ""
}
