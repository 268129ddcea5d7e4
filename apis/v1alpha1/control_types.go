package v1alpha1

// Control is what people ask of a Release.
//
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.desiredOutcome) || oldSelf.desiredOutcome != 'Abort' || (has(self.desiredOutcome) && self.desiredOutcome == 'Abort')",message="spec.control.desiredOutcome: Abort is final; apply another version to begin a new Release, or the stable one before this one again"
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

// ObservedGoTo is what became of the last request to go to a step.
type ObservedGoTo struct {
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
