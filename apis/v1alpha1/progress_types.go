package v1alpha1

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Stage is a resting point on the way of a Release. Each stage names a whole desired state; a stage
// is left when that state is in effect and its barrier has passed.
type Stage string

// The stages on the way forward, in order. From StageRetiring on there is no way back.
const (
	// StageStepping: Services pinned to stable, canary pods, then weights and matches of one step, then
	// its hold.
	StageStepping Stage = "Stepping"
	// StageFilling: canary at the workload's full size.
	StageFilling Stage = "Filling"
	// StageFlipping: routes send everything to the canary.
	StageFlipping Stage = "Flipping"
	// StageUnpinning: Services select both revisions.
	StageUnpinning Stage = "Unpinning"
	// StageRepinning: Services pinned to the canary.
	StageRepinning Stage = "Repinning"
	// StageDraining: requests under way at the old pods end.
	StageDraining Stage = "Draining"
	// StageKeeping: the old pods are kept for a way back at once.
	StageKeeping Stage = "Keeping"
	// StageRetiring: the workload's own fields are back, the old pods go.
	StageRetiring Stage = "Retiring"
	// StageReturning: Services select by the user's labels alone, which is the same pods now, and routes
	// share between them and the canary Services.
	StageReturning Stage = "Returning"
	// StageRestoring: routes are the user's again.
	StageRestoring Stage = "Restoring"
	// StageCleaning: the workload stands as it is to rest.
	StageCleaning Stage = "Cleaning"
	// StageEnded: what Crossfade made is removed.
	StageEnded Stage = "Ended"
)

// The stages on the way back, in order; StageCleaning and StageEnded end both ways.
const (
	// StageWidening: Services that were pinned to the canary select both revisions.
	StageWidening Stage = "Widening"
	// StageDescending: routes go back down the weights of the steps.
	StageDescending Stage = "Descending"
	// StageWithdrawing: Services pinned to stable, routes send everything there.
	StageWithdrawing Stage = "Withdrawing"
	// StageWithdrawnDraining: requests under way at the canary pods end.
	StageWithdrawnDraining Stage = "WithdrawnDraining"
	// StageObserving: the canary's pods are kept, without requests, for a look.
	StageObserving Stage = "Observing"
	// StageRetreating: the canary's pods go.
	StageRetreating Stage = "Retreating"
	// StageReopening: Services and routes are the user's again.
	StageReopening Stage = "Reopening"
)

// Progress is what earlier decisions persisted and cannot be observed again.
type Progress struct {
	// Stage is where the Release stands. Empty means that it has not begun.
	// +optional
	Stage Stage `json:"stage,omitempty"`
	// StageSince is when the stage was entered; the progress deadline counts from here.
	// +optional
	StageSince *metav1.MicroTime `json:"stageSince,omitempty"`
	// EffectSince is when the stage's desired state was first seen in effect; settle times, drains
	// and holds count from here. Empty means not yet.
	// +optional
	EffectSince *metav1.MicroTime `json:"effectSince,omitempty"`
	// Step is the index of the step that the Release is at, from 0.
	// +optional
	Step int32 `json:"step,omitempty"`
	// Visit counts how often this step was entered, from 1.
	// +optional
	Visit int32 `json:"visit,omitempty"`
	// From is the index of the step that the Release came to this one from, plus 1. 0 means the one before, -1
	// none.
	// +optional
	From int32 `json:"from,omitempty"`
	// GoTo is what became of the last request to go to a step.
	// +optional
	GoTo *ObservedRequest `json:"goTo,omitempty"`
	// Refresh is what became of the last request to take the Rollout's steps.
	// +optional
	Refresh *ObservedRequest `json:"refresh,omitempty"`
	// Steps are those that the Release follows since then. Empty means those of its policy.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Steps []Step `json:"steps,omitempty"`
	// Shifted says that the step's pods were there once and its weights were asked for.
	// +optional
	Shifted bool `json:"shifted,omitempty"`
	// Cause says why the Release goes back. Empty means that it goes forward.
	// +optional
	Cause string `json:"cause,omitempty"`
	// CauseMessage says the same for people, with the numbers.
	// +optional
	CauseMessage string `json:"causeMessage,omitempty"`
	// BareSince is since when a canary that carries traffic has had no ready endpoint.
	// +optional
	BareSince *metav1.MicroTime `json:"bareSince,omitempty"`
	// Shipped is a fingerprint of the held template that an emergency was asked for: another one is none.
	// +optional
	Shipped string `json:"shipped,omitempty"`
	// PausedSince is since when the Release has been paused by a user, or kept from beginning by a freeze.
	// +optional
	PausedSince *metav1.MicroTime `json:"pausedSince,omitempty"`
	// RouteWritten says that the routes were written for this stage: what differs then was changed by
	// somebody else.
	// +optional
	RouteWritten bool `json:"routeWritten,omitempty"`
	// Repairs counts foreign changes of routes that were put right since RepairsSince.
	// +optional
	Repairs int32 `json:"repairs,omitempty"`
	// RepairsSince is when the counting of repairs began; it begins anew each minute.
	// +optional
	RepairsSince *metav1.MicroTime `json:"repairsSince,omitempty"`
	// Stable identifies the revision that had the traffic, by the UID of its ReplicaSet.
	// +optional
	Stable types.UID `json:"stable,omitempty"`
	// Canary identifies the new revision, by the UID of its ReplicaSet.
	// +optional
	Canary types.UID `json:"canary,omitempty"`
	// AppliedBy is the field manager that wrote the new template, such as helm. Empty means that it is not known.
	// +optional
	AppliedBy string `json:"appliedBy,omitempty"`
	// Original holds the workload's fields as they were.
	// +optional
	Original *Original `json:"original,omitempty"`
}

// Original holds the fields of a Deployment that a release borrows, as the user wrote them. A nil
// field was not set, and will not be set afterwards.
type Original struct {
	// MinReadySeconds in seconds.
	// +optional
	MinReadySeconds *int32 `json:"minReadySeconds,omitempty"`
	// ProgressDeadlineSeconds in seconds.
	// +optional
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`
	// Strategy of the Deployment.
	// +optional
	Strategy *appsv1.DeploymentStrategy `json:"strategy,omitempty"`
}
