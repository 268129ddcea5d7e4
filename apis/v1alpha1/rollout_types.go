package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Rollout is the policy by which every new version of one workload takes over the traffic of the
// one before it. The workload, its Services and its routes stay the user's: Crossfade changes them
// during a release and leaves them as they were.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=crossfade,shortName=cfr
// +kubebuilder:printcolumn:name="Workload",type=string,JSONPath=`.spec.workloadRef.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Armed",type=string,JSONPath=`.status.conditions[?(@.type=="Armed")].status`
// +kubebuilder:printcolumn:name="Release",type=string,JSONPath=`.status.release`
// +kubebuilder:printcolumn:name="Why",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 52",message="metadata.name: must be at most 52 characters, so that names of its Releases fit; choose a shorter name"
type Rollout struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the policy.
	// +required
	Spec RolloutSpec `json:"spec"`
	// Status is what Crossfade saw last. Written by Crossfade only, as a whole.
	// +optional
	// +structType=atomic
	Status RolloutStatus `json:"status,omitempty"`
}

// RolloutList is a list of Rollouts.
//
// +kubebuilder:object:root=true
type RolloutList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Rollout `json:"items"`
}

// RolloutSpec names what is released, through what, in which steps, and what happens on failure.
//
// +kubebuilder:validation:XValidation:rule="!self.routeRefs.exists(r, r.kind == 'Ingress') || self.strategy.steps.all(s, !has(s.match) || s.match.all(m, !has(m.queryParams) && !has(m.method) && (has(m.headers) ? size(m.headers) : 0) + (has(m.cookies) ? 1 : 0) <= 1 && (!has(m.cookies) || m.cookies.all(c, has(c.exact) && c.exact == 'always'))))",message="spec.strategy.steps: controllers of an Ingress tell requests by one header, or one cookie that says always; give each match a header, or a cookie with exact: always"
// +kubebuilder:validation:XValidation:rule="!self.routeRefs.exists(r, has(r.flavor) && r.flavor != 'Higress') || self.strategy.steps.all(s, !has(s.match) || s.match.filter(m, has(m.headers)).size() <= 1 && s.match.filter(m, has(m.cookies)).size() <= 1)",message="spec.strategy.steps: flavors IngressNginx and Traefik tell requests by one header and one cookie; leave matches out, or put values of a header into a regex"
// +kubebuilder:validation:XValidation:rule="!self.routeRefs.exists(r, has(r.flavor) && r.flavor == 'Higress') || self.strategy.steps.all(s, !has(s.match) && (!has(s.weight) || !string(s.weight).matches('[.][0-9]*[1-9]')))",message="spec.strategy.steps: flavor Higress counts whole percent, and a match would leave out plugins, such as authentication, that are bound to the Ingress by its name; use weights alone, without decimals"
// +kubebuilder:validation:XValidation:rule="!self.routeRefs.exists(r, r.kind in ['Ingress', 'TCPRoute', 'TLSRoute']) || !has(self.strategy.stickiness) && self.strategy.steps.all(s, !has(s.requestHeaders) && !has(s.mirror))",message="spec.strategy: an Ingress, a TCPRoute and a TLSRoute can change no headers, mirror nothing and keep no users; take requestHeaders, mirror and stickiness out"
// +kubebuilder:validation:XValidation:rule="!self.routeRefs.exists(r, r.kind == 'GRPCRoute') || !has(self.strategy.stickiness) && self.strategy.steps.all(s, !has(s.mirror) && (!has(s.requestHeaders) || !has(s.weight)))",message="spec.strategy: a GRPCRoute can change headers of a match alone, mirror nothing and keep no users; give requestHeaders to steps without weight, and take mirror and stickiness out"
// +kubebuilder:validation:XValidation:rule="!self.routeRefs.exists(r, r.kind in ['TCPRoute', 'TLSRoute']) || self.strategy.steps.all(s, !has(s.match))",message="spec.strategy.steps: a TCPRoute and a TLSRoute share connections and cannot look into them; take match out of the steps"
// +kubebuilder:validation:XValidation:rule="!self.routeRefs.exists(r, r.kind == 'GRPCRoute') || self.strategy.steps.all(s, !has(s.match) || s.match.all(m, !has(m.method) && !has(m.queryParams)))",message="spec.strategy.steps: a GRPCRoute cannot match by HTTP method or query parameter; match by header"
// +kubebuilder:validation:XValidation:rule="self.routeRefs.all(r, r.kind == 'VirtualService') || self.strategy.steps.all(s, !has(s.match) || s.match.all(m, !has(m.sourceLabels)))",message="spec.strategy.steps: only a VirtualService can match by sourceLabels; take them out, or routes of other kinds"
// +kubebuilder:validation:XValidation:rule="!has(self.strategy.abTest) || has(self.analysis) && has(self.analysis.templates) && self.analysis.templates.exists(t, self.strategy.abTest.goal.startsWith(t.name + '/'))",message="spec.strategy.abTest.goal: names no template of spec.analysis; use TEMPLATE/METRIC of one"
// +kubebuilder:validation:XValidation:rule="has(self.analysis) || self.strategy.steps.all(s, !has(s.hold) || !has(s.hold.until))",message="spec.strategy.steps: hold.until waits for evidence; add spec.analysis, or use for or approval"
// +kubebuilder:validation:XValidation:rule="!has(self.onDelete) || self.onDelete == 'Restore'",message="spec.onDelete: Promote is not yet supported; use Restore"
type RolloutSpec struct {
	// WorkloadRef names the workload, in the Rollout's namespace. One workload may have one Rollout.
	// +required
	WorkloadRef WorkloadRef `json:"workloadRef"`

	// ServiceRefs name the Services, in the Rollout's namespace, through which callers and routes
	// reach the workload. Each must select the workload's pods and no others. During a release they
	// are pinned to one revision.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	ServiceRefs []ServiceRef `json:"serviceRefs"`

	// RouteRefs name the routes that carry the traffic. They are shifted together.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.group == b.group && a.kind == b.kind && a.name == b.name && (has(a.__namespace__) ? a.__namespace__ : '') == (has(b.__namespace__) ? b.__namespace__ : '')))",message="spec.routeRefs: a route is named twice; name each route once"
	RouteRefs []RouteRef `json:"routeRefs"`

	// Strategy is the list of steps from the stable version to the new one.
	// +required
	Strategy Strategy `json:"strategy"`

	// Analysis says what canaries are judged by. Empty means that time and people decide.
	// +optional
	Analysis *AnalysisSpec `json:"analysis,omitempty"`

	// Rollback says what happens when a release fails or is aborted.
	// +optional
	// +kubebuilder:default={}
	Rollback RollbackSpec `json:"rollback,omitempty"`

	// ProgressDeadline is how long the pods and routes of one step may take to get where they should
	// be; a release that takes longer has failed. Empty means 10m.
	// +optional
	// +kubebuilder:default="10m"
	ProgressDeadline *Duration `json:"progressDeadline,omitempty"`

	// ReadyPercent is the part of a batch that must be ready before it gets requests, in percent, 1–100,
	// rounded up. Empty means 100.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	ReadyPercent *int32 `json:"readyPercent,omitempty"`

	// Freezes are times in which no new version begins and none gets more requests. Going back is always
	// allowed, and a promotion whose last step is over is finished. Empty means none.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Freezes []Freeze `json:"freezes,omitempty"`

	// Timing overrides how long Crossfade waits for data planes and requests.
	// +optional
	// +kubebuilder:default={}
	Timing Timing `json:"timing,omitempty"`

	// OnDelete says what happens to a release in flight when the Rollout is deleted: Restore takes the
	// traffic and the workload back to the stable version. Empty means Restore.
	// +optional
	// +kubebuilder:default=Restore
	// +kubebuilder:validation:Enum=Restore;Promote
	OnDelete string `json:"onDelete,omitempty"`

	// Suspend makes Crossfade leave the workload alone: a Release in flight goes back to stable, and from
	// then on new templates roll out natively. Empty means false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// ReleaseHistoryLimit is how many ended Releases are kept, 0–100. Empty means 3.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	ReleaseHistoryLimit *int32 `json:"releaseHistoryLimit,omitempty"`
}

// WorkloadRef names a workload in the Rollout's namespace.
type WorkloadRef struct {
	// Group is the API group of the workload. Empty means apps.
	// +optional
	// +kubebuilder:default=apps
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == 'apps'",message="only group apps is supported yet; use a Deployment of group apps"
	Group string `json:"group,omitempty"`
	// Kind is the kind of the workload.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == 'Deployment'",message="only kind Deployment is supported yet; name a Deployment"
	Kind string `json:"kind"`
	// Name is the workload's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// ServiceRef names a Service in the Rollout's namespace.
type ServiceRef struct {
	// Name is the Service's name, at most 56 characters so that "<name>-canary" fits.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=56
	Name string `json:"name"`
}

// RouteRef names a route, of a kind that Crossfade has code for or that a RouteKind describes.
//
// +kubebuilder:validation:XValidation:rule="self.group == 'gateway.networking.k8s.io' ? self.kind in ['HTTPRoute', 'GRPCRoute', 'TCPRoute', 'TLSRoute'] : self.group == 'networking.istio.io' ? self.kind == 'VirtualService' : self.group == 'networking.k8s.io' ? self.kind == 'Ingress' : true",message="kind: of Gateway API only HTTPRoute, GRPCRoute, TCPRoute and TLSRoute are supported yet, of Istio VirtualService, of networking.k8s.io Ingress; name one of these, or a kind of another group that a RouteKind describes"
// +kubebuilder:validation:XValidation:rule="!has(self.__namespace__) || self.group in ['gateway.networking.k8s.io', 'networking.istio.io']",message="namespace: only routes of Gateway API and VirtualServices can send to Services of another namespace; remove the field"
// +kubebuilder:validation:XValidation:rule="(self.kind == 'Ingress') == has(self.flavor)",message="flavor: says which controller serves an Ingress; an Ingress must have it, other kinds must not"
// +kubebuilder:validation:XValidation:rule="!has(self.annotationPrefix) || has(self.flavor) && self.flavor == 'IngressNginx'",message="annotationPrefix: is for flavor IngressNginx alone; remove it"
// +kubebuilder:validation:XValidation:rule="!has(self.rules) || self.group == 'gateway.networking.k8s.io' && self.kind in ['HTTPRoute', 'GRPCRoute'] || self.group == 'networking.istio.io'",message="rules: only rules of an HTTPRoute, a GRPCRoute and a VirtualService have names; remove the field"
// +kubebuilder:validation:XValidation:rule="!has(self.probes) || !(self.kind in ['GRPCRoute', 'TCPRoute', 'TLSRoute'])",message="probes: are HTTP requests, which routes of this kind do not take; remove them"
type RouteRef struct {
	// Group is the API group of the route.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group"`
	// Kind is the kind of the route.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// Name is the route's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Namespace of the route, whose backends name the Services by the Rollout's. Who writes the Rollout must be allowed to
	// update the route, and in Gateway API a ReferenceGrant must permit it to send to each Service and its canary Service.
	// Not for an Ingress. Empty means the Rollout's namespace.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace *string `json:"namespace,omitempty"`
	// Rules are the names of those that are split of an HTTPRoute, a GRPCRoute or the http of a VirtualService. The others
	// send to stable until the promotion, as the ClusterIP does. Empty means all.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=set
	Rules []string `json:"rules,omitempty"`
	// Flavor says which controller serves an Ingress: IngressNginx; Traefik, by its provider kubernetesIngressNGINX; or
	// Higress. For an Ingress alone, which must have it.
	// +optional
	// +kubebuilder:validation:Enum=IngressNginx;Traefik;Higress
	Flavor *Flavor `json:"flavor,omitempty"`
	// AnnotationPrefix is what annotations for ingress-nginx begin with, before the slash, where its operator has changed
	// that. Empty means nginx.ingress.kubernetes.io.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	AnnotationPrefix *string `json:"annotationPrefix,omitempty"`
	// Probes ask the data plane itself whether it follows. The installation must allow for them. Empty means none.
	// +optional
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	Probes []Probe `json:"probes,omitempty"`
}

// Flavor is a controller that serves Ingresses by the annotations of ingress-nginx.
type Flavor string

// The flavors.
const (
	FlavorIngressNginx Flavor = "IngressNginx"
	FlavorTraefik      Flavor = "Traefik"
	FlavorHigress      Flavor = "Higress"
)

// Freeze is a time that comes again and again, such as the nights or the weekends.
type Freeze struct {
	// Name of the freeze, for people.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// Schedule says when the freeze begins, as cron does in five fields: minute, hour, day of the month, month and
	// day of the week, such as "0 18 * * FRI".
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=100
	Schedule string `json:"schedule"`
	// For is how long the freeze lasts each time.
	// +required
	For Duration `json:"for"`
	// TimeZone is the name of the time zone of the schedule, such as "Europe/Paris". Empty means UTC.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	TimeZone *string `json:"timeZone,omitempty"`
}

// RollbackSpec says how a failed or aborted release goes back.
//
// +kubebuilder:validation:XValidation:rule="!has(self.holdFor) && !has(self.onHoldTimeout) || has(self.then) && self.then == 'Hold'",message="spec.rollback: holdFor and onHoldTimeout say how a hold ends; add then: Hold, or remove them"
type RollbackSpec struct {
	// Traffic goes back AtOnce, or BySteps: down the weights of the steps, each settled before the next, with the pods
	// untouched. BySteps is for aborts and failed analysis; a canary that cannot serve, a newer template and the stable one
	// applied again take everything back at once. Empty means AtOnce.
	// +optional
	// +kubebuilder:default=AtOnce
	// +kubebuilder:validation:Enum=AtOnce;BySteps
	Traffic string `json:"traffic,omitempty"`
	// Then says what happens afterwards: Retire removes the canary's pods and leaves the rejected template held; Hold keeps
	// the pods, without requests, until onHoldTimeout; Revert removes them and writes the stable template back. Empty means
	// Retire.
	// +optional
	// +kubebuilder:default=Retire
	// +kubebuilder:validation:Enum=Retire;Hold;Revert
	Then string `json:"then,omitempty"`
	// HoldFor is how long Hold keeps the pods. The stable template applied again, or a newer one, ends it
	// before. Empty means 10m.
	// +optional
	HoldFor *Duration `json:"holdFor,omitempty"`
	// Window is for how long a version that was replaced may come back at once: its Release waits for no hold, evidence or
	// freeze. The Releases of that time must be kept (releaseHistoryLimit), and its ReplicaSet (revisionHistoryLimit of the
	// workload). Empty means that every version takes the steps.
	// +optional
	Window *Duration `json:"window,omitempty"`
	// OnHoldTimeout is Retire or Revert, once holdFor is over. Empty means Retire.
	// +optional
	// +kubebuilder:validation:Enum=Retire;Revert
	OnHoldTimeout *string `json:"onHoldTimeout,omitempty"`
}

// Timing is how long Crossfade waits for what it cannot observe.
type Timing struct {
	// Settle is how long a data plane may take to follow a change that its controller has accepted.
	// Empty means the provider's own: 5s for Traefik and nginx, 10s for Envoy, 15s for Istio and Higress, 60s for cloud load balancers.
	// +optional
	Settle *Duration `json:"settle,omitempty"`
	// Drain is how long pods that get no new requests are kept for those that are under way: at least
	// the longest request. Empty means 30s.
	// +optional
	// +kubebuilder:default="30s"
	Drain *Duration `json:"drain,omitempty"`
	// CollapseAfter is how long a canary that carries traffic may be without a ready endpoint before
	// the traffic goes back. Empty means 5s.
	// +optional
	// +kubebuilder:default="5s"
	CollapseAfter *Duration `json:"collapseAfter,omitempty"`
}

// RolloutStatus is what Crossfade saw last of a Rollout and its workload.
type RolloutStatus struct {
	// ObservedGeneration is the generation of the spec that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Release names the Release in flight. Empty means none.
	// +optional
	Release string `json:"release,omitempty"`
	// LastRelease is the highest number a Release of this Rollout has had; 0 means none yet.
	// +optional
	LastRelease int64 `json:"lastRelease,omitempty"`
	// ForgivenRelease is the number of the last Release whose rejection ended because the stable template
	// was applied again: what it rejected may be tried anew. 0 means none.
	// +optional
	ForgivenRelease int64 `json:"forgivenRelease,omitempty"`
	// Conditions are Ready, Reconciling, Stalled, Armed and Held.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
