package v1alpha1

import (
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Strategy is the way from the stable version to the new one.
//
// +kubebuilder:validation:XValidation:rule="!has(self.abTest) || self.steps.exists(s, s.name == self.abTest.step)",message="abTest.step: no step has this name; name the step at which users are shared"
// +kubebuilder:validation:XValidation:rule="!has(self.abTest) || self.steps.all(s, s.name != self.abTest.step || has(s.match) && size(s.match) > 0 && (!has(s.weight) || string(s.weight).matches('^0+([.]0+)?%?$')) || has(self.stickiness) && has(self.stickiness.stable) && self.stickiness.stable)",message="abTest: users who see both versions tell nothing apart; give the step a match and no weight, or add stickiness with stable: true"
// +kubebuilder:validation:XValidation:rule="!has(self.abTest) || !self.steps.exists(s, s.name == self.abTest.step && has(s.weight) && !string(s.weight).matches('^0+([.]0+)?%?$')) || !has(self.stickiness) || [self.abTest.__for__, has(self.abTest.atMost) ? self.abTest.atMost : '0s'].all(d, duration(has(self.stickiness.__for__) ? self.stickiness.__for__ : '24h') >= duration(d))",message="stickiness.for: users are drawn anew before the A/B test ends; make it as long as abTest.for, and as abTest.atMost if given"
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
	// Stickiness keeps a user whom a weight sent to the canary there, by a cookie. Empty means that a weight is drawn
	// anew for each request.
	// +optional
	Stickiness *Stickiness `json:"stickiness,omitempty"`
	// ABTest compares both versions at one step by what users do, beside the analysis, which looks for harm. Empty means that
	// steps are only on the way.
	// +optional
	ABTest *ABTest `json:"abTest,omitempty"`
}

// Stickiness is a cookie that answers of a version set, in steps that share by weight, and by which later requests find it
// again. Who got the canary is kept, by a match too: the weight is of all others. On the way back nobody is.
type Stickiness struct {
	// Cookie is its name, which no application of the host uses.
	// +required
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$&\\'*+.^_|~-]+$')",message="cookie: must be an HTTP token without %"
	Cookie string `json:"cookie"`
	// For is how long a user is kept, from the canary's last answer or stable's first on, at least 1s. Empty means 24h.
	// +optional
	For *Duration `json:"for,omitempty"`
	// Stable keeps users of stable there too, for as long as a step lasts. Empty means false: any request may be drawn for
	// the canary, so that users who send many all get there.
	// +optional
	Stable bool `json:"stable,omitempty"`
}

// ABTest is a test of two versions by what their users do.
type ABTest struct {
	// Step at which it runs, by name. Users must stay with their version there: by a match without a weight, or stickiness with
	// stable: true, for as long as the test.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Step string `json:"step"`
	// Goal is the metric, of kind goal, by which it is decided, as TEMPLATE/METRIC.
	// +required
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^/]+/[^/]+$')",message="goal: must be TEMPLATE/METRIC"
	Goal string `json:"goal"`
	// For is how long it runs at least, such as 168h, so that every day of the week is in it.
	// +required
	For Duration `json:"for"`
	// AtMost is when it ends without a winner. Empty means once the difference is shown to mean nothing.
	// +optional
	AtMost *Duration `json:"atMost,omitempty"`
	// Decision is Report, which waits for a person who approves the step or aborts; or PromoteWinner, which goes on if the canary
	// is shown to be better, and else goes back, or waits if its users can't be compared. Empty means Report.
	// +optional
	// +kubebuilder:default=Report
	// +kubebuilder:validation:Enum=Report;PromoteWinner
	Decision string `json:"decision,omitempty"`
}

// Values of ABTest.Decision.
const (
	DecisionReport        = "Report"
	DecisionPromoteWinner = "PromoteWinner"
)

// Step is one resting point on the way: how many pods the canary has and which requests it gets.
//
// +kubebuilder:validation:XValidation:rule="has(self.weight) || has(self.replicas)",message="replicas: a step without weight must say how many canary pods it needs; add replicas"
// +kubebuilder:validation:XValidation:rule="!has(self.mirror) || !has(self.weight) || string(self.weight).matches('^0+([.]0+)?%?$')",message="mirror: a canary that gets copies gets no share beside; take weight or mirror out of the step"
// +kubebuilder:validation:XValidation:rule="!has(self.requestHeaders) || has(self.match) || has(self.weight) && !string(self.weight).matches('^0+([.]0+)?%?$')",message="requestHeaders: the canary gets nothing in this step; add weight or match"
type Step struct {
	// Name identifies the step in status, approvals and metrics.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower-case letters, digits and '-', with '-' in between alone"
	Name string `json:"name"`
	// Weight is the share of requests that the canary gets beside those that match: whole percent as
	// a number, 0–100, or finer as a string such as "0.5%", down to "0.0001%". Empty means 0.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=10
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 100 : self.matches('^(100([.]0{1,4})?|[0-9]{1,2}([.][0-9]{1,4})?)%$')",message="weight: must be 0 to 100, or a percentage with at most four decimals"
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
	// RequestHeaders are changed of what the canary gets, beside what the route changes. Empty means none.
	// +optional
	RequestHeaders *HeaderModifier `json:"requestHeaders,omitempty"`
	// Mirror sends the canary copies of requests that stable answers. Nobody gets the answers to copies. Empty means none.
	// +optional
	Mirror *Mirror `json:"mirror,omitempty"`
	// Hold says how long the step lasts once it is in effect. Empty means that the next step begins
	// as soon as this one is in effect and settled.
	// +optional
	Hold *Hold `json:"hold,omitempty"`
	// Skippable lets people go over the step by spec.control.goTo. Empty means false.
	// +optional
	Skippable bool `json:"skippable,omitempty"`
}

// HeaderModifier changes headers of a request. A header can be named once in it, whatever its case.
//
// +kubebuilder:validation:XValidation:rule="has(self.set) || has(self.add) || has(self.remove)",message="requestHeaders: must name set, add or remove"
type HeaderModifier struct {
	// Set gives headers these values, whatever they had.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Set []Header `json:"set,omitempty"`
	// Add gives headers these values beside those that they have.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Add []Header `json:"add,omitempty"`
	// Remove takes headers away, by name.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`
	// +listType=set
	Remove []string `json:"remove,omitempty"`
}

// Header of a request.
type Header struct {
	// Name, whatever its case.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&\\'*+.^_|~-]+$')",message="name: must be an HTTP token"
	Name string `json:"name"`
	// Value of the header.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^[!-$&-~]+( [!-$&-~]+)*$')",message="value: must be visible ASCII with single spaces, and without %"
	Value string `json:"value"`
}

// Mirror says which requests the canary gets copies of.
type Mirror struct {
	// Percent of the requests that are copied, 1–100. Empty means 100.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Percent *int32 `json:"percent,omitempty"`
	// Requests are Safe, GET and HEAD alone, or All: what they change, the canary then changes a second time. Empty means
	// Safe.
	// +optional
	// +kubebuilder:default=Safe
	// +kubebuilder:validation:Enum=Safe;All
	Requests string `json:"requests,omitempty"`
}

// Values of Mirror.Requests.
const (
	MirrorSafe = "Safe"
	MirrorAll  = "All"
)

// Match describes requests; all that it names must hold.
//
// +kubebuilder:validation:XValidation:rule="has(self.headers) || has(self.cookies) || has(self.queryParams) || has(self.method) || has(self.sourceLabels)",message="match: an entry must name headers, cookies, queryParams, method or sourceLabels"
// +kubebuilder:validation:XValidation:rule="!has(self.cookies) || !has(self.headers) || !self.headers.exists(h, h.name.lowerAscii() == 'cookie')",message="match: an entry cannot name cookies and the header Cookie; use one of them"
type Match struct {
	// Headers must all have these values, whatever the case of their names.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Headers []ValueMatch `json:"headers,omitempty"`
	// Cookies must have these values; one for each entry.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1
	// +listType=map
	// +listMapKey=name
	Cookies []ValueMatch `json:"cookies,omitempty"`
	// QueryParams must all have these values.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	QueryParams []ValueMatch `json:"queryParams,omitempty"`
	// SourceLabels are labels that the caller must have, for VirtualServices alone. Empty means any.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	SourceLabels map[string]LabelValue `json:"sourceLabels,omitempty"`
	// Method is the HTTP method. Empty means any.
	// +optional
	// +kubebuilder:validation:Enum=GET;HEAD;POST;PUT;DELETE;CONNECT;OPTIONS;TRACE;PATCH
	Method *string `json:"method,omitempty"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
type LabelValue string

// ValueMatch asks for a value.
//
// +kubebuilder:validation:XValidation:rule="has(self.exact) != has(self.regex)",message="must say exact or regex, not both"
type ValueMatch struct {
	// Name is an HTTP token: letters, digits, !#$%&'*+.^_|~-
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&\\'*+.^_|~-]+$')",message="name: must be an HTTP token"
	Name string `json:"name"`
	// Exact is the whole value.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Exact *string `json:"exact,omitempty"`
	// Regex (RE2) is for the whole value.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Regex *string `json:"regex,omitempty"`
}

// Hold is what a step waits for once it is in effect. All that it names must be given.
//
// +kubebuilder:validation:XValidation:rule="has(self.approval) || has(self.__for__) || has(self.until)",message="hold: must say for, approval or until"
// +kubebuilder:validation:XValidation:rule="has(self.until) && has(self.atMost) || !has(self.onTimeout)",message="hold: onTimeout says what becomes of atMost; add until and atMost, or remove it"
// +kubebuilder:validation:XValidation:rule="has(self.until) || !has(self.atMost)",message="hold: atMost ends until; add until, or use for"
type Hold struct {
	// For is a fixed time, counted from when the split is in effect.
	// +optional
	For *Duration `json:"for,omitempty"`
	// Approval is Required where a person must approve. Empty means not.
	// +optional
	// +kubebuilder:validation:Enum=Required
	Approval *string `json:"approval,omitempty"`
	// Until is Confident where the analysis must pass. Empty means that it must only not point to harm.
	// +optional
	// +kubebuilder:validation:Enum=Confident
	Until *string `json:"until,omitempty"`
	// AtMost is for how long that is waited for, counted like for. Empty means without end.
	// +optional
	AtMost *Duration `json:"atMost,omitempty"`
	// OnTimeout says what comes then: Advance goes on if there is data and nothing points to harm, and else holds; Hold waits
	// on; Rollback goes back. Empty means Advance.
	// +optional
	// +kubebuilder:validation:Enum=Hold;Advance;Rollback
	OnTimeout *string `json:"onTimeout,omitempty"`
}
