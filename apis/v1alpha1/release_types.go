package v1alpha1

import (
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
	// PassedAt is when the analysis passed, the first time.
	// +optional
	PassedAt *metav1.MicroTime `json:"passedAt,omitempty"`
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
