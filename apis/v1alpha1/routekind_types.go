package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RouteKind describes a kind of route that Crossfade has no code for: where its rules, backends, weights and matches
// stand. Routes of a kind that is described may be named in spec.routeRefs of Rollouts. What a description says in CEL is
// evaluated with the functions that Kubernetes has for its own expressions.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=crossfade,shortName=cfk
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.kind`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Why",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == self.spec.kind.lowerAscii() + '.' + self.spec.group",message="metadata.name: a kind has one description, which is called after it; use the kind in lower case, a dot and the group, such as ingressroute.traefik.io"
type RouteKind struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the description.
	// +required
	Spec RouteKindSpec `json:"spec"`
	// Status says whether the description can be used. Written by Crossfade only.
	// +optional
	Status RouteKindStatus `json:"status,omitempty"`
}

// RouteKindList is a list of RouteKinds.
//
// +kubebuilder:object:root=true
type RouteKindList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RouteKind `json:"items"`
}

// RouteKindSpec describes one kind of route. A Release keeps the descriptions that it began with: changing or deleting one
// counts from the next Release on.
//
// +kubebuilder:validation:XValidation:rule="!(self.group in ['crossfade.io', 'gateway.networking.k8s.io', 'networking.istio.io', 'networking.k8s.io'])",message="spec.group: Crossfade has code for this group's kinds of route, or cannot split them; describe kinds of other groups"
type RouteKindSpec struct {
	// Group is the API group of the kind.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group"`
	// Kind is the kind of the routes, such as IngressRoute. It must be namespaced.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// Rules says where a route's rules stand.
	// +required
	Rules RulesDescription `json:"rules"`
	// Backends says how a rule's backends are written.
	// +required
	Backends BackendsDescription `json:"backends"`
	// Match says how a rule's match is written. Empty means that its requests cannot be told apart, so that steps can have
	// weights alone.
	// +optional
	Match *MatchDescription `json:"match,omitempty"`
	// Mirror says how copies of requests are sent to a backend whose answers nobody gets. Empty means that the kind cannot, so
	// that steps can have no mirror.
	// +optional
	Mirror *MirrorDescription `json:"mirror,omitempty"`
	// Refuses is a CEL expression of type string that says why a route cannot be split, and the mend: "" where it can. Its
	// variable is route. Empty means that each can.
	// +optional
	Refuses Expression `json:"refuses,omitempty"`
	// Accepted is a CEL expression of type string that says what is missing until the route's controller has accepted its
	// present generation: "" once it has. Its variable is route, with its status. Empty means that the kind does not tell, so
	// that a change counts as in effect when it is written and settled.
	// +optional
	Accepted Expression `json:"accepted,omitempty"`
	// Settle is how long the data plane may take to follow a change. Empty means 15s.
	// +optional
	// +kubebuilder:default="15s"
	Settle *Duration `json:"settle,omitempty"`
}

// Expression is one of CEL.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=4096
type Expression string

// RulesDescription says where a route's rules stand.
type RulesDescription struct {
	// Field of spec that holds the rules, such as routes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Field string `json:"field"`
	// Single says that the field holds one rule rather than a list of them. Empty means a list.
	// +optional
	Single bool `json:"single,omitempty"`
}

// BackendsDescription says how a rule's backends are written.
type BackendsDescription struct {
	// Field of a rule that holds the list of its backends, such as services.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Field string `json:"field"`
	// NameField is the field of a backend by which it names what it sends to, such as name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	NameField string `json:"nameField"`
	// Service is a CEL expression of type string: the name of the Service of the route's namespace that a backend sends to,
	// or "" if it sends to something else. Its variables are backend and routeNamespace.
	// +required
	Service Expression `json:"service"`
	// Renamed is a CEL expression of type string: the value of nameField by which the backend sends to another Service of the
	// same namespace. Its variables are backend and service, the name of that one. Empty means the Service's name.
	// +optional
	Renamed Expression `json:"renamed,omitempty"`
	// MustServe says that the data plane drops a rule as a whole while one of its backends has no endpoints, whatever its
	// weight: the canary Service is then named only while it has a share. Empty means that it stays named without one, so that
	// the data plane knows it before it is called.
	// +optional
	MustServe bool `json:"mustServe,omitempty"`
	// Weight says how a backend's weight is written.
	// +optional
	// +kubebuilder:default={}
	Weight WeightDescription `json:"weight,omitempty"`
}

// WeightDescription says how a backend's weight is written: a whole number beside the other weights of its rule.
type WeightDescription struct {
	// Field of a backend that holds its weight. Empty means weight.
	// +optional
	// +kubebuilder:default=weight
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Field string `json:"field,omitempty"`
	// Absent says what no weight means: One, or Nothing, unless no backend of the rule has one, which share evenly then.
	// Empty means One.
	// +optional
	// +kubebuilder:default=One
	// +kubebuilder:validation:Enum=One;Nothing
	Absent string `json:"absent,omitempty"`
	// LoneTakesAll says that a backend that is alone in its rule takes everything, if its weight is 0 too. Empty means that its
	// weight counts.
	// +optional
	LoneTakesAll bool `json:"loneTakesAll,omitempty"`
	// Max is the largest weight that Crossfade may write. Empty means 1000000.
	// +optional
	// +kubebuilder:default=1000000
	// +kubebuilder:validation:Minimum=100
	// +kubebuilder:validation:Maximum=1000000000
	Max int32 `json:"max,omitempty"`
}

// What no weight means.
const (
	AbsentOne     = "One"
	AbsentNothing = "Nothing"
)

// MatchDescription says how a rule's match is written, and by what its data plane can tell requests. A step's match is put
// into copies of the rules that name the Service.
//
// +kubebuilder:validation:XValidation:rule="!has(self.priority) || !has(self.specificity)",message="match: priority and specificity are two ways to choose among rules; say the one that the data plane goes by"
type MatchDescription struct {
	// Field of a rule that holds its match, of any type.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Field string `json:"field"`
	// By is what requests can be told by.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=6
	By []MatchBy `json:"by"`
	// Joined is a CEL expression of the field's type: what takes just those requests that the rule's match takes and that
	// meet all of ours besides. Its variables are rule; match, its field, null where that is missing; method, "" for any;
	// headers and queryParams, lists of objects with name, value and regex, which says that value is a regular expression for
	// the whole value, anchored. A cookie is a regular expression on the header Cookie.
	// +required
	Joined Expression `json:"joined"`
	// Excludes is a CEL expression of type bool: that no request can meet both. Its variables are those of joined. Empty means
	// that joined may take no requests.
	// +optional
	Excludes Expression `json:"excludes,omitempty"`
	// Refuses is a CEL expression of type string that says why a rule's match cannot be joined with ours, and the mend: ""
	// where it can. Its variables are those of joined. Empty means that each can.
	// +optional
	Refuses Expression `json:"refuses,omitempty"`
	// Priority is for data planes that choose among the rules that take a request by a number, the highest first. Empty, and
	// no specificity, means that the first rule of the route wins.
	// +optional
	Priority *PriorityDescription `json:"priority,omitempty"`
	// Specificity is for data planes that choose by how much a match says. Empty, and no priority, means that the first rule
	// of the route wins.
	// +optional
	Specificity *SpecificityDescription `json:"specificity,omitempty"`
}

// MatchBy is something that requests can be told by.
//
// +kubebuilder:validation:Enum=Header;HeaderRegex;Cookie;QueryParam;QueryParamRegex;Method
type MatchBy string

// What requests can be told by.
const (
	ByHeader          MatchBy = "Header"
	ByHeaderRegex     MatchBy = "HeaderRegex"
	ByCookie          MatchBy = "Cookie"
	ByQueryParam      MatchBy = "QueryParam"
	ByQueryParamRegex MatchBy = "QueryParamRegex"
	ByMethod          MatchBy = "Method"
)

// PriorityDescription says how a rule's priority is written. A copy of a rule gets the next higher ones.
type PriorityDescription struct {
	// Field of a rule that holds its priority, a whole number.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Field string `json:"field"`
	// Default is a CEL expression of type int: the priority of a rule whose field is missing or 0. Its variable is rule.
	// +required
	Default Expression `json:"default"`
}

// SpecificityDescription says which of the rules that take a request comes first.
type SpecificityDescription struct {
	// Path is a CEL expression of type string: what counts before all that a match of ours adds, such as the path. Rules with
	// different ones don't compete by the rest. Its variable is rule.
	// +required
	Path Expression `json:"path"`
	// Conditions is a CEL expression that gives a list of int: how many conditions a rule has, those first that count first.
	// Its variable is rule. The larger number comes first.
	// +required
	Conditions Expression `json:"conditions"`
}

// MirrorDescription says how a rule sends copies of its requests to a backend whose answers nobody gets: of a whole number of
// percent of them.
//
// +kubebuilder:validation:XValidation:rule="has(self.flagField) != has(self.object)",message="mirror: a backend gets copies by a flag or through an object; say flagField or object"
type MirrorDescription struct {
	// PercentField is the field of a backend that gets copies which holds of how many percent of the requests, 1-100.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	PercentField string `json:"percentField"`
	// FlagField is the field of a backend that is true where it gets copies of what the others of its rule get. A rule is then
	// mirrored as a whole, so that a step's mirror must be of all requests. Empty means that there is an object.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	FlagField string `json:"flagField,omitempty"`
	// Object is for data planes that send requests through an object which says what gets them and what gets copies. Empty
	// means that there is a flag.
	// +optional
	Object *MirrorObjectDescription `json:"object,omitempty"`
}

// MirrorObjectDescription describes the object that Crossfade makes, of the group and version of the route and in its
// namespace. It has nothing in it but a backend as the route's author wrote it, and the same for the canary Service. A copy
// of the rule sends there. While the object isn't there yet, as after somebody's edit of the rule, the data plane must leave that
// copy out, so that the author's own rule takes the requests: one that answers them with an error instead is not to be described.
type MirrorObjectDescription struct {
	// Kind of the object, such as TraefikService.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// KindField is the field of a rule's backend that names the object's kind, beside the backends' nameField, its name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	KindField string `json:"kindField"`
	// Field of the object's spec that holds the backend which answers, written as in a rule but without weight.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Field string `json:"field"`
	// CopiesField is the field of that backend which holds the list of those that get copies.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	CopiesField string `json:"copiesField"`
}

// RouteKindStatus says whether a description can be used.
type RouteKindStatus struct {
	// Conditions has Ready: whether all expressions of the present generation can be compiled.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
