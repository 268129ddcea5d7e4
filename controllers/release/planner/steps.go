package planner

import (
	"fmt"
	"math"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// podsFor returns how many canary pods step i needs: max(1, ceil(r × weight), replicas), all where its share may grow to
// that, and never more than the workload has, since its controller makes no more of one revision. Before the first step none.
func (d *draft) podsFor(i int32) int32 {
	steps := d.in.Policy.Strategy.Steps
	if i < 0 || int(i) >= len(steps) {
		return 0
	}
	step := steps[i]
	return min(max(d.carriers(d.reach(weightOf(step))), replicasOf(step.Replicas, d.pods.Wanted)), max(1, d.pods.Wanted))
}

// reach is what a share may grow to: where the canary keeps users and stable doesn't, all may come over.
func (d *draft) reach(share int32) int32 {
	if s := d.in.Policy.Strategy.Stickiness; s != nil && !s.Stable && share > 0 {
		return trafficrouting.Whole
	}
	return share
}

// carriers is how many pods carry a share of the requests, in parts per million: as many as carry it at stable,
// rounded up, and at least one.
func (d *draft) carriers(share int32) int32 {
	return max(1, int32((int64(d.pods.Wanted)*int64(share)+int64(trafficrouting.Whole)-1)/int64(trafficrouting.Whole)))
}

// replicasOf scales a count or percentage to r pods, rounded up; nil is 0.
func replicasOf(replicas *intstr.IntOrString, r int32) int32 {
	if replicas == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(replicas, int(r), true)
	if err != nil || n > math.MaxInt32 {
		return 0 // refused by the schema
	}
	return int32(n)
}

// weightOf returns the step's weight in parts per million.
func weightOf(step v1alpha1.Step) int32 {
	ppm, err := trafficrouting.PPM(step.Weight)
	if err != nil {
		return 0 // refused by the schema
	}
	return ppm
}

// splits returns the desired split of each Service; none where the routes are the user's.
func (d *draft) splits(want route) []trafficrouting.Split {
	if want == routeBase || !d.canaryKnown() {
		return nil
	}
	var splits []trafficrouting.Split
	for _, s := range d.in.Observed.Services {
		splits = append(splits, d.split(want, s.Name))
	}
	return splits
}

func (d *draft) split(want route, service string) trafficrouting.Split {
	steps := d.in.Policy.Strategy.Steps
	step := d.progress.Step
	switch want {
	case routeBase, routeStable:
	case routeBefore:
		if from := d.from(); from >= 0 {
			return d.forStep(service, steps[from])
		}
	case routeDown:
		return trafficrouting.ForStep(service, v1alpha1.Strategy{}, trafficrouting.ByWeight(steps[step]), d.in.Release)
	case routeStep:
		return d.forStep(service, steps[step])
	case routeCanary:
		return trafficrouting.AllCanary(service)
	case routeHalf:
		return trafficrouting.Between(service, trafficrouting.Whole/2)
	}
	return trafficrouting.AllStable(service)
}

func (d *draft) forStep(service string, step v1alpha1.Step) trafficrouting.Split {
	strategy := d.in.Policy.Strategy
	if d.in.Undo != nil {
		strategy = v1alpha1.Strategy{}
	}
	return trafficrouting.ForStep(service, strategy, d.asTaken(step), d.in.Release)
}

// asTaken is a step as this version takes it. One that comes back makes no copies of rules: it was not refused for what they
// would take from other routes.
func (d *draft) asTaken(step v1alpha1.Step) v1alpha1.Step {
	if d.in.Undo != nil {
		return trafficrouting.ByWeight(step)
	}
	return step
}

// canaryKnown: every Service has its canary Service, or gets it by a write that comes before the
// routes', so that routes may name it.
func (d *draft) canaryKnown() bool {
	for _, s := range d.in.Observed.Services {
		if s.Canary == nil && !d.makesCanary(s) {
			return false
		}
	}
	return true
}

// makesCanary: the Service's canary Service is due, for the first time or since somebody deleted it, and
// can be made.
func (d *draft) makesCanary(s Service) bool {
	attaches := d.progress.Cause == "" && d.stage().route != routeBase
	return attaches && s.User != nil && s.Canary == nil && d.progress.Canary != "" && d.pods.Canary.Hash != ""
}

func (d *draft) owner() trafficrouting.Owner {
	return trafficrouting.Owner{Namespace: d.in.Namespace, Name: d.in.Rollout}
}

func (d *draft) stepName(i int32) string {
	steps := d.in.Policy.Strategy.Steps
	if i < 0 || int(i) >= len(steps) {
		return ""
	}
	return steps[i].Name
}

// shareOf tells the split of step i, such as "25% and what matches".
func (d *draft) shareOf(i int32) string {
	step := d.asTaken(d.in.Policy.Strategy.Steps[i])
	share := trafficrouting.Percent(weightOf(step))
	if len(step.Match) > 0 {
		share += " and what matches"
	}
	if step.Mirror != nil {
		share += " and copies of others"
	}
	return share
}

// advance leaves a stage whose desired state is in effect and whose clock has run out. It returns
// false where the Release holds.
func (d *draft) advance(s stage) bool {
	switch {
	case s.name == v1alpha1.StageStepping:
		return d.advanceStep()
	case s.next == v1alpha1.StageEnded:
		d.end()
		return false
	}
	switch {
	case s.name == v1alpha1.StageWidening, s.name == v1alpha1.StageDescending:
		d.descend(d.reached())
	case s.name == v1alpha1.StageWithdrawnDraining && d.looks():
		d.enter(v1alpha1.StageObserving)
	default:
		d.enter(s.next)
	}
	return true
}

// advanceStep goes from capacity to weight, from weight to hold, and from hold to the next step.
func (d *draft) advanceStep() bool {
	if freeze := d.frozen(); freeze != nil && !d.progress.Shifted && !d.givesNoMore(d.progress.Step, d.from()) {
		d.rule, d.message = RuleHolding, freeze.Message
		d.waitFor(freeze)
		return false
	}
	if barrier := d.unready(); barrier != nil && !d.progress.Shifted && !d.givesNoMore(d.progress.Step, d.from()) {
		d.rule, d.message = RuleHolding, barrier.Message
		d.waitFor(barrier)
		return false
	}
	if !d.progress.Shifted {
		d.progress.Shifted, d.progress.EffectSince, d.progress.RouteWritten = true, nil, false
		return true
	}
	if d.startedAt() == nil {
		d.currentStep().StartedAt = d.now()
		d.judgeSoon()
	}
	if barrier := d.holding(); barrier != nil {
		d.rule, d.message = RuleHolding, barrier.Message
		d.waitFor(barrier)
		return false
	}
	d.currentStep().EndedAt = d.now()
	last := int(d.progress.Step) == len(d.in.Policy.Strategy.Steps)-1
	if last || d.skipsHolds() {
		d.enter(v1alpha1.StageFilling)
		return true
	}
	d.enter(v1alpha1.StageStepping)
	d.enterStep(d.progress.Step + 1)
	return true
}

// from is the step whose split the routes keep while this one gets its pods; -1 if there is none.
func (d *draft) from() int32 {
	switch {
	case d.progress.From > 0:
		return d.progress.From - 1
	case d.progress.From < 0:
		return -1
	}
	return d.progress.Step - 1
}

func (d *draft) enterStep(i int32) {
	d.progress.Step, d.progress.From, d.progress.Visit, d.progress.Shifted = i, 0, 1, false
	for _, s := range d.steps {
		if s.Name == d.stepName(i) {
			d.progress.Visit++
		}
	}
	d.steps = append(d.steps, v1alpha1.StepStatus{
		Name: d.stepName(i), Visit: d.progress.Visit, EnteredAt: *d.now(),
	})
}

// currentStep returns the record of the step that the Release is at; nil outside of steps.
func (d *draft) currentStep() *v1alpha1.StepStatus {
	if d.progress.Stage != v1alpha1.StageStepping || len(d.steps) == 0 {
		return nil
	}
	return &d.steps[len(d.steps)-1]
}

// holding returns what the step's hold still waits for; nil if it may end.
func (d *draft) holding() *v1alpha1.Barrier {
	if freeze := d.frozen(); freeze != nil {
		return freeze
	}
	if d.skipsHolds() {
		return nil
	}
	name := d.stepName(d.progress.Step)
	hold := ptr.Deref(d.in.Policy.Strategy.Steps[d.progress.Step].Hold, v1alpha1.Hold{})
	if barrier := d.unproven(hold); barrier != nil {
		return barrier
	}
	if barrier := d.testing(); barrier != nil {
		return barrier
	}
	if hold.Approval != nil && !d.approved(name) {
		return &v1alpha1.Barrier{Name: barrierApproval, Message: fmt.Sprintf("step %s waits for approval", name)}
	}
	if hold.For != nil {
		until := *d.startedAt()
		until.Time = until.Add(hold.For.Duration.Duration)
		if d.in.Now.Before(until.Time) {
			return &v1alpha1.Barrier{Name: barrierHold, Message: fmt.Sprintf("step %s holds for %s", name, hold.For.Duration.Duration), Until: &until}
		}
	}
	return nil
}

func (d *draft) approved(step string) bool {
	for _, a := range d.in.Control.Approvals {
		if a.Step == step && a.Visit == d.progress.Visit {
			return true
		}
	}
	return false
}
