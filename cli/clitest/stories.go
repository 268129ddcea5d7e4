package clitest

import (
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Stories returns moments of shop/checkout by name.
func Stories() map[string]Story {
	return map[string]Story{
		"idle-armed":         {Rollout: Rollout()},
		"starting":           inFlight(Starting()),
		"shifting":           inFlight(Shifting()),
		"stepping-clock":     inFlight(Holding()),
		"waiting-approval":   inFlight(AwaitingApproval()),
		"test-reported":      inFlight(Reported()),
		"approval-and-clock": inFlight(ApprovalAndClock()),
		"paused":             inFlight(PausedAtFirst()),
		"workload-paused":    inFlight(WorkloadPaused()),
		"pods-failing":       inFlight(PodsFailing()),
		"collapsed":          inFlight(Collapsed()),
		"promoting":          inFlight(Promoting()),
		"keeping-old":        inFlight(KeepingOld()),
		"observing":          inFlight(Observing()),
		"awaiting-evidence":  inFlight(AwaitingEvidence()),
		"frozen":             inFlight(Frozen()),
		"shipped":            inFlight(Shipped()),
		"goto-refused":       inFlight(GoToRefused()),
		"past-no-return":     inFlight(PastNoReturn()),
		"abort-too-late":     inFlight(AbortedTooLate()),
		"stalled":            stalled(),
		"promoted":           {Rollout: Rollout(), Releases: []v1alpha1.Release{Promoted()}},
		"aborted-resting":    aborted(),
		"not-armed":          notArmed(),
		"not-seen":           notSeen(),
	}
}

func inFlight(rel v1alpha1.Release) Story {
	r := Rollout()
	r.Status.Release, r.Status.LastRelease = rel.Name, rel.Spec.Number
	message := "Release " + rel.Name + " is in flight"
	if b := rel.Status.Barrier; b != nil && (b.Name == "approval" || b.Name == "hold") {
		message += ": " + b.Message
		Set(&r.Status.Conditions, v1alpha1.ConditionHeld, true, v1alpha1.ReasonHoldingTime, message)
	}
	Set(&r.Status.Conditions, v1alpha1.ConditionReady, true, v1alpha1.ReasonReleaseInFlight, message)
	return Story{Rollout: r, Releases: []v1alpha1.Release{rel, Promoted()}}
}

// Starting has only just been opened.
func Starting() v1alpha1.Release {
	rel := Release(4, 2*time.Second)
	rel.Status = v1alpha1.ReleaseStatus{}
	return rel
}

// Shifting has its pods, and waits for one route to follow.
func Shifting() v1alpha1.Release {
	rel := Release(4, 4*time.Minute)
	AtStep(&rel, 1, 31*time.Second, -1)
	rel.Status.Progress.Shifted = true
	rel.Status.Routes[0].InEffect, rel.Status.Routes[0].Evidence = "5%", "Accepted"
	rel.Status.Routes[1].Evidence = "Written"
	rel.Status.Routes[1].Message = "parent Gateway public has not accepted generation 7 yet"
	Decided(&rel, 90*time.Second, "Advancing", "step insiders is over")
	Decided(&rel, 31*time.Second, "Provisioning", "step first needs 1 canary pod")
	Decided(&rel, 12*time.Second, "Shifting", "routes are to send 5% to the canary")
	WaitsFor(&rel, "route", "HTTPRoute checkout-partners is not in effect yet: parent Gateway public has not accepted generation 7 yet", 0)
	return rel
}

// Holding waits for the clock of step first.
func Holding() v1alpha1.Release {
	rel := Release(4, 12*time.Minute)
	AtStep(&rel, 1, 4*time.Minute, 3*time.Minute+50*time.Second)
	Decided(&rel, 4*time.Minute, "Shifting", "routes are to send 5% to the canary")
	Decided(&rel, 3*time.Minute+55*time.Second, "Confirming", "route settles")
	Decided(&rel, 3*time.Minute+50*time.Second, "Holding", "step first holds for 10m0s")
	WaitsFor(&rel, "hold", "step first holds for 10m0s", 6*time.Minute+10*time.Second)
	return rel
}

// AwaitingApproval waits for a person at step insiders.
func AwaitingApproval() v1alpha1.Release {
	rel := Release(4, 12*time.Minute)
	AtStep(&rel, 0, 11*time.Minute+40*time.Second, 11*time.Minute+20*time.Second)
	Routes(&rel, "0% and matches", "0%", "Accepted")
	Decided(&rel, 12*time.Minute, "Provisioning", "Services are pinned to the stable revision")
	Decided(&rel, 11*time.Minute+40*time.Second, "Shifting", "routes are to send what matches to the canary")
	Decided(&rel, 11*time.Minute+20*time.Second, "Holding", "step insiders waits for approval")
	WaitsFor(&rel, "approval", "step insiders waits for approval", 0)
	return rel
}

// ApprovalAndClock waits for both at step half.
func ApprovalAndClock() v1alpha1.Release {
	rel := Release(4, 40*time.Minute)
	AtStep(&rel, 2, 8*time.Minute, 7*time.Minute+30*time.Second)
	Decided(&rel, 7*time.Minute+30*time.Second, "Holding", "step half waits for approval")
	WaitsFor(&rel, "approval", "step half waits for approval", 0)
	return rel
}

// PausedAtFirst is paused by a person, through the Release.
func PausedAtFirst() v1alpha1.Release {
	rel := Holding()
	rel.Spec.Control.Paused = true
	rel.Status.Barrier = nil
	rel.Status.Progress.PausedSince = Ago(72 * time.Second)
	Decided(&rel, 72*time.Second, "UserPaused", "paused by spec.control.paused; kubectl crossfade resume lets it go on")
	Set(&rel.Status.Conditions, v1alpha1.ConditionHeld, true, v1alpha1.ReasonPaused, rel.Status.Message)
	return rel
}

// WorkloadPaused is held by a person's pause of the Deployment.
func WorkloadPaused() v1alpha1.Release {
	rel := PausedAtFirst()
	rel.Spec.Control.Paused = false
	rel.Status.Decisions = rel.Status.Decisions[:3]
	Decided(&rel, 72*time.Second, "UserPaused", "the workload was paused by a user; kubectl rollout resume lets it go on")
	return rel
}

// PodsFailing waits for pods that do not become ready.
func PodsFailing() v1alpha1.Release {
	rel := Release(4, 90*time.Second)
	AtStep(&rel, 2, 85*time.Second, -1)
	rel.Status.Weight = "5%"
	Routes(&rel, "5%", "5%", "Accepted")
	rel.Status.Canary.Replicas, rel.Status.Canary.Ready = 4, 1
	rel.Status.Canary.Failing = []string{
		"pod checkout-5f6b9d7c55-x2x7k: container app: ImagePullBackOff: Back-off pulling image \"registry.example.com/shop/checkout:1.9.0\": not found",
		"pod checkout-5f6b9d7c55-q9fwd: container app: CrashLoopBackOff: exit code 137 (OOMKilled)",
	}
	Decided(&rel, 85*time.Second, "Provisioning", "step half needs 4 canary pods")
	WaitsFor(&rel, "pods", "1 of 4 canary pods are ready", 0)
	return rel
}

// Collapsed goes back since its canary lost all endpoints.
func Collapsed() v1alpha1.Release {
	rel := Release(4, 20*time.Minute)
	AtStep(&rel, 2, 5*time.Minute, 4*time.Minute)
	rel.Status.Canary.Ready = 0
	rel.Status.Canary.Failing = []string{"pod checkout-5f6b9d7c55-q9fwd: container app: CrashLoopBackOff: exit code 1"}
	rel.Status.StepName, rel.Status.Weight = "", "0%"
	rel.Status.Progress.Stage, rel.Status.Progress.StageSince = v1alpha1.StageWithdrawnDraining, Ago(9*time.Second)
	rel.Status.Progress.Cause = v1alpha1.CauseCollapsed
	rel.Status.Progress.CauseMessage = "the canary had no ready endpoint for 5s while it carried traffic"
	Routes(&rel, "0%", "0%", "Accepted")
	Decided(&rel, 4*time.Minute, "Holding", "step half waits for approval")
	Decided(&rel, 14*time.Second, "Collapsed", "the canary had no ready endpoint for 5s while it carried traffic")
	WaitsFor(&rel, "drain", "requests under way end", 21*time.Second)
	return rel
}

// Promoting was asked to promote early, and drains the old pods.
func Promoting() v1alpha1.Release {
	rel := Release(4, 15*time.Minute)
	AtStep(&rel, 1, 4*time.Minute, 3*time.Minute)
	rel.Spec.Control.DesiredOutcome = v1alpha1.OutcomePromote
	rel.Status.Steps[1].EndedAt = Ago(time.Minute)
	rel.Status.StepName, rel.Status.Weight = "", "100%"
	rel.Status.Progress.Stage, rel.Status.Progress.StageSince = v1alpha1.StageDraining, Ago(18*time.Second)
	rel.Status.Canary.Ready, rel.Status.Canary.Replicas = 4, 4
	Routes(&rel, "100%", "100%", "Probed")
	Decided(&rel, time.Minute, "Promoting", "the canary grows to 4 pods")
	Decided(&rel, 18*time.Second, "Draining", "requests under way end")
	WaitsFor(&rel, "drain", "requests under way end", 12*time.Second)
	return rel
}

// PastNoReturn retires the old pods.
func PastNoReturn() v1alpha1.Release {
	rel := Promoting()
	rel.Spec.Control.DesiredOutcome = ""
	rel.Status.Steps = append(rel.Status.Steps, v1alpha1.StepStatus{
		Name: "half", Visit: 1, EnteredAt: *Ago(3 * time.Minute), StartedAt: Ago(2 * time.Minute), EndedAt: Ago(time.Minute),
	})
	rel.Status.Progress.Stage, rel.Status.Progress.Step = v1alpha1.StageRetiring, 2
	rel.Status.Stable.Ready, rel.Status.Stable.Replicas = 1, 0
	Decided(&rel, 2*time.Second, "Restoring", "the workload's own fields are back")
	WaitsFor(&rel, "pods", "3 old pods are going", 0)
	return rel
}

// AbortedTooLate was asked to abort past the point of no return.
func AbortedTooLate() v1alpha1.Release {
	rel := PastNoReturn()
	rel.Spec.Control.DesiredOutcome = v1alpha1.OutcomeAbort
	return rel
}

// Promoted has ended well.
func Promoted() v1alpha1.Release {
	rel := Release(3, 3*time.Hour+40*time.Minute)
	AtStep(&rel, 2, 3*time.Hour+10*time.Minute, 3*time.Hour+5*time.Minute)
	rel.Status.Steps[2].EndedAt = Ago(3*time.Hour + time.Minute)
	Decided(&rel, 3*time.Hour+time.Minute, "Promoting", "the canary grows to 4 pods")
	Decided(&rel, 3*time.Hour, "Ended", "promoted")
	End(&rel, 3*time.Hour, v1alpha1.OutcomePromoted, "promoted")
	return rel
}

// Aborted has ended because a person asked for it.
func Aborted() v1alpha1.Release {
	rel := Release(4, 26*time.Minute)
	AtStep(&rel, 1, 20*time.Minute, 19*time.Minute)
	rel.Spec.Control.DesiredOutcome = v1alpha1.OutcomeAbort
	rel.Status.Progress.Cause, rel.Status.Progress.CauseMessage = v1alpha1.CauseAborted, "an abort was asked for"
	Decided(&rel, 15*time.Minute, "Aborting", "an abort was asked for")
	Decided(&rel, 14*time.Minute, "Ended", "went back: an abort was asked for")
	End(&rel, 14*time.Minute, v1alpha1.OutcomeAborted, "went back: an abort was asked for")
	return rel
}

func aborted() Story {
	r := Rollout()
	Set(&r.Status.Conditions, v1alpha1.ConditionHeld, true, v1alpha1.ReasonRevisionRejected,
		"Release checkout-4 rejected the template that Deployment checkout names; apply another one, or the stable one")
	return Story{Rollout: r, Releases: []v1alpha1.Release{Promoted(), Aborted()}}
}

func stalled() Story {
	rel := Holding()
	message := "routes were changed 6 times within 1m0s by argocd-controller; stop that, or name the new split in the Rollout"
	Set(&rel.Status.Conditions, v1alpha1.ConditionStalled, true, v1alpha1.ReasonTrafficContended, message)
	WaitsFor(&rel, "route", message, 41*time.Second)
	Routes(&rel, "5%", "0%", "Written")
	s := inFlight(rel)
	return s
}

func notArmed() Story {
	r := Rollout()
	message := "a new template would not be held: MutatingAdmissionPolicyBinding crossfade-gate was not found; reinstall the chart"
	Set(&r.Status.Conditions, v1alpha1.ConditionReady, false, v1alpha1.ReasonGateMissing, message)
	Set(&r.Status.Conditions, v1alpha1.ConditionArmed, false, v1alpha1.ReasonGateMissing, message)
	return Story{Rollout: r}
}

func notSeen() Story {
	r := Rollout()
	r.Status = v1alpha1.RolloutStatus{}
	return Story{Rollout: r}
}
