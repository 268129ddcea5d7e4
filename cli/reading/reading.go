// Package reading answers people's questions about a Rollout and its Releases from what their status
// says. It is pure: it does no I/O and takes the time as an argument.
package reading

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// InFlight returns the Rollout's Release that has not ended, or nil. Of several, which happens while
// a deleted Rollout of the same name is still being restored, it is the one of this Rollout.
func InFlight(r *v1alpha1.Rollout, releases []v1alpha1.Release) *v1alpha1.Release {
	var found *v1alpha1.Release
	for i := range releases {
		candidate := &releases[i]
		if !ofRollout(r, candidate) || candidate.Status.Outcome != "" || candidate.Labels[v1alpha1.LabelActive] != "true" {
			continue
		}
		if found == nil || later(r, candidate, found) {
			found = candidate
		}
	}
	return found
}

// Last returns the Rollout's latest Release, in flight or ended, or nil if it has had none.
func Last(r *v1alpha1.Rollout, releases []v1alpha1.Release) *v1alpha1.Release {
	if active := InFlight(r, releases); active != nil {
		return active
	}
	var last *v1alpha1.Release
	for i := range releases {
		candidate := &releases[i]
		if ofRollout(r, candidate) && (last == nil || later(r, candidate, last)) {
			last = candidate
		}
	}
	return last
}

func ofRollout(r *v1alpha1.Rollout, rel *v1alpha1.Release) bool {
	return rel.Namespace == r.Namespace && rel.Spec.Rollout.Name == r.Name
}

// later orders Releases: those of another Rollout of the same name before those of this one.
func later(r *v1alpha1.Rollout, a, b *v1alpha1.Release) bool {
	if own := a.Spec.Rollout.UID == r.UID; own != (b.Spec.Rollout.UID == r.UID) {
		return own
	}
	return a.Spec.Number > b.Spec.Number
}

// Ended says whether the Release has an outcome.
func Ended(rel *v1alpha1.Release) bool { return rel.Status.Outcome != "" }

// GoingBack says whether the Release goes back, or is asked to.
func GoingBack(rel *v1alpha1.Release) bool {
	return rel.Status.Progress.Cause != "" || AskedTo(rel, v1alpha1.OutcomeAbort) && !PastReturn(rel)
}

// AskedTo says whether a person asked for this outcome.
func AskedTo(rel *v1alpha1.Release, o v1alpha1.Outcome) bool {
	return rel.Spec.Control.DesiredOutcome == o
}

// Forward lists the stages of a promotion, in order.
var Forward = []v1alpha1.Stage{
	v1alpha1.StageStepping, v1alpha1.StageFilling, v1alpha1.StageFlipping,
	v1alpha1.StageUnpinning, v1alpha1.StageRepinning, v1alpha1.StageDraining, v1alpha1.StageKeeping,
	v1alpha1.StageRetiring, v1alpha1.StageReturning, v1alpha1.StageRestoring, v1alpha1.StageCleaning, v1alpha1.StageEnded,
}

// Back lists the stages of a rollback, in order.
var Back = []v1alpha1.Stage{
	v1alpha1.StageWidening, v1alpha1.StageDescending, v1alpha1.StageWithdrawing, v1alpha1.StageWithdrawnDraining,
	v1alpha1.StageObserving, v1alpha1.StageRetreating, v1alpha1.StageReopening, v1alpha1.StageCleaning, v1alpha1.StageEnded,
}

// Place returns where the stage stands on a way, from 0, or -1 if it is not on it.
func Place(stage v1alpha1.Stage, way []v1alpha1.Stage) int {
	for i := range way {
		if way[i] == stage {
			return i
		}
	}
	return -1
}

// Promoting says whether the steps are over and the new version is to take everything.
func Promoting(rel *v1alpha1.Release) bool {
	return rel.Status.Progress.Cause == "" &&
		Place(rel.Status.Progress.Stage, Forward) >= Place(v1alpha1.StageFilling, Forward)
}

// PastReturn says whether a promotion is past the point of no return: the old pods go.
func PastReturn(rel *v1alpha1.Release) bool {
	return rel.Status.Progress.Cause == "" &&
		Place(rel.Status.Progress.Stage, Forward) >= Place(v1alpha1.StageRetiring, Forward)
}

// KeepsOld says whether the new version serves everything and the old pods are kept for a way back.
func KeepsOld(rel *v1alpha1.Release) bool {
	return rel.Status.Progress.Cause == "" && rel.Status.Progress.Stage == v1alpha1.StageKeeping
}

// PausedByWorkload says whether the Release waits because the workload itself is paused by a person,
// and not because the Release is.
func PausedByWorkload(rel *v1alpha1.Release) bool {
	if rel.Spec.Control.Paused {
		return false
	}
	held := meta.FindStatusCondition(rel.Status.Conditions, v1alpha1.ConditionHeld)
	return held != nil && held.Status == metav1.ConditionTrue && held.Reason == v1alpha1.ReasonPaused &&
		held.ObservedGeneration >= rel.Generation
}

// Paused says whether the Release is paused, by itself or through its workload.
func Paused(rel *v1alpha1.Release) bool {
	return rel.Spec.Control.Paused || PausedByWorkload(rel)
}

// Took returns how long the Release has lasted, or lasted until it ended.
func Took(rel *v1alpha1.Release, now time.Time) time.Duration {
	end := now
	if rel.Status.EndedAt != nil {
		end = rel.Status.EndedAt.Time
	}
	return end.Sub(Began(rel))
}

// Began returns when the Release began to act, or was opened if it has not yet.
func Began(rel *v1alpha1.Release) time.Time {
	if rel.Status.StartedAt != nil {
		return rel.Status.StartedAt.Time
	}
	return rel.CreationTimestamp.Time
}

// Deadline returns when the Release fails unless its pods and routes get to where they should be, or
// zero if no such clock runs.
func Deadline(rel *v1alpha1.Release) time.Time {
	p := rel.Status.Progress
	place := Place(p.Stage, Forward)
	if p.Cause != "" || place < 0 || PastReturn(rel) || Paused(rel) ||
		p.StageSince == nil || p.EffectSince != nil || InEffect(rel) {
		return time.Time{}
	}
	deadline := 10 * time.Minute
	if own := rel.Spec.Policy.ProgressDeadline; own != nil {
		deadline = own.Duration.Duration
	}
	return p.StageSince.Add(deadline)
}

// History says in one clause what the Rollout's last Release came to.
func History(r *v1alpha1.Rollout, releases []v1alpha1.Release, now time.Time) string {
	last := Last(r, releases)
	switch {
	case last == nil:
		w := r.Spec.WorkloadRef
		return fmt.Sprintf("it has had none yet: a new pod template of %s %s begins one", w.Kind, w.Name)
	case !Ended(last):
		return fmt.Sprintf("the last one, %s, is in flight", last.Name)
	}
	text := fmt.Sprintf("the last one, %s, ended as %s", last.Name, last.Status.Outcome)
	if last.Status.EndedAt != nil {
		text += " " + Span(now.Sub(last.Status.EndedAt.Time)) + " ago"
	}
	if cause := last.Status.Progress.CauseMessage; cause != "" {
		text += ": " + cause
	}
	return text
}

// AboutToRelease says whether a new template is held for a Release that is still to be opened.
func AboutToRelease(r *v1alpha1.Rollout) bool {
	held := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionHeld)
	return held != nil && held.Status == metav1.ConditionTrue && held.Reason == v1alpha1.ReasonTemplateHeld
}
