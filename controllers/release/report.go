package release

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// report tells what the persisted decision changed: one log line, Events and metrics. All of it is
// derived from the old and the new status, so that nothing is told that was not persisted.
func (r *Reconciler) report(ctx context.Context, before, after *v1alpha1.Release, decision planner.Decision) {
	if before.Status.Rule != after.Status.Rule || len(decision.Writes) > 0 {
		r.Metrics.decisions.WithLabelValues(string(decision.Rule)).Inc()
	}
	r.Metrics.observe(before, after)
	if before.ResourceVersion == after.ResourceVersion {
		return
	}
	did := make([]string, 0, len(decision.Writes))
	for _, w := range decision.Writes {
		did = append(did, w.String())
	}
	ctrl.LoggerFrom(ctx).Info("Applied decision", "rollout", after.Spec.Rollout.Name, "rule", decision.Rule,
		"step", after.Status.StepName, "weight", after.Status.Weight, "message", after.Status.Message,
		"writes", did, "wake", decision.Wake.String())
	for _, e := range eventsOf(before, after) {
		r.Recorder.Eventf(after, nil, e.kind, e.reason, e.action, "%s", e.message)
	}
}

// happening is one Event to be. Events of one reason and action are merged by the API's own rules, so
// what must be told apart has an action of its own.
type happening struct {
	kind, reason, action, message string
}

// eventsOf tells what happened between two statuses, once each, in the past tense.
func eventsOf(before, after *v1alpha1.Release) []happening {
	var happened []happening
	old, now := before.Status, after.Status
	if old.Progress.Cause == "" && now.Progress.Cause != "" {
		kind := corev1.EventTypeWarning
		if now.Progress.Cause == v1alpha1.CauseSuperseded || now.Progress.Cause == v1alpha1.CauseStableReapplied {
			kind = corev1.EventTypeNormal
		}
		happened = append(happened, happening{kind, v1alpha1.EventRollbackBegan, "Withdraw", "Traffic goes back to stable: " + now.Progress.CauseMessage})
	}
	if weight, shifted := shiftedTo(old, now); shifted {
		happened = append(happened, happening{
			corev1.EventTypeNormal, v1alpha1.EventWeightShifted, "ShiftTo" + strings.TrimSuffix(weight, "%") + "Percent",
			fmt.Sprintf("Weight of the canary changed from %s to %s", orZero(old.Weight), weight),
		})
	}
	if old.Outcome == "" && now.Outcome != "" {
		happened = append(happened, ending(after))
	}
	return happened
}

// shiftedTo returns the weight that a step came to have in effect.
func shiftedTo(old, now v1alpha1.ReleaseStatus) (string, bool) {
	return now.Weight, now.Weight != "" && orZero(old.Weight) != now.Weight
}

func orZero(weight string) string {
	if weight == "" {
		return "0%"
	}
	return weight
}

func ending(release *v1alpha1.Release) happening {
	outcome := release.Status.Outcome
	if outcome == v1alpha1.OutcomePromoted {
		return happening{corev1.EventTypeNormal, v1alpha1.EventPromoted, "Promote", "The new version serves everything"}
	}
	if outcome == v1alpha1.OutcomeDeleted {
		return happening{
			corev1.EventTypeNormal, v1alpha1.EventRestoredNative, "Restore",
			"The Rollout was deleted: the stable template is back and the workload rolls out natively; apply the new version again to have it",
		}
	}
	return happening{corev1.EventTypeWarning, v1alpha1.EventRolledBack, "Withdraw", "Stable serves everything: " + release.Status.Progress.CauseMessage}
}
