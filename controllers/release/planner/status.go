package planner

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// keptDecisions bounds the record of a Release in flight, keptWhenEnded that of one that has ended.
const (
	keptDecisions = 40
	keptWhenEnded = 12
)

// startedAt is since when the step's split has been in effect and settled; nil before.
func (d *draft) startedAt() *metav1.MicroTime {
	if step := d.currentStep(); step != nil {
		return step.StartedAt
	}
	return nil
}

// broken records an object that cannot be encoded: nothing is written until a person has looked.
func (d *draft) broken(err error) {
	d.message, d.fault = err.Error(), err.Error()
}

// end closes the Release and removes what it made.
func (d *draft) end() {
	d.enter(v1alpha1.StageEnded)
	d.rule, d.barrier, d.writes = RuleEnded, nil, d.removals()
	d.message = "promoted"
	if why := d.in.express(); why != "" {
		d.message += " " + why
	}
	if d.progress.Cause != "" {
		d.message = "went back: " + d.progress.CauseMessage
	}
}

// decision turns the draft into a Decision: every word that a person might ask for is in its status.
func (d *draft) decision() Decision {
	ended := d.progress.Stage == v1alpha1.StageEnded
	status := *d.in.Status.DeepCopy()
	status.ObservedGeneration = d.in.Generation
	status.Rule, status.Message, status.Barrier = string(d.rule), d.message, d.barrier
	status.Progress, status.Steps = d.progress, d.steps
	status.StepName = ""
	if step := d.currentStep(); step != nil {
		status.StepName = step.Name
	}
	if status.StartedAt == nil {
		status.StartedAt = &metav1.Time{Time: d.in.Now}
	}
	status.Stable = revisionStatus(d.pods.Stable)
	status.Canary = revisionStatus(d.pods.Canary)
	status.Routes = d.routeStatuses()
	status.Weight = d.weight(status.Routes)
	if ended {
		status.Outcome = outcomeOf[d.progress.Cause]
		status.EndedAt = &metav1.Time{Time: d.in.Now}
	}
	status.Decisions = d.record(ended)
	if e := d.in.Evidence; e != nil && e.Record != nil {
		status.Analysis = e.Record.DeepCopy()
	}
	d.setConditions(&status)
	return Decision{Rule: d.rule, Status: status, Writes: d.writes, Asks: d.asks, Wake: d.wake, Ended: ended && d.over()}
}

// over: a look that could see all found nothing left to do. What is on the ReplicaSets is known only once
// the native controller has seen the workload as it is.
func (d *draft) over() bool {
	if len(d.writes) > 0 || d.pods.Exists && !d.pods.Seen {
		return false
	}
	if !d.pods.Exists || d.pods.Alone {
		return true
	}
	// Where a template rolls natively that is none of the Release's, its revisions are not the Release's to wait for.
	return d.disarmed() || d.pods.Template == workload.TemplateOther && !d.pods.Pending
}

// record appends this decision if it does something or stands somewhere new.
func (d *draft) record(ended bool) []v1alpha1.DecisionStatus {
	decisions := slices.Clone(d.in.Status.Decisions)
	before := d.in.Status.Progress
	moved := before.Stage != d.progress.Stage || before.Step != d.progress.Step || before.Shifted != d.progress.Shifted
	if moved || len(d.writes) > 0 || d.in.Status.Rule != string(d.rule) {
		var did []string
		for _, w := range d.writes {
			did = append(did, fmt.Sprintf("%s %s %s: %s", w.Verb, w.Kind.Kind, w.Name, w.Why))
		}
		decisions = append(decisions, v1alpha1.DecisionStatus{
			At: *d.now(), Rule: string(d.rule), Message: d.message, Did: did,
		})
	}
	kept := keptDecisions
	if ended {
		kept = keptWhenEnded
	}
	return decisions[max(0, len(decisions)-kept):]
}

func revisionStatus(r workload.Revision) *v1alpha1.RevisionStatus {
	if r.UID == "" {
		return nil
	}
	return &v1alpha1.RevisionStatus{
		Revision: r.Hash, Images: r.Images, Replicas: r.Replicas, Ready: r.Ready,
		Pods: fmt.Sprintf("%d/%d", r.Ready, r.Replicas), Failing: failures(r),
	}
}

func (d *draft) routeStatuses() []v1alpha1.RouteStatus {
	if d.progress.Stage == v1alpha1.StageEnded {
		return nil
	}
	stage := d.stage()
	want := stage.route
	asked := askedShare(d.splits(want))
	var statuses []v1alpha1.RouteStatus
	for _, r := range d.in.Observed.Routes {
		status := v1alpha1.RouteStatus{Kind: r.Ref.Kind, Namespace: ptr.Deref(r.Ref.Namespace, ""), Name: r.Ref.Name, Asked: asked, InEffect: "0%", Evidence: trafficrouting.EvidenceNone.String()}
		if r.Objects.Route != nil {
			seen := d.observe(r, want)
			status.InEffect = trafficrouting.Percent(seen.CanaryPPM)
			status.Evidence, status.Message = seen.Evidence.String(), seen.Message
			if seen.InEffect && d.probed(stage, r) {
				status.Evidence = trafficrouting.EvidenceProbed.String()
			}
		}
		statuses = append(statuses, status)
	}
	return statuses
}

func askedShare(splits []trafficrouting.Split) string {
	if len(splits) == 0 {
		return "0%"
	}
	share := trafficrouting.Percent(canaryShare(splits[0]))
	for _, rule := range splits[0].Rules {
		switch {
		case rule.Mirror != nil:
			share += " and copies of " + trafficrouting.Percent(rule.Mirror.PPM)
		case len(rule.AnyOf) > 0 && rule.To[0].Backend != splits[0].Base:
			share += " and matches"
		}
	}
	return share
}

// weight is the new version's share in effect: the smallest over the routes. Once the old pods go it serves everything, through
// whichever Service.
func (d *draft) weight(routes []v1alpha1.RouteStatus) string {
	if d.progress.Cause == "" && pastNoReturn(d.progress.Stage) {
		return trafficrouting.Percent(trafficrouting.Whole)
	}
	if len(routes) == 0 {
		return trafficrouting.Percent(0)
	}
	least := trafficrouting.Whole
	for _, r := range routes {
		share := intstr.FromString(r.InEffect)
		ppm, err := trafficrouting.PPM(&share)
		if err == nil {
			least = min(least, ppm)
		}
	}
	return trafficrouting.Percent(least)
}

// routeEditor names the field manager, other than ours, that wrote a route last.
func (d *draft) routeEditor() string {
	name, at := "somebody else", time.Time{}
	var routes []*unstructured.Unstructured
	for _, r := range d.in.Observed.Routes {
		if r.Objects.Route != nil {
			routes = append(routes, r.Objects.Route)
		}
		for _, obj := range r.Objects.Beside {
			if obj.GetLabels()[v1alpha1.LabelRollout] == d.in.Rollout {
				routes = append(routes, obj)
			}
		}
	}
	for _, route := range routes {
		for _, f := range route.GetManagedFields() {
			if f.Manager != v1alpha1.FieldManager && f.Subresource == "" && f.Time != nil && f.Time.After(at) {
				name, at = f.Manager, f.Time.Time
			}
		}
	}
	return name
}

// setConditions derives every condition from the decision; none is read back.
func (d *draft) setConditions(status *v1alpha1.ReleaseStatus) {
	ended := d.progress.Stage == v1alpha1.StageEnded
	set := func(kind string, holds bool, reason, message string) {
		value := metav1.ConditionFalse
		if holds {
			value = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: reason, Message: message,
			ObservedGeneration: d.in.Generation, LastTransitionTime: metav1.NewTime(d.in.Now),
		})
	}
	d.setAnalysisPassed(status)
	if ended {
		set(v1alpha1.ConditionReady, true, v1alpha1.ReasonEnded, d.message)
		set(v1alpha1.ConditionReconciling, false, v1alpha1.ReasonEnded, "")
		set(v1alpha1.ConditionHeld, false, v1alpha1.ReasonEnded, "")
		set(v1alpha1.ConditionStalled, false, v1alpha1.ReasonEnded, "")
		set(v1alpha1.ConditionTrafficInEffect, true, v1alpha1.ReasonInEffect, "")
		return
	}
	set(v1alpha1.ConditionReady, false, v1alpha1.ReasonProgressing, string(d.rule))
	set(v1alpha1.ConditionReconciling, true, v1alpha1.ReasonProgressing, string(d.rule))
	held, reason := d.held()
	set(v1alpha1.ConditionHeld, held, reason, heldMessage(held, d.message))
	switch {
	case d.fault != "":
		set(v1alpha1.ConditionStalled, true, v1alpha1.ReasonInternal, d.fault)
	case d.contended != "":
		set(v1alpha1.ConditionStalled, true, v1alpha1.ReasonTrafficContended, d.contended)
	default:
		set(v1alpha1.ConditionStalled, false, v1alpha1.ReasonProgressing, "")
	}
	if d.barrier != nil && (d.barrier.Name == barrierRoute || d.barrier.Name == barrierProbe) || writesRoutes(d.writes, d.in.Observed.Routes) {
		set(v1alpha1.ConditionTrafficInEffect, false, v1alpha1.ReasonNotInEffect, d.message)
	} else {
		set(v1alpha1.ConditionTrafficInEffect, true, v1alpha1.ReasonInEffect, "")
	}
}

// setAnalysisPassed says what the evidence says; Unknown where it shows nothing, or nothing is judged.
func (d *draft) setAnalysisPassed(status *v1alpha1.ReleaseStatus) {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionAnalysisPassed, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonNotAsked,
		ObservedGeneration: d.in.Generation, LastTransitionTime: metav1.NewTime(d.in.Now),
	}
	if e := d.in.Evidence; e != nil {
		condition.Reason, condition.Message = string(e.Verdict), e.Message
		switch e.Verdict {
		case v1alpha1.VerdictPass:
			condition.Status = metav1.ConditionTrue
		case v1alpha1.VerdictFail:
			condition.Status = metav1.ConditionFalse
		case v1alpha1.VerdictInconclusive, v1alpha1.VerdictNoData:
		}
	}
	meta.SetStatusCondition(&status.Conditions, condition)
}

// holdReasons say by which barriers a Release is held, and not on its way.
var holdReasons = map[string]string{
	barrierApproval: v1alpha1.ReasonHoldingApproval,
	barrierHold:     v1alpha1.ReasonHoldingTime,
	barrierEvidence: v1alpha1.ReasonHoldingEvidence,
	barrierFreeze:   v1alpha1.ReasonFrozen,
	barrierKeep:     v1alpha1.ReasonKeepingOld,
	barrierLook:     v1alpha1.ReasonObserving,
}

func (d *draft) held() (bool, string) {
	switch {
	case d.rule == RuleUserPaused:
		return true, v1alpha1.ReasonPaused
	case d.barrier == nil:
		return false, v1alpha1.ReasonProgressing
	}
	if reason, holds := holdReasons[d.barrier.Name]; holds {
		return true, reason
	}
	return false, v1alpha1.ReasonProgressing
}

func heldMessage(held bool, message string) string {
	if held {
		return message
	}
	return ""
}
