package planner

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// turn is one rule that sends a Release back. why returns "" where the rule does not fire.
type turn struct {
	rule  Rule
	cause string
	why   func(*draft) string
}

// turns in order of precedence. None fires once the old pods are going: from there on only the way
// forward keeps every request.
var turns = []turn{
	{RuleDeleting, v1alpha1.CauseDeleted, deleted},
	{RuleAborting, v1alpha1.CauseAborted, aborted},
	{RuleSuperseded, v1alpha1.CauseSuperseded, superseded},
	{RuleInvalid, v1alpha1.CauseObjectGone, objectGone},
	{RuleInvalid, v1alpha1.CauseInvalid, misfit},
	{RuleInvalid, v1alpha1.CauseScaledToZero, scaledToZero},
	{RuleSettled, v1alpha1.CauseStableReapplied, stableReapplied},
	{RuleCollapsed, v1alpha1.CauseCollapsed, collapsed},
	{RuleFailed, v1alpha1.CausePodsFailing, podsFailing},
	{RuleFailed, v1alpha1.CauseDeadline, overdue},
}

// ruleOf names the rule by which a Release that goes back is shown.
var ruleOf = func() map[string]Rule {
	rules := map[string]Rule{}
	for _, t := range turns {
		rules[t.cause] = t.rule
	}
	return rules
}()

// outcomeOf says how a Release that went back has ended.
var outcomeOf = map[string]v1alpha1.Outcome{
	"":                            v1alpha1.OutcomePromoted,
	v1alpha1.CauseDeleted:         v1alpha1.OutcomeDeleted,
	v1alpha1.CauseAborted:         v1alpha1.OutcomeAborted,
	v1alpha1.CauseSuperseded:      v1alpha1.OutcomeSuperseded,
	v1alpha1.CauseObjectGone:      v1alpha1.OutcomeFailed,
	v1alpha1.CauseInvalid:         v1alpha1.OutcomeFailed,
	v1alpha1.CauseScaledToZero:    v1alpha1.OutcomeFailed,
	v1alpha1.CauseStableReapplied: v1alpha1.OutcomeReverted,
	v1alpha1.CauseCollapsed:       v1alpha1.OutcomeFailed,
	v1alpha1.CausePodsFailing:     v1alpha1.OutcomeFailed,
	v1alpha1.CauseDeadline:        v1alpha1.OutcomeFailed,
}

// turnBack applies the first rule that sends the Release back, and returns it; "" if none fired.
func (d *draft) turnBack() Rule {
	d.watchCanary()
	if d.progress.Stage == v1alpha1.StageRetreating && d.routesMissing(d.stage()) != nil {
		d.enter(v1alpha1.StageWithdrawing) // somebody gave the canary requests again: they drain first
	}
	if d.progress.Cause != "" || pastNoReturn(d.progress.Stage) {
		return ""
	}
	for _, t := range turns {
		if why := t.why(d); why != "" {
			d.progress.Cause, d.progress.CauseMessage = t.cause, why
			if step := d.currentStep(); step != nil {
				step.EndedAt = d.now()
			}
			d.enter(d.firstStageBack())
			return t.rule
		}
	}
	return ""
}

// firstStageBack skips what there is nothing to take back of.
func (d *draft) firstStageBack() v1alpha1.Stage {
	stage := d.progress.Stage
	if stage == v1alpha1.StageStepping && d.progress.Canary == "" && d.pods.Pending {
		return v1alpha1.StageReopening // nothing ran yet
	}
	// Services that select the canary alone are widened before they are narrowed to stable, unless there
	// is nobody left to serve.
	narrowed := stage == v1alpha1.StageRepinning || stage == v1alpha1.StageDraining
	if narrowed && d.progress.Cause != v1alpha1.CauseCollapsed {
		return v1alpha1.StageWidening
	}
	return v1alpha1.StageWithdrawing
}

func deleted(d *draft) string {
	if d.in.RolloutGone {
		return "the Rollout was deleted"
	}
	return ""
}

func aborted(d *draft) string {
	if d.in.Control.DesiredOutcome == v1alpha1.OutcomeAbort {
		return "an abort was asked for"
	}
	return ""
}

// superseded: a newer template came. Before the canary has pods it is simply taken instead.
func superseded(d *draft) string {
	if d.pods.Exists && d.progress.Canary != "" && d.pods.Template == workload.TemplateOther {
		return "a newer template was applied"
	}
	return ""
}

func objectGone(d *draft) string {
	if !d.pods.Exists {
		return fmt.Sprintf("%s %s was deleted", d.in.Policy.WorkloadRef.Kind, d.in.Policy.WorkloadRef.Name)
	}
	for _, s := range d.in.Observed.Services {
		if s.User == nil {
			return fmt.Sprintf("Service %s was deleted", s.Name)
		}
	}
	for _, r := range d.in.Observed.Routes {
		if r.Objects.Route == nil {
			return fmt.Sprintf("%s %s was deleted", r.Ref.Kind, r.Ref.Name)
		}
	}
	return ""
}

// misfit: an object was changed so that traffic could not be split, or a pin would cut off others.
func misfit(d *draft) string {
	for _, r := range d.in.Observed.Routes {
		if !d.serves(r) {
			return fmt.Sprintf("%s %s names none of the Services any more", r.Ref.Kind, r.Ref.Name)
		}
	}
	if d.progress.Canary != "" {
		return ""
	}
	labels, _, _ := unstructured.NestedStringMap(d.in.Observed.Workload.Workload.Object, "spec", "template", "metadata", "labels")
	for _, s := range d.in.Observed.Services {
		if s.Taken {
			return fmt.Sprintf("Service %s exists and was not made by Crossfade; rename or delete it", trafficrouting.CanaryOf(s.Name))
		}
		if refusal := trafficrouting.ServiceRefusal(s.User, nil, d.in.Rollout, labels, nil); refusal != "" {
			return refusal
		}
	}
	return ""
}

// serves: the route sends requests to one of the Services.
func (d *draft) serves(r Route) bool {
	for _, s := range d.in.Observed.Services {
		if r.Provider.Names(r.Objects, s.Name) {
			return true
		}
	}
	return false
}

func scaledToZero(d *draft) string {
	if d.pods.Exists && d.pods.Wanted == 0 {
		return "the workload was scaled to 0"
	}
	return ""
}

func stableReapplied(d *draft) string {
	if d.pods.Template == workload.TemplateStable {
		return "the stable template was applied again"
	}
	return ""
}

// watchCanary notes since when a canary that carries traffic has had no ready endpoint.
func (d *draft) watchCanary() {
	if !d.canaryIsBare() {
		d.progress.BareSince = nil
		return
	}
	if d.progress.BareSince == nil {
		d.progress.BareSince = d.now()
	}
	d.wakeAt(d.bareUntil())
}

func (d *draft) canaryIsBare() bool {
	if d.progress.Cause != "" || pastNoReturn(d.progress.Stage) || !d.carriesTraffic(d.stage()) {
		return false
	}
	for _, s := range d.in.Observed.Services {
		if s.Canary != nil && s.CanaryReady == 0 {
			return true
		}
	}
	return false
}

func (d *draft) bareUntil() time.Time {
	return d.progress.BareSince.Add(lengthOf(d.in.Policy.Timing.CollapseAfter, defaultCollapse))
}

func collapsed(d *draft) string {
	if d.progress.BareSince == nil || d.in.Now.Before(d.bareUntil()) {
		return ""
	}
	message := fmt.Sprintf("the canary had no ready endpoint for %s while it carried traffic",
		lengthOf(d.in.Policy.Timing.CollapseAfter, defaultCollapse))
	if failing := failures(d.pods.Canary); len(failing) > 0 {
		message += "; " + strings.Join(failing, "; ")
	}
	return message
}

// podsFailing: a canary pod is not ready for a reason that no waiting heals.
func podsFailing(d *draft) string {
	for _, f := range d.pods.Canary.Failing {
		if f.Hopeless {
			return "the canary's pods cannot become ready: " + failureText(f)
		}
	}
	return ""
}

// overdue: the stage's desired state has not been reached for longer than the progress deadline. A
// user's pause stops the clock.
func overdue(d *draft) string {
	deadline := lengthOf(d.in.Policy.ProgressDeadline, defaultDeadline)
	if d.startedAt() != nil || d.progress.EffectSince != nil {
		return ""
	}
	if d.userPaused() != "" {
		return ""
	}
	at := d.progress.StageSince.Add(deadline)
	if d.in.Now.Before(at) {
		d.wakeAt(at)
		return ""
	}
	barrier := d.missing(d.stage())
	if barrier == nil {
		return ""
	}
	return fmt.Sprintf("not there within %s: %s", deadline, barrier.Message)
}

// userPaused says who holds the Release; "" if nobody does. It keeps the deadline's clock: the time
// paused is not counted.
func (d *draft) userPaused() string {
	why := ""
	switch {
	case d.progress.Cause != "":
	case d.in.Control.Paused:
		why = "paused by spec.control.paused; kubectl crossfade resume lets it go on"
	case d.pods.PausedByUser:
		why = "the workload was paused by a user; kubectl rollout resume lets it go on"
	}
	if why != "" && d.progress.PausedSince == nil {
		d.progress.PausedSince = d.now()
	}
	if why == "" && d.progress.PausedSince != nil {
		since := d.progress.StageSince.Add(d.in.Now.Sub(d.progress.PausedSince.Time))
		d.progress.StageSince.Time, d.progress.PausedSince = since.Truncate(time.Microsecond), nil
	}
	return why
}

// failures tells at most three failing pods.
func failures(r workload.Revision) []string {
	var texts []string
	for _, f := range r.Failing[:min(len(r.Failing), 3)] {
		texts = append(texts, failureText(f))
	}
	return texts
}

func failureText(f workload.Failure) string {
	text := f.Reason
	if f.Pod != "" {
		text = "pod " + f.Pod + ": " + text
	}
	if f.Message != "" {
		text += " (" + f.Message + ")"
	}
	return text
}
