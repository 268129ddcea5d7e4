package planner

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/probes"
	"crossfade.io/crossfade/workload"
)

// Plan decides what the Release does next. It is total: every Input yields a safe Decision.
func Plan(in Input) Decision {
	if steps := in.Status.Progress.Steps; len(steps) > 0 {
		in.Policy.Strategy.Steps = steps
	}
	if fault := unusable(in); fault != "" {
		return stuck(in, fault)
	}
	if in.express() != "" {
		in.Evidence = nil
	}
	d := newDraft(in)
	if d.progress.Stage == v1alpha1.StageEnded {
		d.writes = d.removals()
		return Decision{Rule: RuleEnded, Status: in.Status, Writes: d.writes, Ended: d.over()}
	}
	d.begin()
	d.notePassed()
	turned := d.turnBack()
	if turned == "" {
		d.refresh()
		d.goTo()
	}
	if in.Evidence != nil && d.progress.Cause == "" && !pastNoReturn(d.progress.Stage) {
		d.wakeAt(in.Now.Add(judgeEvery))
	}
	d.walk()
	if turned != "" {
		d.rule = turned
	}
	return d.decision()
}

// judgeEvery is how often evidence is looked at while nothing else happens: the analyst tells of news.
const judgeEvery = time.Minute

// draft is a decision in the making.
type draft struct {
	in       Input
	pods     workload.Pods
	progress v1alpha1.Progress
	steps    []v1alpha1.StepStatus

	// seen holds what providers said in this decision.
	seen map[look]trafficrouting.Observed

	rule    Rule
	message string
	barrier *v1alpha1.Barrier
	writes  []intent.Write
	// asks are the probes that the barrier waits for.
	asks []probes.Question
	wake time.Duration
	// contended names who keeps undoing the split; empty if nobody.
	contended string
	// making says that the writes make what routes are yet to name.
	making bool
	// fault is an object that cannot be encoded or rendered; empty if there is none.
	fault string
}

func newDraft(in Input) *draft {
	status := in.Status.DeepCopy()
	d := &draft{
		in:       in,
		pods:     in.Observed.Kind.Observe(in.Observed.Workload),
		progress: status.Progress,
		steps:    status.Steps,
		seen:     map[look]trafficrouting.Observed{},
	}
	if d.progress.Stage == v1alpha1.StageStepping && len(d.steps) == 0 {
		d.enterStep(d.progress.Step) // its record was lost; the step itself is known
	}
	return d
}

// unusable says what makes an Input one that nothing can be decided on; "" if it is sound.
func unusable(in Input) string {
	steps, p := int32(len(in.Policy.Strategy.Steps)), in.Status.Progress
	_, known := stageTable[p.Stage]
	known = known || p.Stage == "" || p.Stage == v1alpha1.StageStepping || p.Stage == v1alpha1.StageEnded
	switch {
	case in.Observed.Kind == nil:
		return fmt.Sprintf("workloads of kind %s are not known to this version", in.Policy.WorkloadRef.Kind)
	case steps == 0:
		return "the Release has no steps"
	case p.Step < 0 || p.Step >= steps:
		return fmt.Sprintf("the Release is at step %d of %d", p.Step+1, steps)
	case !known:
		return fmt.Sprintf("stage %s is not known to this version", p.Stage)
	case p.Stage != "" && p.StageSince == nil:
		return "the time of the Release's stage was lost"
	}
	for _, r := range in.Observed.Routes {
		if r.Provider == nil {
			return fmt.Sprintf("routes of kind %s are not known to this version", r.Ref.Kind)
		}
	}
	return ""
}

// stuck decides nothing, and says why: a guess could lose requests.
func stuck(in Input, fault string) Decision {
	d := &draft{in: in, progress: in.Status.Progress, rule: RuleInvalid, message: fault, fault: fault}
	status := *in.Status.DeepCopy()
	status.ObservedGeneration, status.Rule, status.Message = in.Generation, string(d.rule), fault
	d.setConditions(&status)
	return Decision{Rule: d.rule, Status: status}
}

// begin enters the first stage, and keeps the identities and fields that cannot be observed later.
func (d *draft) begin() {
	if d.progress.Stage == "" {
		d.enter(v1alpha1.StageStepping)
		d.enterStep(0)
	}
	if d.progress.Stable == "" {
		d.progress.Stable = d.pods.Stable.UID
	}
	// Before the workload is un-paused for the first time the held template may still be replaced.
	if d.progress.Canary == "" && !d.pods.Pending {
		d.progress.Canary = d.pods.Canary.UID
	}
	if d.progress.Canary == "" {
		d.progress.AppliedBy = d.templateWriter()
	}
	d.noteShipped()
	if d.pods.Original != nil && !pastNoReturn(d.progress.Stage) {
		d.progress.Original = d.pods.Original
	}
}

// maxMoves bounds how many stages one decision may pass: more than there are stages and steps.
const maxMoves = 128

// walk goes from stage to stage until one needs a write, or must be waited for.
func (d *draft) walk() {
	paused := d.userPaused()
	if freeze := d.notBegun(); freeze != nil {
		d.rule, d.message = RuleHolding, freeze.Message
		d.waitFor(freeze)
		return
	}
	var effect *metav1.MicroTime // of the stage before, if this look left one
	for range maxMoves {
		stage := d.stage()
		d.rule, d.barrier, d.asks = stage.rule(d), nil, nil
		d.writes = d.writesFor(stage)
		if len(d.writes) > 0 {
			d.lose()
			d.noteRouteWrite()
			d.message = stage.doing(d)
			d.waitFor(d.missing(stage))
			return
		}
		if barrier := d.missing(stage); barrier != nil {
			d.lose()
			d.waitFor(barrier)
			d.message = barrier.Message
			return
		}
		if d.progress.EffectSince == nil {
			d.progress.EffectSince = d.now()
			if effect != nil && stage.wait == waitSettle {
				d.progress.EffectSince = effect // it was all in effect already: nothing has to settle again
			}
		}
		if barrier := d.remaining(stage); barrier != nil {
			d.rule = stage.waiting(d)
			d.waitFor(barrier)
			d.message = barrier.Message
			return
		}
		if paused != "" {
			d.rule, d.message = RuleUserPaused, paused
			return
		}
		effect = d.progress.EffectSince
		if !d.advance(stage) {
			return
		}
	}
}

// lose notes that the stage's desired state is not in effect. Where it was, the progress deadline counts from now:
// a stage may last for long before a pod goes or a route is edited.
func (d *draft) lose() {
	if d.progress.EffectSince != nil {
		d.progress.EffectSince, d.progress.StageSince = nil, d.now()
	}
}

// waitFor records the barrier, and when to look again if time alone lets it pass.
func (d *draft) waitFor(barrier *v1alpha1.Barrier) {
	d.barrier = barrier
	if barrier != nil && barrier.Until != nil {
		d.wakeAt(barrier.Until.Time)
	}
}

// wakeAt makes the next look no later than t.
func (d *draft) wakeAt(t time.Time) {
	wake := max(t.Sub(d.in.Now), time.Millisecond)
	if d.wake == 0 || wake < d.wake {
		d.wake = wake
	}
}

// enter begins a stage: its clocks start anew.
func (d *draft) enter(stage v1alpha1.Stage) {
	d.progress.Stage = stage
	d.progress.StageSince = d.now()
	d.progress.EffectSince = nil
	d.progress.RouteWritten = false
}

// now is the time of this reconcile in the precision that the API keeps, so that what is decided
// on it and what is read back later agree.
func (d *draft) now() *metav1.MicroTime {
	t := metav1.NewMicroTime(d.in.Now.Truncate(time.Microsecond))
	return &t
}
