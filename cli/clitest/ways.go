package clitest

import (
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// KeepingOld serves everything with the new version and keeps the old pods for a while.
func KeepingOld() v1alpha1.Release {
	rel := Promoting()
	rel.Spec.Control.DesiredOutcome = ""
	rel.Status.Progress.Stage, rel.Status.Progress.StageSince = v1alpha1.StageKeeping, Ago(10*time.Second)
	Decided(&rel, 10*time.Second, "Holding", "the old pods are kept for a way back")
	WaitsFor(&rel, "keep", "the old pods are kept for a way back", 59*time.Minute+50*time.Second)
	return rel
}

// Observing has gone back, and keeps the canary's pods without requests.
func Observing() v1alpha1.Release {
	rel := Collapsed()
	rel.Status.Progress.Stage, rel.Status.Progress.StageSince = v1alpha1.StageObserving, Ago(5*time.Second)
	Decided(&rel, 5*time.Second, "Collapsed", "the canary's pods are kept for a look")
	WaitsFor(&rel, "look", "the canary's pods are kept for a look", 9*time.Minute+55*time.Second)
	return rel
}

// AwaitingEvidence stands at step first until the evidence passes.
func AwaitingEvidence() v1alpha1.Release {
	rel := Holding()
	message := "step first waits for evidence (Inconclusive): 120 requests, 400 needed"
	AtStep(&rel, 1, 14*time.Minute, 12*time.Minute)
	Decided(&rel, 2*time.Minute, "Holding", message)
	WaitsFor(&rel, "evidence", message, 0)
	Set(&rel.Status.Conditions, v1alpha1.ConditionHeld, true, v1alpha1.ReasonHoldingEvidence, message)
	return rel
}

// Frozen stands at step first, whose time is over, until a freeze ends.
func Frozen() v1alpha1.Release {
	rel := Holding()
	message := "freeze weekend lasts until 2026-01-05T08:00:00Z"
	AtStep(&rel, 1, 14*time.Minute, 12*time.Minute)
	Decided(&rel, 2*time.Minute, "Holding", message)
	WaitsFor(&rel, "freeze", message, 61*time.Hour)
	Set(&rel.Status.Conditions, v1alpha1.ConditionHeld, true, v1alpha1.ReasonFrozen, message)
	return rel
}

// Shipped is given everything in an emergency.
func Shipped() v1alpha1.Release {
	rel := Promoting()
	rel.Spec.Control = v1alpha1.Control{Emergency: &v1alpha1.Emergency{Reason: "INC-42, the checkout takes no cards"}}
	return rel
}

// GoToRefused was asked to go where it cannot.
func GoToRefused() v1alpha1.Release {
	rel := Holding()
	rel.Spec.Control.GoTo = &v1alpha1.GoTo{Step: "half", ID: "half-2"}
	rel.Status.Progress.GoTo = &v1alpha1.ObservedRequest{
		ID: "half-2", Refusal: "step first may not be skipped; say skippable: true in the Rollout, for the next Release",
	}
	return rel
}
