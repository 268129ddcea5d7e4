package planner

import (
	"fmt"
	"slices"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// refresh follows a new request to take the Rollout's steps for those that have not begun, once, or notes why it
// can't be followed.
func (d *draft) refresh() {
	id, seen := d.in.Control.Refresh, d.progress.Refresh
	if id == "" || seen != nil && seen.ID == id {
		return
	}
	steps, refusal := d.refreshed()
	d.progress.Refresh = &v1alpha1.ObservedRequest{ID: id, Refusal: refusal}
	if refusal == "" {
		d.progress.Steps, d.in.Policy.Strategy.Steps = steps, steps
	}
}

// refreshed are the steps up to the one that the Release is at, and those that follow it in the Rollout; or why
// there are none.
func (d *draft) refreshed() (steps []v1alpha1.Step, refusal string) {
	if d.progress.Cause != "" || d.progress.Stage != v1alpha1.StageStepping {
		return nil, "the Release's steps are over; the next Release takes those of the Rollout"
	}
	begun := d.in.Policy.Strategy.Steps[:d.progress.Step+1]
	at := d.stepName(d.progress.Step)
	i := slices.IndexFunc(d.in.Current, func(s v1alpha1.Step) bool { return s.Name == at })
	if i < 0 {
		return nil, fmt.Sprintf("the Rollout has no step %s, at which the Release is; add it, with what is to follow", at)
	}
	ahead := d.in.Current[i+1:]
	for _, step := range begun {
		if slices.ContainsFunc(ahead, func(s v1alpha1.Step) bool { return s.Name == step.Name }) {
			return nil, fmt.Sprintf("step %s comes after step %s in the Rollout, but the Release has been there; give it another name", step.Name, at)
		}
	}
	steps = slices.Concat(begun, ahead)
	if refusal = d.untestable(steps); refusal != "" {
		return nil, refusal
	}
	return steps, ""
}
