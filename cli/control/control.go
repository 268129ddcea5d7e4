// Package control decides what a person's verb changes in a Release, and what to tell the person.
// It is pure: the caller reads the Release and writes its spec.control.
package control

import (
	"fmt"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// Answer is what a verb comes to.
type Answer struct {
	// Control is what the Release's spec.control is to be.
	Control v1alpha1.Control
	// Changed says whether that differs from what it is.
	Changed bool
	// Message is one sentence for the person: what was asked, and what happens next.
	Message string
}

// Verb decides on a Release in flight. It must not change it. An error says why the verb makes no
// sense now, and what does.
type Verb func(rel *v1alpha1.Release) (Answer, error)

// Pause asks the Release to stay where it is. It is idempotent.
func Pause(rel *v1alpha1.Release) (Answer, error) {
	if reading.GoingBack(rel) {
		return Answer{}, refuse("pause", rel, "it is going back (%s), which a pause does not stop", causeOf(rel))
	}
	if rel.Spec.Control.Paused {
		return unchanged(rel, "%s is paused already; go on with: %s", name(rel), command(rel, "resume"))
	}
	next := rel.Spec.Control
	next.Paused = true
	return changed(next, "Asked %s to pause%s: it stays there, goes back by itself only if the canary fails, "+
		"and goes on with: %s", name(rel), place(rel), command(rel, "resume"))
}

// Resume asks a paused Release to go on. It is idempotent. It is no approval, and it does not touch a
// workload that a person paused.
func Resume(rel *v1alpha1.Release) (Answer, error) {
	if rel.Spec.Control.Paused {
		next := rel.Spec.Control
		next.Paused = false
		return changed(next, "Asked %s to go on%s: %s", name(rel), place(rel), whatNext(rel))
	}
	if reading.PausedByWorkload(rel) {
		w := rel.Spec.Policy.WorkloadRef
		return Answer{}, refuse("resume", rel, "it is not paused, but its %s is; go on with: kubectl rollout resume %s/%s -n %s",
			w.Kind, lower(w.Kind), w.Name, rel.Namespace)
	}
	return unchanged(rel, "%s is not paused: %s", name(rel), whatNext(rel))
}

// Abort asks the Release to go back. It is idempotent, final, and wins over every other verb. Past the
// point of no return the promotion finishes first, and the way back is a Release of its own.
func Abort(rel *v1alpha1.Release) (Answer, error) {
	if reading.AskedTo(rel, v1alpha1.OutcomeAbort) {
		return unchanged(rel, "%s is asked to abort already: %s", name(rel), backNext(rel))
	}
	if rel.Status.Progress.Cause != "" {
		return unchanged(rel, "%s is going back already (%s): %s", name(rel), causeOf(rel), backNext(rel))
	}
	next := rel.Spec.Control
	next.DesiredOutcome = v1alpha1.OutcomeAbort
	return changed(next, "Asked %s to abort: %s", name(rel), backNext(rel))
}

// Promote asks the Release to take the remaining steps without waiting. It is idempotent.
func Promote(rel *v1alpha1.Release) (Answer, error) {
	if reading.GoingBack(rel) {
		return Answer{}, refuse("promote", rel, "it is going back (%s), which is final; apply another version for a new Release",
			causeOf(rel))
	}
	if reading.AskedTo(rel, v1alpha1.OutcomePromote) {
		return unchanged(rel, "%s is asked to promote already%s", name(rel), butPaused(rel))
	}
	if reading.Promoting(rel) {
		return unchanged(rel, "%s has taken its last step and is promoting already%s", name(rel), butPaused(rel))
	}
	next := rel.Spec.Control
	next.DesiredOutcome = v1alpha1.OutcomePromote
	return changed(next, "Asked %s to promote: it goes on without waiting for %s, gives the new version everything "+
		"and retires the old pods%s%s", name(rel), unwaited(rel), butFrozen(rel), butPaused(rel))
}

// GoTo returns the verb that sends the Release to one of its steps. Whether the step may be gone to is
// decided by the controller, which knows where the Release is by then; what can't be is refused here.
func GoTo(step string) Verb {
	return func(rel *v1alpha1.Release) (Answer, error) {
		target := reading.StepIndex(rel, step)
		switch {
		case target < 0:
			return Answer{}, refuse("goto", rel, "it has no step %q; its steps are %s", step, stepNames(rel))
		case reading.GoingBack(rel):
			return Answer{}, refuse("goto", rel, "it is going back (%s), which is final; apply another version for a new Release", causeOf(rel))
		case reading.AskedTo(rel, v1alpha1.OutcomePromote):
			return Answer{}, refuse("goto", rel, "it is asked to promote; abort it, or let it finish")
		}
		for i := reading.Current(rel); i >= 0 && i < target; i++ {
			if passed := reading.Steps(rel)[i]; !passed.Skippable {
				return Answer{}, refuse("goto", rel, "step %s may not be skipped; say skippable: true in the Rollout, for the next Release", passed.Name)
			}
		}
		if asked := rel.Spec.Control.GoTo; asked != nil && asked.Step == step && !reading.FollowedGoTo(rel) {
			return unchanged(rel, "%s is asked to go to step %s already", name(rel), step)
		}
		next := *rel.Spec.Control.DeepCopy()
		next.GoTo = &v1alpha1.GoTo{Step: step, ID: fmt.Sprintf("%s-%d", step[:min(len(step), 40)], rel.Generation+1)}
		return changed(next, "Asked %s to go to step %s%s: what holds there holds again, approvals included%s",
			name(rel), step, place(rel), butPaused(rel))
	}
}

// Refresh asks the Release to take the Rollout's steps of now for what has not begun. It is idempotent until the
// controller has taken notice.
func Refresh(rel *v1alpha1.Release) (Answer, error) {
	switch {
	case reading.GoingBack(rel):
		return Answer{}, refuse("refresh", rel, "it is going back (%s), which is final; the next Release takes the Rollout's steps", causeOf(rel))
	case reading.Promoting(rel):
		return Answer{}, refuse("refresh", rel, "all its steps are over and it is promoting; the next Release takes the Rollout's steps")
	}
	seen := rel.Status.Progress.Refresh
	if asked := rel.Spec.Control.Refresh; asked != "" && (seen == nil || seen.ID != asked) {
		return unchanged(rel, "%s is asked to take the Rollout's steps already", name(rel))
	}
	next := *rel.Spec.Control.DeepCopy()
	next.Refresh = fmt.Sprint(rel.Generation + 1)
	return changed(next, "Asked %s to take the Rollout's steps for what comes after this one%s", name(rel), place(rel))
}

// Ship returns the verb that gives the version everything without waiting, for a reason that is kept. It is idempotent.
func Ship(reason string) Verb {
	return func(rel *v1alpha1.Release) (Answer, error) {
		if reading.GoingBack(rel) {
			return Answer{}, refuse("ship", rel, "it is going back (%s), which is final; apply another version for a new Release", causeOf(rel))
		}
		if e := rel.Spec.Control.Emergency; e != nil {
			return unchanged(rel, "%s is being shipped in an emergency already (%s)%s", name(rel), e.Reason, butPaused(rel))
		}
		next := *rel.Spec.Control.DeepCopy()
		next.Emergency = &v1alpha1.Emergency{Reason: reason}
		return changed(next, "Asked %s to ship in an emergency: it waits for no hold, no evidence and no freeze, gives the new version "+
			"everything and retires the old pods%s", name(rel), butPaused(rel))
	}
}

func changed(next v1alpha1.Control, format string, args ...any) (Answer, error) {
	return Answer{Control: next, Changed: true, Message: fmt.Sprintf(format, args...)}, nil
}

func unchanged(rel *v1alpha1.Release, format string, args ...any) (Answer, error) {
	return Answer{Control: rel.Spec.Control, Message: fmt.Sprintf(format, args...)}, nil
}

func refuse(verb string, rel *v1alpha1.Release, format string, args ...any) error {
	return fmt.Errorf("%s %s: %s", verb, name(rel), fmt.Sprintf(format, args...))
}

// lookOf returns how long the canary's pods are kept for a look; the API's default where it is left out.
func lookOf(rel *v1alpha1.Release) time.Duration {
	if d := rel.Spec.Policy.Rollback.HoldFor; d != nil {
		return d.Duration.Duration
	}
	return 10 * time.Minute
}

// drainOf returns how long requests under way are given; the API's default where it is left out.
func drainOf(rel *v1alpha1.Release) time.Duration {
	if d := rel.Spec.Policy.Timing.Drain; d != nil {
		return d.Duration.Duration
	}
	return 30 * time.Second
}
