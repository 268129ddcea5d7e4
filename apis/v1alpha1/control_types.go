package v1alpha1

// Control is what people ask of a Release.
//
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.desiredOutcome) || oldSelf.desiredOutcome != 'Abort' || (has(self.desiredOutcome) && self.desiredOutcome == 'Abort')",message="spec.control.desiredOutcome: Abort is final; apply another version to begin a new Release, or the stable one before this one again"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.emergency) || has(self.emergency) && self.emergency == oldSelf.emergency",message="spec.control.emergency: stays in the record as it is; abort the Release to take the version back"
type Control struct {
	// Paused stops the Release where it is: nothing moves on, but it still goes back when it must.
	// Empty means false.
	// +optional
	Paused bool `json:"paused,omitempty"`
	// DesiredOutcome is Promote to leave out the remaining steps and holds, or Abort to go back.
	// Abort is final and wins over everything. Empty means that the steps decide.
	// +optional
	// +kubebuilder:validation:Enum=Promote;Abort
	DesiredOutcome Outcome `json:"desiredOutcome,omitempty"`
	// Emergency gives this version everything without waiting for holds, evidence or freezes. Its pods must be ready all the
	// same, and an abort still takes it back. Empty means that the version takes the steps.
	// +optional
	Emergency *Emergency `json:"emergency,omitempty"`
	// Approvals names the steps whose hold is approved.
	// +optional
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=step
	// +listMapKey=visit
	Approvals []Approval `json:"approvals,omitempty"`
	// GoTo sends the Release to one of its steps: back, or forward over steps that are skippable. Each
	// change of its id is one request. Empty means none.
	// +optional
	GoTo *GoTo `json:"goTo,omitempty"`
	// Refresh takes the Rollout's steps, as they are then, for all that come after the step that the Release is at. Each
	// change of its value is one request. Empty means none.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Refresh string `json:"refresh,omitempty"`
}

// Emergency says why one version takes no steps.
type Emergency struct {
	// Reason is kept in the record, such as the number of an incident.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	Reason string `json:"reason"`
}

// GoTo is one request to go to a step.
type GoTo struct {
	// Step is the name of the step to go to. What held it before holds it again.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Step string `json:"step"`
	// ID tells one request from another: a request is followed once.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ID string `json:"id"`
}

// ObservedRequest is what became of the last request of its kind.
type ObservedRequest struct {
	// ID of the request.
	ID string `json:"id"`
	// Refusal says why it was not followed, and the mend. Empty means that it was.
	// +optional
	Refusal string `json:"refusal,omitempty"`
}

// Approval lets one visit of one step pass.
type Approval struct {
	// Step is the name of the step.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Step string `json:"step"`
	// Visit counts how often the step was entered, from 1. Empty means 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	Visit int32 `json:"visit"`
}
