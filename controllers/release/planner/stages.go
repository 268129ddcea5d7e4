package planner

import (
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/workload"
)

// pin says which revision the user's Services select.
type pin int

const (
	pinStable pin = iota
	pinNone
	pinCanary
)

// route says what the routes send to the canary.
type route int

const (
	// routeBase: the user's routes, without anything of ours.
	routeBase route = iota
	// routeStable: everything to stable, with the canary known to the data plane.
	routeStable
	// routeBefore: the split of the step before this one.
	routeBefore
	// routeStep: the split of this step.
	routeStep
	// routeCanary: everything to the canary.
	routeCanary
	// routeDown: the weight of this step, on the way back; what matched has gone back already.
	routeDown
	// routeHalf: half to the canary Service, half to the user's, which select the same pods.
	routeHalf
)

// wait says which clock runs once a stage's desired state is in effect.
type wait int

const (
	waitNot wait = iota
	waitSettle
	waitDrain
	// waitKeep: the old pods are kept.
	waitKeep
	// waitLook: the canary is kept without requests.
	waitLook
)

// stage is one resting point: a whole desired state, so that a repeated or interrupted decision
// converges, and a foreign change at any point is put right.
type stage struct {
	name  v1alpha1.Stage
	pods  func(*draft) *workload.Want
	pin   pin
	route route
	// ready says what of the wanted pods is still missing; "" if nothing is.
	ready func(*draft, *workload.Want) string
	wait  wait
	next  v1alpha1.Stage
	label Rule
	// noReturn: the old pods are going, so that only the way forward keeps every request.
	noReturn bool
}

// stageTable holds every stage but Stepping, in the order of DESIGN section 6.
var stageTable = map[v1alpha1.Stage]stage{
	v1alpha1.StageFilling: {
		pods: runAll, pin: pinStable, route: routeStep,
		ready: canaryReady, wait: waitSettle, next: v1alpha1.StageFlipping, label: RulePromoting,
	},
	v1alpha1.StageFlipping: {
		pods: runAll, pin: pinStable, route: routeCanary,
		ready: canaryReady, wait: waitSettle, next: v1alpha1.StageUnpinning, label: RulePromoting,
	},
	v1alpha1.StageUnpinning: {
		pods: runAll, pin: pinNone, route: routeCanary,
		ready: canaryReady, wait: waitSettle, next: v1alpha1.StageRepinning, label: RulePromoting,
	},
	v1alpha1.StageRepinning: {
		pods: runAll, pin: pinCanary, route: routeCanary,
		ready: canaryReady, wait: waitSettle, next: v1alpha1.StageDraining, label: RulePromoting,
	},
	v1alpha1.StageDraining: {
		pods: runAll, pin: pinCanary, route: routeCanary,
		ready: canaryReady, wait: waitDrain, next: v1alpha1.StageKeeping, label: RuleDraining,
	},
	v1alpha1.StageKeeping: {
		pods: runAll, pin: pinCanary, route: routeCanary,
		ready: canaryReady, wait: waitKeep, next: v1alpha1.StageRetiring, label: RuleHolding,
	},
	v1alpha1.StageRetiring: {
		pods: finish, pin: pinCanary, route: routeCanary,
		ready: stableGone, wait: waitNot, next: v1alpha1.StageReturning, label: RuleRestoring, noReturn: true,
	},
	v1alpha1.StageReturning: {
		pods: finish, pin: pinNone, route: routeHalf,
		ready: nothing, wait: waitSettle, next: v1alpha1.StageRestoring, label: RuleRestoring, noReturn: true,
	},
	v1alpha1.StageRestoring: {
		pods: finish, pin: pinNone, route: routeBase,
		ready: nothing, wait: waitSettle, next: v1alpha1.StageCleaning, label: RuleRestoring, noReturn: true,
	},

	v1alpha1.StageWidening: {
		pods: stand, pin: pinNone, route: routeCanary,
		ready: nothing, wait: waitSettle, next: v1alpha1.StageWithdrawing,
	},
	v1alpha1.StageDescending: {
		pods: stay, pin: pinStable, route: routeDown,
		ready: nothing, wait: waitSettle, next: v1alpha1.StageWithdrawing,
	},
	v1alpha1.StageWithdrawing: {
		pods: stand, pin: pinStable, route: routeStable,
		ready: nothing, wait: waitSettle, next: v1alpha1.StageWithdrawnDraining,
	},
	v1alpha1.StageWithdrawnDraining: {
		pods: stand, pin: pinStable, route: routeStable,
		ready: nothing, wait: waitDrain, next: v1alpha1.StageRetreating,
	},
	v1alpha1.StageObserving: {
		pods: stay, pin: pinStable, route: routeStable,
		ready: nothing, wait: waitLook, next: v1alpha1.StageRetreating,
	},
	v1alpha1.StageRetreating: {
		pods: hold, pin: pinStable, route: routeStable,
		ready: canaryGone, wait: waitNot, next: v1alpha1.StageReopening,
	},
	v1alpha1.StageReopening: {
		pods: hold, pin: pinNone, route: routeBase,
		ready: nothing, wait: waitSettle, next: v1alpha1.StageCleaning,
	},

	v1alpha1.StageCleaning: {
		pods: rest, pin: pinNone, route: routeBase,
		ready: resting, wait: waitNot, next: v1alpha1.StageEnded, label: RuleRestoring, noReturn: true,
	},
}

// stage returns the resting point that the Release is at.
func (d *draft) stage() stage {
	name := d.progress.Stage
	if name == v1alpha1.StageStepping {
		return d.steppingStage()
	}
	s := stageTable[name]
	s.name = name
	return s
}

// steppingStage has two halves: capacity first, then weight.
func (d *draft) steppingStage() stage {
	s := stage{
		name: v1alpha1.StageStepping, pods: runStep, pin: pinStable, route: routeBefore,
		ready: canaryReady, wait: waitSettle, label: RuleProvisioning,
	}
	if d.progress.Shifted {
		s.route, s.label = routeStep, RuleShifting
	}
	return s
}

// rule names the stage's work for people; on the way back it is the rule that turned the Release.
func (s stage) rule(d *draft) Rule {
	if d.progress.Cause != "" {
		return ruleOf[d.progress.Cause]
	}
	return s.label
}

// waiting names the stage once its desired state is in effect and only a clock runs.
func (s stage) waiting(d *draft) Rule {
	if s.name != v1alpha1.StageStepping || d.progress.Cause != "" {
		return s.rule(d)
	}
	if d.startedAt() != nil {
		return RuleHolding
	}
	return RuleConfirming
}

// pastNoReturn: from here on the old pods are going; the Release can only go forward.
func pastNoReturn(name v1alpha1.Stage) bool {
	return name == v1alpha1.StageEnded || stageTable[name].noReturn
}

// stay keeps the canary's pods as they are, for long: somebody may take our values from the workload meanwhile.
func stay(d *draft) *workload.Want {
	if d.pods.Canary.Replicas == 0 || d.pods.Template != workload.TemplateCanary {
		return nil
	}
	return &workload.Want{Posture: workload.Run, Canary: d.pods.Canary.Replicas, Spare: true}
}

// stand keeps all pods as they are while requests go back. Under our hold nothing moves by itself, and without pods there
// is nothing to keep; a template that has none yet is held, so that it gets none natively.
func stand(d *draft) *workload.Want {
	switch {
	case d.pods.Pending || d.pods.Wanted == 0 || d.pods.Template == workload.TemplateStable:
		return nil
	case d.pods.Canary.Replicas == 0:
		return hold(d)
	}
	return stay(d)
}

func runStep(d *draft) *workload.Want {
	// A step never takes pods from the canary: what is too much is capacity, and costs nothing to keep.
	return &workload.Want{Posture: workload.Run, Canary: max(d.podsFor(d.progress.Step), d.podsFor(d.from())), Spare: true}
}

func runAll(d *draft) *workload.Want {
	return &workload.Want{Posture: workload.Run, Canary: max(d.pods.Wanted, d.podsFor(d.progress.Step)), Spare: true}
}

func finish(*draft) *workload.Want {
	return &workload.Want{Posture: workload.Finish, LeaveRevisions: true}
}

func hold(*draft) *workload.Want { return &workload.Want{Posture: workload.Hold} }

// rest is how the workload stands when the Release is over.
func rest(d *draft) *workload.Want {
	if d.progress.Cause == "" {
		return finish(d)
	}
	// A Rollout that is deleted once all is done finds its workload at rest.
	reverts := d.letsGo() && d.progress.Stage != v1alpha1.StageEnded
	if reverts || d.revertsByPolicy() || d.pods.Template == workload.TemplateStable {
		return &workload.Want{Posture: workload.Revert, LeaveRevisions: true}
	}
	return &workload.Want{Posture: workload.Park, LeaveRevisions: true}
}

// doing says in one sentence what the stage's writes are for.
func (s stage) doing(d *draft) string {
	if d.progress.Cause != "" {
		return doings[s.name] + ": " + d.progress.CauseMessage
	}
	if s.name == v1alpha1.StageStepping {
		if d.progress.Shifted {
			return "step " + d.stepName(d.progress.Step) + " sends the canary " + d.shareOf(d.progress.Step)
		}
		return "step " + d.stepName(d.progress.Step) + " gets its pods"
	}
	return doings[s.name]
}

// doings says what each stage is for.
var doings = map[v1alpha1.Stage]string{
	v1alpha1.StageFilling:   "the canary grows to the workload's size",
	v1alpha1.StageFlipping:  "everything goes to the canary",
	v1alpha1.StageUnpinning: "the Services select both revisions",
	v1alpha1.StageRepinning: "the Services are pinned to the canary",
	v1alpha1.StageRetiring:  "the old pods go",
	v1alpha1.StageReturning: "the routes share between the canary Service and the user's",
	v1alpha1.StageRestoring: "the routes are put back as the user wrote them",
	v1alpha1.StageCleaning:  "the workload is given back",

	v1alpha1.StageWidening:    "the Services select both revisions",
	v1alpha1.StageDescending:  "the traffic goes back by steps",
	v1alpha1.StageWithdrawing: "everything goes to stable",
	v1alpha1.StageRetreating:  "the canary's pods go",
	v1alpha1.StageReopening:   "the Services and routes are put back as the user wrote them",
}
