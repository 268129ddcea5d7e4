package reading

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Steps returns the steps that the Release follows.
func Steps(rel *v1alpha1.Release) []v1alpha1.Step {
	if refreshed := rel.Status.Progress.Steps; len(refreshed) > 0 {
		return refreshed
	}
	return rel.Spec.Policy.Strategy.Steps
}

// Current returns the index of the step that the Release is at, or -1 before the first and after the
// last.
func Current(rel *v1alpha1.Release) int {
	if rel.Status.Progress.Stage != v1alpha1.StageStepping {
		return -1
	}
	return StepIndex(rel, rel.Status.StepName)
}

// StepIndex returns the index of the step of that name, or -1.
func StepIndex(rel *v1alpha1.Release, name string) int {
	for i, s := range Steps(rel) {
		if s.Name == name {
			return i
		}
	}
	return -1
}

// LastVisit returns the latest visit of a step, or nil if it was never entered.
func LastVisit(rel *v1alpha1.Release, step string) *v1alpha1.StepStatus {
	var last *v1alpha1.StepStatus
	for i := range rel.Status.Steps {
		visit := &rel.Status.Steps[i]
		if visit.Name == step && (last == nil || visit.Visit > last.Visit) {
			last = visit
		}
	}
	return last
}

// VisitToApprove returns the visit that an approval given now is for: the one under way, or else the
// next one.
func VisitToApprove(rel *v1alpha1.Release, step string) int32 {
	if i := Current(rel); i >= 0 && Steps(rel)[i].Name == step {
		return max(rel.Status.Progress.Visit, 1)
	}
	if last := LastVisit(rel, step); last != nil {
		return last.Visit + 1
	}
	return 1
}

// FollowedGoTo says whether the controller has taken notice of the last request to go to a step.
func FollowedGoTo(rel *v1alpha1.Release) bool {
	asked, observed := rel.Spec.Control.GoTo, rel.Status.Progress.GoTo
	return asked != nil && observed != nil && asked.ID == observed.ID
}

// RefusedGoTo says why the last request to go to a step was not followed; empty if it was, or none is.
func RefusedGoTo(rel *v1alpha1.Release) string {
	if !FollowedGoTo(rel) || rel.Status.Progress.GoTo.Refusal == "" {
		return ""
	}
	return rel.Spec.Control.GoTo.Step + ": " + rel.Status.Progress.GoTo.Refusal
}

// RefusedRefresh says why the last request to take the Rollout's steps was not followed; empty if it was, or none is.
func RefusedRefresh(rel *v1alpha1.Release) string {
	if seen := rel.Status.Progress.Refresh; seen != nil && seen.ID == rel.Spec.Control.Refresh {
		return seen.Refusal
	}
	return ""
}

// NeedsApproval says whether the step asks for a person: by its hold, or to read the report of its A/B test.
func NeedsApproval(rel *v1alpha1.Release, s v1alpha1.Step) bool {
	return s.Hold != nil && s.Hold.Approval != nil && *s.Hold.Approval == "Required" || ReportedTest(rel, s) != nil
}

// ReportedTest returns the A/B test of the step that waits for a person, or nil.
func ReportedTest(rel *v1alpha1.Release, s v1alpha1.Step) *v1alpha1.ABTest {
	test := rel.Spec.Policy.Strategy.ABTest
	if test == nil || test.Step != s.Name || test.Decision == v1alpha1.DecisionPromoteWinner {
		return nil
	}
	return test
}

// Approved says whether the visit of the step has its approval.
func Approved(rel *v1alpha1.Release, step string, visit int32) bool {
	for _, a := range rel.Spec.Control.Approvals {
		if a.Step == step && max(a.Visit, 1) == visit {
			return true
		}
	}
	return false
}

// AwaitsApproval says whether the Release stands at a step that is in effect and lacks its approval; while an A/B test runs there, it isn't
// waited for yet.
func AwaitsApproval(rel *v1alpha1.Release) bool {
	i := Current(rel)
	if i < 0 || Ended(rel) || GoingBack(rel) || AskedTo(rel, v1alpha1.OutcomePromote) {
		return false
	}
	step := Steps(rel)[i]
	if !NeedsApproval(rel, step) || !InEffect(rel) || Approved(rel, step.Name, VisitToApprove(rel, step.Name)) {
		return false
	}
	return ReportedTest(rel, step) == nil || heldFor(rel, v1alpha1.ReasonHoldingApproval)
}

// AwaitsEvidence says whether the Release stands at a step until the evidence passes.
func AwaitsEvidence(rel *v1alpha1.Release) bool {
	return Current(rel) >= 0 && heldFor(rel, v1alpha1.ReasonHoldingEvidence)
}

// Frozen says whether a freeze keeps the Release where it is.
func Frozen(rel *v1alpha1.Release) bool {
	return heldFor(rel, v1alpha1.ReasonFrozen) && rel.Spec.Control.Emergency == nil
}

func heldFor(rel *v1alpha1.Release, reason string) bool {
	held := meta.FindStatusCondition(rel.Status.Conditions, v1alpha1.ConditionHeld)
	return held != nil && held.Status == metav1.ConditionTrue && held.Reason == reason
}

// InEffect says whether the split of the current step is in effect and settled, so that its hold
// counts.
func InEffect(rel *v1alpha1.Release) bool {
	i := Current(rel)
	if i < 0 {
		return false
	}
	visit := LastVisit(rel, Steps(rel)[i].Name)
	return visit != nil && visit.StartedAt != nil && visit.EndedAt == nil
}

// Clock is the fixed time of a step's hold.
type Clock struct {
	// For is the whole time; 0 means that the hold has no clock.
	For time.Duration
	// Left is what remains of it, never below 0; all of it while it has not begun to count.
	Left time.Duration
}

// HoldClock returns the clock of the visit of a step. A pause does not stop it: it only keeps the
// Release from moving on afterwards.
func HoldClock(rel *v1alpha1.Release, step v1alpha1.Step, visit *v1alpha1.StepStatus, now time.Time) Clock {
	if step.Hold == nil || step.Hold.For == nil {
		return Clock{}
	}
	whole := step.Hold.For.Duration.Duration
	if visit == nil || visit.StartedAt == nil {
		return Clock{For: whole, Left: whole}
	}
	return Clock{For: whole, Left: min(max(visit.StartedAt.Add(whole).Sub(now), 0), whole)}
}
