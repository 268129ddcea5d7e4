package planner

import (
	"fmt"
	"strings"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
)

// turn is one rule that sends a Release back. why returns "" where the rule does not fire.
type turn struct {
	rule  Rule
	cause string
	why   func(*draft) string
	// slow: it leaves time to go back by steps and to keep the canary for a look.
	slow bool
}

// turns in order of precedence. None fires once the old pods are going: from there on only the way
// forward keeps every request.
var turns = []turn{
	{RuleDeleting, v1alpha1.CauseDeleted, deleted, false},
	{RuleSuspending, v1alpha1.CauseSuspended, suspended, false},
	{RuleAborting, v1alpha1.CauseAborted, aborted, true},
	{RuleSuperseded, v1alpha1.CauseSuperseded, superseded, false},
	{RuleInvalid, v1alpha1.CauseObjectGone, objectGone, false},
	{RuleInvalid, v1alpha1.CauseInvalid, misfit, false},
	{RuleInvalid, v1alpha1.CauseScaledToZero, scaledToZero, false},
	{RuleSettled, v1alpha1.CauseStableReapplied, stableReapplied, false},
	{RuleCollapsed, v1alpha1.CauseCollapsed, collapsed, false},
	{RuleFailed, v1alpha1.CauseAnalysisFailed, analysisFailed, true},
	{RuleFailed, v1alpha1.CauseInconclusive, inconclusive, true},
	{RuleFailed, v1alpha1.CauseNoWinner, noWinner, true},
	{RuleFailed, v1alpha1.CausePodsFailing, podsFailing, true},
	{RuleFailed, v1alpha1.CauseDeadline, overdue, true},
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
	v1alpha1.CauseSuspended:       v1alpha1.OutcomeSuspended,
	v1alpha1.CauseAborted:         v1alpha1.OutcomeAborted,
	v1alpha1.CauseSuperseded:      v1alpha1.OutcomeSuperseded,
	v1alpha1.CauseObjectGone:      v1alpha1.OutcomeFailed,
	v1alpha1.CauseInvalid:         v1alpha1.OutcomeFailed,
	v1alpha1.CauseScaledToZero:    v1alpha1.OutcomeFailed,
	v1alpha1.CauseStableReapplied: v1alpha1.OutcomeReverted,
	v1alpha1.CauseCollapsed:       v1alpha1.OutcomeFailed,
	v1alpha1.CauseAnalysisFailed:  v1alpha1.OutcomeFailed,
	v1alpha1.CauseInconclusive:    v1alpha1.OutcomeFailed,
	v1alpha1.CauseNoWinner:        v1alpha1.OutcomeFailed,
	v1alpha1.CausePodsFailing:     v1alpha1.OutcomeFailed,
	v1alpha1.CauseDeadline:        v1alpha1.OutcomeFailed,
}

// turnBack applies the first rule that sends the Release back, and returns it; "" if none fired.
func (d *draft) turnBack() Rule {
	d.watchCanary()
	if d.progress.Stage == v1alpha1.StageRetreating && d.routesMissing(d.stage()) != nil {
		d.enter(v1alpha1.StageWithdrawing) // somebody gave the canary requests again: they drain first
	}
	if pastNoReturn(d.progress.Stage) {
		return ""
	}
	if d.progress.Cause != "" {
		d.followDown()
		return d.hurry()
	}
	for _, t := range turns {
		if why := t.why(d); why != "" {
			d.progress.Cause, d.progress.CauseMessage = t.cause, why
			if step := d.currentStep(); step != nil {
				step.EndedAt = d.now()
			}
			d.goBack()
			return t.rule
		}
	}
	return ""
}

// hurry ends a way back by steps, or a look at a canary without requests, for a turn that leaves no time
// for it, and returns its rule; "" if there is none. What came last is the cause from then on.
func (d *draft) hurry() Rule {
	next, leisurely := map[v1alpha1.Stage]v1alpha1.Stage{
		v1alpha1.StageDescending: v1alpha1.StageWithdrawing,
		v1alpha1.StageObserving:  v1alpha1.StageRetreating,
	}[d.progress.Stage]
	if !leisurely {
		return ""
	}
	if d.lateDown() {
		d.enter(next)
		return ""
	}
	for _, t := range turns {
		if t.slow {
			continue
		}
		if why := t.why(d); why != "" {
			d.progress.Cause, d.progress.CauseMessage = t.cause, why+", after "+d.progress.CauseMessage
			d.enter(next)
			return t.rule
		}
	}
	return ""
}

// lateDown: a step on the way back has not come into effect within the progress deadline, so that the rest is
// taken back at once.
func (d *draft) lateDown() bool {
	if d.progress.Stage != v1alpha1.StageDescending || d.progress.EffectSince != nil {
		return false
	}
	at := d.progress.StageSince.Add(lengthOf(d.in.Policy.ProgressDeadline, defaultDeadline))
	if d.in.Now.Before(at) {
		d.wakeAt(at)
		return false
	}
	return true
}

func deleted(d *draft) string {
	if d.in.RolloutGone {
		return "the Rollout was deleted"
	}
	return ""
}

func suspended(d *draft) string {
	if d.in.Suspended {
		return "the Rollout was suspended"
	}
	return ""
}

// letsGo: the workload is to be native again when the Release is over.
func (d *draft) letsGo() bool { return d.in.RolloutGone || d.in.Suspended }

func aborted(d *draft) string {
	if d.in.Control.DesiredOutcome == v1alpha1.OutcomeAbort {
		return "an abort was asked for"
	}
	return ""
}

// superseded: a newer template came. Before the canary has pods it is simply taken instead, unless only the one before it
// was to be given everything at once.
func superseded(d *draft) string {
	if d.pods.Exists && (d.progress.Canary != "" && d.pods.Template == workload.TemplateOther || d.otherThanExpressed()) {
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

func scaledToZero(d *draft) string {
	if d.pods.Exists && d.pods.Wanted == 0 {
		return "the workload was scaled to 0"
	}
	return ""
}

func stableReapplied(d *draft) string {
	if d.pods.Template != workload.TemplateStable {
		return ""
	}
	why, by := "the stable template was applied again", d.templateWriter()
	if by == "" {
		return why
	}
	why += " by " + by
	if by == d.progress.AppliedBy && d.in.Status.StartedAt != nil {
		why += fmt.Sprintf(", which had applied the new one, %s after the Release began; if it waited in vain, use kubectl crossfade wait",
			d.in.Now.Sub(d.in.Status.StartedAt.Time).Round(time.Second))
	}
	return why
}

// templateWriter names who wrote the workload's template last; "" if that is not known.
func (d *draft) templateWriter() string {
	if live := d.in.Observed.Workload.Workload; live != nil {
		return intent.WriterOf(live, "template", v1alpha1.FieldManager)
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
	turned := d.progress.Cause != "" && d.progress.Stage != v1alpha1.StageDescending
	if turned || pastNoReturn(d.progress.Stage) || !d.carriesTraffic(d.stage()) {
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
	if d.userPaused() != "" || d.notBegun() != nil {
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
	stopped := why != "" || d.notBegun() != nil
	if stopped && d.progress.PausedSince == nil {
		d.progress.PausedSince = d.now()
	}
	if !stopped && d.progress.PausedSince != nil {
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
