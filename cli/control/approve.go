package control

import (
	"fmt"
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// Approve returns the verb that approves one visit of a step: the step that the Release waits at, or
// the one that is named, which may still be to come. It is idempotent.
func Approve(step string) Verb {
	return func(rel *v1alpha1.Release) (Answer, error) {
		if reading.GoingBack(rel) {
			return Answer{}, refuse("approve", rel, "it is going back (%s), which no approval stops", causeOf(rel))
		}
		if reading.Promoting(rel) {
			return Answer{}, refuse("approve", rel, "all its steps are over and it is promoting; nothing is left to approve")
		}
		if step == "" {
			return approveHere(rel)
		}
		return approveNamed(rel, step)
	}
}

// approveHere approves the step that the Release waits at.
func approveHere(rel *v1alpha1.Release) (Answer, error) {
	if reading.AwaitsApproval(rel) {
		return grant(rel, reading.Current(rel))
	}
	current := reading.Current(rel)
	if current >= 0 && reading.NeedsApproval(rel, reading.Steps(rel)[current]) && isApproved(rel, current) {
		return grant(rel, current)
	}
	return Answer{}, refuse("approve", rel, "it is not waiting for approval: %s%s", whatNext(rel), ahead(rel))
}

func approveNamed(rel *v1alpha1.Release, step string) (Answer, error) {
	i := reading.StepIndex(rel, step)
	if i < 0 {
		return Answer{}, refuse("approve", rel, "it has no step %q; its steps are %s", step, stepNames(rel))
	}
	if !reading.NeedsApproval(rel, reading.Steps(rel)[i]) {
		return Answer{}, refuse("approve", rel, "step %s needs no approval%s", step, ahead(rel))
	}
	if current := reading.Current(rel); i < current {
		return Answer{}, refuse("approve", rel, "step %s is over; it is at step %s%s", step, reading.Steps(rel)[current].Name, ahead(rel))
	}
	return grant(rel, i)
}

// grant adds the approval of the step, and keeps those that are there.
func grant(rel *v1alpha1.Release, i int) (Answer, error) {
	step, visit := reading.Steps(rel)[i], reading.VisitToApprove(rel, reading.Steps(rel)[i].Name)
	if isApproved(rel, i) {
		return unchanged(rel, "Step %s of %s is approved already: %s", step.Name, name(rel), afterApproval(rel, i))
	}
	next := *rel.Spec.Control.DeepCopy()
	next.Approvals = append(next.Approvals, v1alpha1.Approval{Step: step.Name, Visit: visit})
	return changed(next, "Approved step %s of %s: %s", step.Name, name(rel), afterApproval(rel, i))
}

func isApproved(rel *v1alpha1.Release, i int) bool {
	step := reading.Steps(rel)[i].Name
	return reading.Approved(rel, step, reading.VisitToApprove(rel, step))
}

// afterApproval says what follows once the step has its approval.
func afterApproval(rel *v1alpha1.Release, i int) string {
	if i != reading.Current(rel) {
		return "it will not stop there for a person"
	}
	next := "it goes on to " + stepAfter(rel, i)
	step := reading.Steps(rel)[i]
	switch test := reading.ReportedTest(rel, step); {
	case test != nil && !reading.AwaitsApproval(rel):
		next += fmt.Sprintf(" once its test has run for %s", reading.Span(test.For.Duration.Duration))
	case !reading.InEffect(rel):
		next += " once this step is in effect"
	case step.Hold != nil && step.Hold.For != nil:
		next += " once the step's time is over"
	}
	return next + butPaused(rel)
}

// ahead names the approvals that may be given ahead of time; empty if none is left.
func ahead(rel *v1alpha1.Release) string {
	first := max(reading.Current(rel), 0)
	for i, step := range reading.Steps(rel) {
		if i >= first && reading.NeedsApproval(rel, step) && !isApproved(rel, i) {
			return "; approve step " + step.Name + " ahead of time with: " + command(rel, "approve", "--step", step.Name)
		}
	}
	return ""
}

// Approvable lists the steps that an approval may be given for now, in order.
func Approvable(rel *v1alpha1.Release) []string {
	var names []string
	first := max(reading.Current(rel), 0)
	for i, step := range reading.Steps(rel) {
		if i >= first && reading.NeedsApproval(rel, step) && !reading.Promoting(rel) {
			names = append(names, step.Name)
		}
	}
	return slices.Clip(names)
}

// StepNames lists the steps of a Release, in order.
func StepNames(rel *v1alpha1.Release) []string {
	names := make([]string, 0, len(reading.Steps(rel)))
	for _, step := range reading.Steps(rel) {
		names = append(names, step.Name)
	}
	return names
}

func stepNames(rel *v1alpha1.Release) string { return strings.Join(StepNames(rel), ", ") }
