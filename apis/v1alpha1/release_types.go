package v1alpha1

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Release is one attempt to give a new version of a workload the traffic of the one before it. It is
// opened by Crossfade, follows a snapshot of its Rollout, and takes requests in spec.control.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=crossfade,shortName=cfrel
// +kubebuilder:printcolumn:name="Rollout",type=string,JSONPath=`.spec.rollout.name`
// +kubebuilder:printcolumn:name="Step",type=string,JSONPath=`.status.stepName`
// +kubebuilder:printcolumn:name="Weight",type=string,JSONPath=`.status.weight`
// +kubebuilder:printcolumn:name="Canary",type=string,JSONPath=`.status.canary.pods`
// +kubebuilder:printcolumn:name="Rule",type=string,JSONPath=`.status.rule`
// +kubebuilder:printcolumn:name="Outcome",type=string,JSONPath=`.status.outcome`
// +kubebuilder:printcolumn:name="Why",type=string,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Release struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the snapshot that the Release follows, and what people ask of it.
	// +required
	Spec ReleaseSpec `json:"spec"`
	// Status is what was decided and what is in effect. Written by Crossfade only, as a whole.
	// +optional
	// +structType=atomic
	Status ReleaseStatus `json:"status,omitempty"`
}

// ReleaseList is a list of Releases.
//
// +kubebuilder:object:root=true
type ReleaseList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Release `json:"items"`
}

// ReleaseSpec is immutable but for control.
//
// +kubebuilder:validation:XValidation:rule="self.rollout == oldSelf.rollout && self.number == oldSelf.number && self.policy == oldSelf.policy && has(self.routeKinds) == has(oldSelf.routeKinds) && (!has(self.routeKinds) || self.routeKinds == oldSelf.routeKinds) && has(self.analysisTemplates) == has(oldSelf.analysisTemplates) && (!has(self.analysisTemplates) || self.analysisTemplates == oldSelf.analysisTemplates) && has(self.undo) == has(oldSelf.undo) && (!has(self.undo) || self.undo == oldSelf.undo)",message="spec: only spec.control may change; edit the Rollout for the next Release"
type ReleaseSpec struct {
	// Rollout is the Rollout that this Release belongs to.
	// +required
	Rollout RolloutIdentity `json:"rollout"`
	// Number counts the Rollout's Releases, from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	Number int64 `json:"number"`
	// Policy is the Rollout's spec as it was when the Release began.
	// +required
	// +structType=atomic
	Policy RolloutSpec `json:"policy"`
	// RouteKinds are the specs, as JSON, of the RouteKinds of its routes as they were when the Release began: it needs
	// them until it has led the routes back, whatever becomes of the RouteKinds. Empty means none.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=32768
	// +listType=atomic
	RouteKinds []string `json:"routeKinds,omitempty"`
	// AnalysisTemplates are the specs, as JSON, of the templates of policy.analysis as they were when the Release began, in that
	// order. Empty means none.
	// +optional
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=65536
	// +listType=atomic
	AnalysisTemplates []string `json:"analysisTemplates,omitempty"`
	// Undo says that this version was replaced not longer ago than the Rollout's rollback.window: it comes back without
	// waiting for holds, evidence or freezes. Empty means a version that takes the steps.
	// +optional
	Undo *Undo `json:"undo,omitempty"`
	// Control is what people ask of this Release.
	// +optional
	// +kubebuilder:default={}
	Control Control `json:"control,omitempty"`
}

// Undo is a version that comes back.
type Undo struct {
	// Release is the one that replaced it.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Release string `json:"release"`
	// Revision is the version, by the UID of its ReplicaSet.
	// +required
	Revision types.UID `json:"revision"`
}

// RolloutIdentity names one Rollout for good: another one of the same name has another UID.
type RolloutIdentity struct {
	// Name of the Rollout, in the Release's namespace.
	// +required
	// +kubebuilder:validation:MaxLength=52
	Name string `json:"name"`
	// UID of the Rollout.
	// +required
	UID types.UID `json:"uid"`
}

// Outcome is how a Release ends, or is asked to end.
type Outcome string

// Outcomes that may be asked for, and outcomes that a Release can have.
const (
	OutcomePromote Outcome = "Promote"
	OutcomeAbort   Outcome = "Abort"

	OutcomePromoted   Outcome = "Promoted"
	OutcomeAborted    Outcome = "Aborted"
	OutcomeFailed     Outcome = "Failed"
	OutcomeSuperseded Outcome = "Superseded"
	OutcomeReverted   Outcome = "Reverted"
	OutcomeDeleted    Outcome = "Deleted"
	OutcomeSuspended  Outcome = "Suspended"
)

// ReleaseStatus is what was decided last, why, and what is in effect.
type ReleaseStatus struct {
	// ObservedGeneration is the generation of the spec that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Rule is the planner's rule that fired last.
	// +optional
	Rule string `json:"rule,omitempty"`
	// Message says in one sentence what the Release does or waits for.
	// +optional
	Message string `json:"message,omitempty"`
	// Outcome is how the Release ended. Empty means that it is in flight.
	// +optional
	Outcome Outcome `json:"outcome,omitempty"`
	// StartedAt is when the Release began to act.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// EndedAt is when the Release ended. Empty means that it is in flight.
	// +optional
	EndedAt *metav1.Time `json:"endedAt,omitempty"`

	// Progress is what earlier decisions left behind and cannot be observed again.
	// +optional
	Progress Progress `json:"progress,omitempty"`

	// StepName is the step that the Release is at. Empty before the first and after the last.
	// +optional
	StepName string `json:"stepName,omitempty"`
	// Weight is the share of requests of the canary as it is in effect, such as "25%".
	// +optional
	Weight string `json:"weight,omitempty"`
	// Barrier is what the Release waits for now. Empty means nothing but the step's hold, or that it
	// has ended.
	// +optional
	Barrier *Barrier `json:"barrier,omitempty"`
	// Stable is the revision that had the traffic when the Release began.
	// +optional
	Stable *RevisionStatus `json:"stable,omitempty"`
	// Canary is the revision that is to take over.
	// +optional
	Canary *RevisionStatus `json:"canary,omitempty"`
	// Routes are the routes, as asked and as in effect.
	// +optional
	// +listType=atomic
	Routes []RouteStatus `json:"routes,omitempty"`
	// Steps are the steps taken so far.
	// +optional
	// +listType=atomic
	Steps []StepStatus `json:"steps,omitempty"`
	// Analysis is the evidence on the canary. Empty means that nothing is judged, or not yet.
	// +optional
	Analysis *AnalysisStatus `json:"analysis,omitempty"`
	// Decisions are the latest decisions that changed something, oldest first, at most 40.
	// +optional
	// +listType=atomic
	Decisions []DecisionStatus `json:"decisions,omitempty"`
	// Conditions are Ready, Reconciling, Stalled, TrafficInEffect, AnalysisPassed and Held.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

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

// Barrier is one thing that must hold before the Release goes on.
type Barrier struct {
	// Name says what is waited for, such as "canary ready" or "route settled".
	Name string `json:"name"`
	// Message says how far it is.
	// +optional
	Message string `json:"message,omitempty"`
	// Until is when it passes by itself. Empty means when it is observed.
	// +optional
	Until *metav1.MicroTime `json:"until,omitempty"`
}

// RevisionStatus is one revision and its pods as observed.
type RevisionStatus struct {
	// Revision is the pod-template hash. Empty while the workload's controller has made none.
	// +optional
	Revision string `json:"revision,omitempty"`
	// Images of the containers, in order.
	// +optional
	// +listType=atomic
	Images []string `json:"images,omitempty"`
	// Replicas is how many pods are asked for.
	Replicas int32 `json:"replicas"`
	// Ready is how many pods are ready for the workload's own minReadySeconds.
	Ready int32 `json:"ready"`
	// Pods is ready/replicas.
	// +optional
	Pods string `json:"pods,omitempty"`
	// Failing names pods that cannot become ready, and why.
	// +optional
	// +listType=atomic
	Failing []string `json:"failing,omitempty"`
}

// RouteStatus is one route's split, as asked and as in effect.
type RouteStatus struct {
	// Kind of the route.
	Kind string `json:"kind"`
	// Namespace of the route. Empty means the Release's.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Name of the route.
	Name string `json:"name"`
	// Asked is the canary's share that was asked for, such as "25%".
	Asked string `json:"asked"`
	// InEffect is the canary's share that the route is seen to have.
	InEffect string `json:"inEffect"`
	// Evidence is how well that is known: Written, Accepted, Acked or Probed.
	Evidence string `json:"evidence"`
	// Message says what is missing. Empty means nothing.
	// +optional
	Message string `json:"message,omitempty"`
}

// StepStatus is one visit of one step.
type StepStatus struct {
	// Name of the step.
	Name string `json:"name"`
	// Visit counts how often the step was entered, from 1.
	Visit int32 `json:"visit"`
	// EnteredAt is when the step was begun.
	EnteredAt metav1.MicroTime `json:"enteredAt"`
	// StartedAt is when its split was in effect and settled; its hold counts from here.
	// +optional
	StartedAt *metav1.MicroTime `json:"startedAt,omitempty"`
	// EndedAt is when it was left.
	// +optional
	EndedAt *metav1.MicroTime `json:"endedAt,omitempty"`
}

// DecisionStatus is one decision that changed something.
type DecisionStatus struct {
	// At is when it was made.
	At metav1.MicroTime `json:"at"`
	// Rule that fired.
	Rule string `json:"rule"`
	// Message says why.
	Message string `json:"message"`
	// Did lists what was asked of the cluster, in order.
	// +optional
	// +listType=atomic
	Did []string `json:"did,omitempty"`
}
