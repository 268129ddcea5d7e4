package v1alpha1

import (
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Strategy is the way from the stable version to the new one.
//
// +kubebuilder:validation:XValidation:rule="!has(self.abTest)",message="spec.strategy.abTest: not yet supported; remove it"
// +kubebuilder:validation:XValidation:rule="!has(self.stableScale) || self.stableScale == 'Keep'",message="spec.strategy.stableScale: Shrink is not yet supported; use Keep"
type Strategy struct {
	// Steps are taken in order; after the last one the new version gets everything and the old pods
	// go. Each step states the whole split: what it does not name, it takes back.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	// +listType=map
	// +listMapKey=name
	Steps []Step `json:"steps"`
	// StableScale says what happens to the stable pods as the canary grows: Keep leaves them all.
	// Empty means Keep.
	// +optional
	// +kubebuilder:validation:Enum=Keep;Shrink
	StableScale *string `json:"stableScale,omitempty"`
	// KeepOldFor is how long the old pods are kept once the new version has all the traffic: until it is
	// over an abort gives them everything back at once. Empty means that they go when they have drained.
	// +optional
	KeepOldFor *Duration `json:"keepOldFor,omitempty"`
	// ABTest is not yet supported.
	// +optional
	ABTest *ABTest `json:"abTest,omitempty"`
}

// ABTest is not yet supported.
type ABTest struct{}

// Step is one resting point on the way: how many pods the canary has and which requests it gets.
//
// +kubebuilder:validation:XValidation:rule="has(self.weight) || has(self.replicas)",message="replicas: a step without weight must say how many canary pods it needs; add replicas (a count or a percentage)"
type Step struct {
	// Name identifies the step in status, approvals and metrics.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower-case letters, digits and '-', beginning and ending with a letter or digit"
	Name string `json:"name"`
	// Weight is the share of requests that the canary gets beside those that match: whole percent as
	// a number, 0–100, or finer as a string such as "0.5%", down to "0.0001%". Empty means 0.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=10
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 100 : self.matches('^(100([.]0{1,4})?|[0-9]{1,2}([.][0-9]{1,4})?)%$')",message="weight: must be 0 to 100, or a percentage with at most four decimals such as \"0.5%\""
	Weight *intstr.IntOrString `json:"weight,omitempty"`
	// Replicas is how many canary pods the step has at least: a count, or a percentage of the
	// workload's replicas, 0 < replicas. Empty means what the weight needs, and never less than one.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=4
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 1 && self <= 100000 : self.matches('^(100|[1-9][0-9]?)%$')",message="replicas: must be a count of at least 1, or a percentage from \"1%\" to \"100%\""
	Replicas *intstr.IntOrString `json:"replicas,omitempty"`
	// Match sends every request that fits one of the entries to the canary, beside the weight.
	// Empty means none.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	Match []Match `json:"match,omitempty"`
	// Hold says how long the step lasts once it is in effect. Empty means that the next step begins
	// as soon as this one is in effect and settled.
	// +optional
	Hold *Hold `json:"hold,omitempty"`
	// Skippable lets people go over the step with spec.control.goTo of a Release. Empty means false.
	// +optional
	Skippable bool `json:"skippable,omitempty"`
}

// Match describes requests; all that it names must hold.
//
// +kubebuilder:validation:XValidation:rule="has(self.headers) || has(self.cookies) || has(self.queryParams) || has(self.method)",message="match: an entry must name headers, cookies, queryParams or method"
// +kubebuilder:validation:XValidation:rule="!has(self.cookies) || !has(self.headers) || !self.headers.exists(h, h.name.lowerAscii() == 'cookie')",message="match: an entry cannot name cookies and the header Cookie; use one of them"
type Match struct {
	// Headers must all be present with these values. Names are case-insensitive.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Headers []ValueMatch `json:"headers,omitempty"`
	// Cookies must all be present with these values; one cookie for each entry.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1
	// +listType=map
	// +listMapKey=name
	Cookies []ValueMatch `json:"cookies,omitempty"`
	// QueryParams must all be present with these values.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	QueryParams []ValueMatch `json:"queryParams,omitempty"`
	// Method is the HTTP method. Empty means any.
	// +optional
	// +kubebuilder:validation:Enum=GET;HEAD;POST;PUT;DELETE;CONNECT;OPTIONS;TRACE;PATCH
	Method *string `json:"method,omitempty"`
}

// ValueMatch is a name and the value that it must have.
//
// +kubebuilder:validation:XValidation:rule="has(self.exact) != has(self.regex)",message="must say exact or regex, and not both"
type ValueMatch struct {
	// Name of the header, cookie or query parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&\\'*+.^_|~-]+$')",message="name: must be an HTTP token (letters, digits and !#$%&'*+.^_|~-)"
	Name string `json:"name"`
	// Exact is the value, character by character.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Exact *string `json:"exact,omitempty"`
	// Regex is a regular expression (RE2 syntax) that the whole value must match.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Regex *string `json:"regex,omitempty"`
}

// Hold is what a step waits for once it is in effect. All that it names must be given.
//
// +kubebuilder:validation:XValidation:rule="has(self.approval) || has(self.__for__) || has(self.until)",message="hold: must say for or approval"
// +kubebuilder:validation:XValidation:rule="!has(self.until) && !has(self.atMost) && !has(self.onTimeout)",message="hold.until, atMost and onTimeout: not yet supported; use for or approval"
type Hold struct {
	// For is a fixed time, counted from when the split is in effect.
	// +optional
	For *Duration `json:"for,omitempty"`
	// Approval is Required where a person must approve: kubectl crossfade approve. Empty means not.
	// +optional
	// +kubebuilder:validation:Enum=Required
	Approval *string `json:"approval,omitempty"`
	// Until is not yet supported.
	// +optional
	// +kubebuilder:validation:Enum=Confident
	Until *string `json:"until,omitempty"`
	// AtMost is not yet supported.
	// +optional
	AtMost *Duration `json:"atMost,omitempty"`
	// OnTimeout is not yet supported.
	// +optional
	// +kubebuilder:validation:Enum=Hold;Advance;Rollback
	OnTimeout *string `json:"onTimeout,omitempty"`
}
