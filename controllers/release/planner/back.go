package planner

import (
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// The words of a Rollout's spec.rollback.
const (
	bySteps   = "BySteps"
	thenHold  = "Hold"
	andRevert = "Revert"
)

// goBack enters the first stage of the way back, and skips what there is nothing to take back of.
func (d *draft) goBack() {
	stage := d.progress.Stage
	switch {
	case stage == v1alpha1.StageStepping && d.progress.Canary == "" && d.pods.Pending:
		d.enter(v1alpha1.StageReopening) // nothing ran yet
	case narrowed[stage] && d.progress.Cause != v1alpha1.CauseCollapsed:
		// Services that select the canary alone are widened before they are narrowed to stable, unless there
		// is nobody left to serve.
		d.enter(v1alpha1.StageWidening)
	default:
		d.descend(d.reached())
		d.followDown()
	}
}

// narrowed are the stages in which Services may select the canary alone.
var narrowed = map[v1alpha1.Stage]bool{
	v1alpha1.StageRepinning: true, v1alpha1.StageDraining: true, v1alpha1.StageKeeping: true,
}

// reached is the canary's share that the routes were asked for last, in parts per million, and the step
// that it is of: one past the last where everything went to the canary.
func (d *draft) reached() (step, ppm int32) {
	stage := d.progress.Stage
	step = d.progress.Step
	if stage == v1alpha1.StageStepping && !d.progress.Shifted {
		step = d.from()
	}
	switch {
	case stage != v1alpha1.StageStepping && stage != v1alpha1.StageFilling && stage != v1alpha1.StageDescending:
		return int32(len(d.in.Policy.Strategy.Steps)), trafficrouting.Whole
	case step < 0:
		return 0, 0
	}
	return step, weightOf(d.in.Policy.Strategy.Steps[step])
}

// descend goes down to the next lower weight among the steps before this one, or takes all traffic back.
func (d *draft) descend(step, ppm int32) {
	if d.descends() {
		for i := step - 1; i >= 0; i-- {
			if weight := weightOf(d.in.Policy.Strategy.Steps[i]); 0 < weight && weight < ppm {
				d.progress.Step = i
				d.enter(v1alpha1.StageDescending)
				return
			}
		}
	}
	d.enter(v1alpha1.StageWithdrawing)
}

// followDown goes down to where somebody has taken the traffic already: on the way back nothing is given to
// the canary again, not even what it was to keep for a while.
func (d *draft) followDown() {
	if d.progress.Stage != v1alpha1.StageDescending {
		return
	}
	if d.in.Refusals >= tooOften {
		d.enter(v1alpha1.StageWithdrawing) // a route that can't be written keeps no other one at a step
		return
	}
	step, ppm := d.reached()
	least := ppm
	for _, r := range d.in.Observed.Routes {
		if r.Objects.Route != nil {
			least = min(least, d.observe(r, routeDown).CanaryPPM)
		}
	}
	if least+rounding < ppm {
		d.descend(step, least)
	}
}

// tooOften is at how many looks in a row a write is refused that will not be done soon.
const tooOften = 3

// rounding is by how much a share that is read from weights may be off, in parts per million.
const rounding = 10_000

// descends: the policy wants the traffic back by steps, and the cause leaves time for it.
func (d *draft) descends() bool {
	unhurried := d.progress.Cause == v1alpha1.CauseAborted || d.progress.Cause == v1alpha1.CauseAnalysisFailed
	return unhurried && d.in.Policy.Rollback.Traffic == bySteps
}

// rejecting are the causes for which a Release goes back for the canary's sake, or at a person's word.
var rejecting = map[string]bool{
	v1alpha1.CauseAborted: true, v1alpha1.CauseAnalysisFailed: true, v1alpha1.CauseCollapsed: true,
	v1alpha1.CausePodsFailing: true, v1alpha1.CauseDeadline: true,
}

// looks: the canary's pods are kept once their requests have ended, for people to look at.
func (d *draft) looks() bool {
	return rejecting[d.progress.Cause] && d.in.Policy.Rollback.Then == thenHold
}

// revertsByPolicy: the stable template is to be written over the rejected one. A newer one stays, and so does
// one that came again after the stable template had: that is another wish.
func (d *draft) revertsByPolicy() bool {
	rollback := d.in.Policy.Rollback
	reverts := rollback.Then == andRevert
	if rollback.Then == thenHold && rollback.OnHoldTimeout != nil {
		reverts = *rollback.OnHoldTimeout == andRevert
	}
	return reverts && rejecting[d.progress.Cause] && d.pods.Template == workload.TemplateCanary
}
