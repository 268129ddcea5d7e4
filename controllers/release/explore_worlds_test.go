package release_test

import (
	"slices"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// smallWorlds are explored one by one, each until nothing is new.
var smallWorlds = map[string]smallWorld{
	"one step, templates and ends": {
		steps: stepsOf(50), deeds: []move{approves, newer, older, again, aborts, promote, deletes, suspend}, mostDeeds: 1,
	},
	"pauses and approvals": {
		steps: stepsOf(50), deeds: slices.Concat([]move{approves}, pauses), mostDeeds: 2,
	},
	"scaled": {
		steps: stepsOf(50), replicas: 2, deeds: slices.Concat([]move{approves}, scales), mostDeeds: 1,
	},
	"edited": {
		steps: stepsOf(50), deeds: slices.Concat([]move{approves, promote}, resets, gone), mostDeeds: 1,
	},
	"there and back": {
		steps: stepsOf(50, 25, 100), deeds: slices.Concat([]move{approves, aborts}, goesTo), mostDeeds: 2,
		change: func(p *v1alpha1.RolloutSpec) { p.Rollback.Traffic = "BySteps" },
	},
	"blue-green": {
		steps: []v1alpha1.Step{{Name: "preview", Replicas: percent("100%"), Match: matching("", 1, nil).Match, Hold: approval()}},
		change: func(p *v1alpha1.RolloutSpec) {
			p.Strategy.KeepOldFor, p.Rollback.Then = long(tick), "Revert"
		},
		deeds: []move{approves, aborts, promote}, mostDeeds: 2,
	},
	"kept for a look": {
		steps: stepsOf(50, 100),
		change: func(p *v1alpha1.RolloutSpec) {
			p.Rollback = v1alpha1.RollbackSpec{Traffic: "BySteps", Then: "Hold", HoldFor: long(tick)}
		},
		deeds: []move{aborts, newer, older, promote}, mostDeeds: 2,
	},
	"judged": {
		steps: []v1alpha1.Step{weigh("half", 50, nil), weigh("most", 75, nil)}, judged: true, deeds: []move{aborts, promote}, mostDeeds: 1,
	},
}
