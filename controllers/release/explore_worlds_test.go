package release_test

import (
	"fmt"
	"slices"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// smallWorlds are explored one by one, each until nothing is new. Where fate strikes twice on a path users do nothing,
// or little: both together are more than a machine can count.
var smallWorlds = map[string]smallWorld{
	"writes that fail": {
		steps: stepsOf(50), writes: mishapsOfWrites, mostFaults: 2, deeds: []move{approves}, mostDeeds: 1,
	},
	"caches that lag": {
		steps: stepsOf(50), caches: true, mostFaults: 2, deeds: []move{aborts}, mostDeeds: 1,
	},
	"pods that fail": {
		steps: stepsOf(50), fates: pods, mostFaults: 2, deeds: []move{approves, promote}, mostDeeds: 1,
	},
	"stable pods that fail": {
		steps: stepsOf(50), fates: stablePods, mostFaults: 2, deeds: []move{approves}, mostDeeds: 1,
	},
	"two releases": {
		steps: stepsOf(50), deeds: []move{approves, aborts, promote}, after: secondReleases, mostDeeds: 2,
	},
	"any two faults": {
		steps: stepsOf(100), fates: pods, writes: withoutTwins, caches: true, mostFaults: 2,
	},
	"templates and ends": {
		steps: stepsOf(50), writes: withoutTwins, mostFaults: 1,
		deeds: []move{approves, newer, older, again, aborts, promote, deletes, suspend}, mostDeeds: 1,
	},
	"pauses and approvals": {
		steps: stepsOf(50), writes: withoutTwins, mostFaults: 1, deeds: slices.Concat([]move{approves}, pauses), mostDeeds: 1,
	},
	"scaled": {
		steps: stepsOf(50), replicas: 2, fates: pods, mostFaults: 1, deeds: slices.Concat([]move{approves}, scales), mostDeeds: 1,
	},
	"edited": {
		steps: stepsOf(50), writes: withoutTwins, mostFaults: 1, deeds: slices.Concat([]move{promote}, resets, gone), mostDeeds: 1,
	},
	"there and back": {
		steps: stepsOf(50, 25, 100), deeds: slices.Concat([]move{approves, aborts}, goesTo), mostDeeds: 1, writes: withoutTwins, mostFaults: 1,
		change: func(p *v1alpha1.RolloutSpec) { p.Rollback.Traffic = "BySteps" },
	},
	"by an Ingress": {
		steps:   []v1alpha1.Step{weigh("s25", 25, holdFor(0)), {Name: "s50", Weight: weigh("", 50, nil).Weight, Match: matching("", 1, nil).Match, Hold: approval()}},
		ingress: true, writes: withoutTwins, mostFaults: 1, deeds: []move{approves, aborts, newer, removesCanary}, mostDeeds: 1,
	},
	"called over TLS": {
		steps: []v1alpha1.Step{weigh("half", 50, nil)}, tls: true, writes: withoutTwins, mostFaults: 1, deeds: []move{aborts, newer}, mostDeeds: 1,
	},
	"taken back by hand": {
		steps: stepsOf(25, 50), deeds: []move{aborts, resetsRoute}, mostDeeds: 2,
		change: func(p *v1alpha1.RolloutSpec) { p.Rollback.Traffic = "BySteps" },
	},
	"blue-green": {
		steps: []v1alpha1.Step{{Name: "preview", Replicas: percent("100%"), Match: matching("", 1, nil).Match, Hold: approval()}},
		change: func(p *v1alpha1.RolloutSpec) {
			p.Strategy.KeepOldFor, p.Rollback.Then = long(tick), "Revert"
		},
		deeds: []move{approves, aborts, promote}, mostDeeds: 1, fates: pods, mostFaults: 1,
	},
	"kept for a look": {
		steps: stepsOf(50, 100),
		change: func(p *v1alpha1.RolloutSpec) {
			p.Rollback = v1alpha1.RollbackSpec{Traffic: "BySteps", Then: "Hold", HoldFor: long(tick)}
		},
		deeds: []move{aborts, newer, promote}, mostDeeds: 1, fates: pods, mostFaults: 1,
	},
	"mirrored": {
		steps: append(mirroring().steps[:1:1], weigh("half", 50, nil)), writes: withoutTwins, mostFaults: 1,
		deeds: []move{approves, aborts, newer, promote}, mostDeeds: 1,
	},
	"sticky": {
		steps: stepsOf(25, 50), replicas: 2, writes: withoutTwins, mostFaults: 1, deeds: []move{approves, aborts, newer, promote}, mostDeeds: 1,
		change: func(p *v1alpha1.RolloutSpec) { p.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane"} },
	},
	"probed": {
		steps: []v1alpha1.Step{matching("insiders", 1, nil), weigh("half", 50, nil)}, probed: true, fates: silence, mostFaults: 1,
		deeds: []move{aborts, promote}, mostDeeds: 1,
	},
	"judged": {
		steps: []v1alpha1.Step{weigh("half", 50, confident()), weigh("most", 75, nil)}, judged: true, fates: verdicts, mostFaults: 2,
		deeds: []move{promote}, mostDeeds: 1,
	},
	"judged in time": {
		steps:  []v1alpha1.Step{weigh("half", 50, confidentWithin(tick, "Advance")), weigh("most", 75, confidentWithin(tick, "Rollback"))},
		judged: true, fates: verdicts, mostFaults: 2,
	},
}

// stepsOf are steps of these weights; the last one waits for approval.
func stepsOf(weights ...int32) []v1alpha1.Step {
	var steps []v1alpha1.Step
	for i, weight := range weights {
		hold := holdFor(time.Duration(0))
		if i == len(weights)-1 {
			hold = approval()
		}
		step := weigh(fmt.Sprintf("s%d", weight), weight, hold)
		step.Skippable = true
		steps = append(steps, step)
	}
	return steps
}
