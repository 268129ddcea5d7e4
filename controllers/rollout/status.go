package rollout

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// finding is how a Rollout was found to stand; its conditions follow from it alone.
type finding struct {
	// reason and message tell it to people.
	reason, message string
	// armed: a new template was shown to be held.
	armed bool
	// atRest: nothing is waited for, though the workload is not armed.
	atRest bool
	// stalled: needs a human.
	stalled bool
	// held: a template is held; heldReason says why.
	held       bool
	heldReason string
	// release in flight, and the highest number so far.
	release string
	number  int64
	// forgiven is the number of a Release whose rejection ends now; 0 if none does.
	forgiven int64
	// again is when to look again; 0 means when an event comes.
	again time.Duration
	// quiet: nothing is left to do until the Rollout or its workload changes from state.
	quiet bool
	state string
	// unchanged: nothing has changed since the last finding, which stands.
	unchanged bool
}

// inFlight is the finding over a Rollout whose Release is on its way.
func inFlight(release *v1alpha1.Release) finding {
	message := "Release " + release.Name + " is in flight"
	held := meta.FindStatusCondition(release.Status.Conditions, v1alpha1.ConditionHeld)
	f := finding{
		reason: v1alpha1.ReasonReleaseInFlight, message: message, armed: true,
		release: release.Name, number: release.Spec.Number, heldReason: v1alpha1.ReasonReleaseInFlight,
	}
	if held != nil && held.Status == metav1.ConditionTrue {
		f.held, f.heldReason, f.message = true, held.Reason, message+": "+held.Message
	}
	stuck := meta.FindStatusCondition(release.Status.Conditions, v1alpha1.ConditionStalled)
	if stuck != nil && stuck.Status == metav1.ConditionTrue {
		f.stalled, f.reason, f.message = true, stuck.Reason, message+": "+stuck.Message
	}
	return f
}

// writeStatus writes the conditions that follow from the finding, if they differ from what is there.
func (r *Reconciler) writeStatus(ctx context.Context, rollout *v1alpha1.Rollout, f finding) error {
	before := rollout.DeepCopy()
	status := &rollout.Status
	status.ObservedGeneration = rollout.Generation
	status.Release = f.release
	status.LastRelease = max(status.LastRelease, f.number)
	status.ForgivenRelease = max(status.ForgivenRelease, f.forgiven)
	set := func(kind string, holds bool, reason, message string) {
		value := metav1.ConditionFalse
		if holds {
			value = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: reason, Message: message,
			ObservedGeneration: rollout.Generation, LastTransitionTime: metav1.NewTime(r.Clock()),
		})
	}
	ready := !f.stalled && (f.armed || f.held || f.atRest)
	armedReason := v1alpha1.ReasonProbePassed
	if !f.armed {
		armedReason = f.reason
	}
	set(v1alpha1.ConditionReady, ready, f.reason, f.message)
	set(v1alpha1.ConditionArmed, f.armed, armedReason, armedMessage(f))
	set(v1alpha1.ConditionStalled, f.stalled, f.reason, ifSo(f.stalled, f.message))
	set(v1alpha1.ConditionReconciling, !f.stalled && !ready, f.reason, ifSo(!f.stalled && !ready, f.message))
	heldReason := f.heldReason
	if heldReason == "" {
		heldReason = v1alpha1.ReasonNothingHeld
	}
	set(v1alpha1.ConditionHeld, f.held, heldReason, ifSo(f.held, f.message))
	if equality.Semantic.DeepEqual(before.Status, rollout.Status) {
		return nil
	}
	if err := r.Client.Status().Update(ctx, rollout, client.FieldOwner(v1alpha1.FieldManager)); err != nil {
		return fmt.Errorf("update the status of Rollout %s: %w", client.ObjectKeyFromObject(rollout), err)
	}
	r.tell(ctx, before, rollout, f)
	return nil
}

// tell logs and records what changed between two statuses.
func (r *Reconciler) tell(ctx context.Context, before, after *v1alpha1.Rollout, f finding) {
	ctrl.LoggerFrom(ctx).Info("Found Rollout", "reason", f.reason, "message", f.message, "armed", f.armed, "release", f.release)
	was := meta.IsStatusConditionTrue(before.Status.Conditions, v1alpha1.ConditionArmed)
	switch {
	case f.stalled && !meta.IsStatusConditionTrue(before.Status.Conditions, v1alpha1.ConditionStalled):
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, v1alpha1.EventRolloutRejected, "Inspect", "%s", f.message)
	case f.reason == v1alpha1.ReasonBypassed && !conditionHas(before, v1alpha1.ReasonBypassed):
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, v1alpha1.EventBypassed, "Inspect", "%s", f.message)
	case f.armed && !was && f.release == "":
		r.Recorder.Eventf(after, nil, corev1.EventTypeNormal, v1alpha1.EventArmed, "Inspect", "A new template of the workload will be held and released by steps")
	}
}

func conditionHas(rollout *v1alpha1.Rollout, reason string) bool {
	armed := meta.FindStatusCondition(rollout.Status.Conditions, v1alpha1.ConditionArmed)
	return armed != nil && armed.Reason == reason
}

func armedMessage(f finding) string {
	if f.armed {
		return "a new template of the workload is held and released by steps"
	}
	return f.message
}

func ifSo(holds bool, message string) string {
	if holds {
		return message
	}
	return ""
}

// fromMap decodes an unstructured part into its type.
func fromMap(from map[string]any, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(from, into)
}
