// Package trafficrouting translates between the split of requests that a Release wants and the kinds
// of route that carry them. It is pure: it does no I/O, reads no clock and holds no client.
package trafficrouting

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Whole is all requests, in parts per million.
const Whole int32 = 1_000_000

// Provider translates between a Split and one kind of route. Its values are stateless and its methods
// pure and total: they mutate nothing that they are given.
type Provider interface {
	// Beside are the kinds of objects that the Provider reads or makes beside the route.
	Beside() []schema.GroupKind
	// Needs names what Capabilities and Check go by that is neither the route nor beside it, such as its gateway: what of
	// that exists is handed in by Objects.About. Asked again with that until it names nothing new.
	Needs(live Objects) []Reference
	// Capabilities says what this route can do. Asked before a Release may start.
	Capabilities(Objects) Capabilities
	// Render returns live with this owner's part exactly as the splits say, one split for each of the
	// owner's Services; what others wrote, other owners included, keeps its meaning, and unknown
	// fields survive. No splits is what Strip returns. Rendering twice gives what rendering once gave. An
	// object that it makes has no resourceVersion, belongs to nobody yet, and is named after the canary
	// Service, with more behind; it makes and changes none of another owner's. What an earlier rendering made, and no split asks for any more, may stay as one of the
	// Leftovers. It fails with a sentence that names what cannot be done, and the mend;
	// splits that leave everything with the user's Services fail only where the route cannot be read.
	Render(live Objects, owner Owner, splits []Split) (Objects, error)
	// Strip returns live without this owner's part, exactly as the user wrote it, also after a foreign
	// edit. What is left is said by Leftovers.
	Strip(live Objects, owner Owner) (Objects, error)
	// Leftovers are what was made beside the route for this owner's canary Services, and goes when these do: a data plane
	// that still sends to one must not find it changed.
	Leftovers(live Objects, owner Owner) []*unstructured.Unstructured
	// Guard returns what becomes of somebody else's update of a route: what they wrote, with every owner's
	// part of it as it is stored. Of objects beside it nothing is known. An update with nothing new in it
	// gives the stored route. It fails with a sentence that names what they wrote and the parts cannot be
	// in, and the mend.
	Guard(stored, written Objects) (Objects, error)
	// Settle is how long the data plane behind this route may take to follow a change that its
	// controller has accepted.
	Settle(live Objects) time.Duration
	// Observe says what is in effect of the splits, with graded evidence.
	Observe(live Objects, owner Owner, splits []Split) Observed
	// Check says in one sentence why this route cannot carry these splits for this owner, and the
	// mend; empty means that it can. Asked for each step before a Release may start, and never while
	// the owner has a part in the route.
	Check(live Objects, owner Owner, splits []Split) string
	// Misfit says in one sentence why new pods with these labels would not get what the route is to send to this Service
	// or its canary Service, and the mend; empty means that they would. Asked before there are any.
	Misfit(live Objects, service *unstructured.Unstructured, podLabels map[string]string) string
	// Names says whether any rule of the route, or of what was made beside it, sends requests to the
	// Service, as NameOn gives it, whoever wrote it. A Service may be deleted only when no route names it any more.
	Names(live Objects, service string) bool
}

// Objects is what the shell read of one route, or what is to become of it.
type Objects struct {
	// Route is the user's route; nil if it does not exist.
	Route *unstructured.Unstructured
	// Beside are the other objects of the kinds of Provider.Beside in the namespace of the owner's Services, in any order:
	// the user's, and those that Crossfade made.
	Beside []*unstructured.Unstructured
	// About are those of the objects of Provider.Needs that exist, in any order. Read before a Release may start, and never
	// while one is under way.
	About []*unstructured.Unstructured
}

// Reference names an object of any namespace, or of none, or all of its kind in a namespace or in all of them.
type Reference struct {
	schema.GroupKind
	// Namespace is empty for what is in none, and for all where there is no name.
	Namespace string
	// Name is empty for all.
	Name string
}

// ReferenceTo returns the Reference that names an object.
func ReferenceTo(obj *unstructured.Unstructured) Reference {
	return Reference{GroupKind: obj.GroupVersionKind().GroupKind(), Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

// Owner is the Rollout that a part of a route belongs to.
type Owner struct {
	Namespace, Name string
}

// NameOn returns how a Service or a Rollout of a namespace is named on a route: by its name alone where both are in one, else
// with its namespace before a slash. An empty namespace is the route's.
func NameOn(route *unstructured.Unstructured, namespace, name string) string {
	if route == nil || namespace == "" || namespace == route.GetNamespace() {
		return name
	}
	return namespace + "/" + name
}

// Backend names a Service in the owner's namespace.
type Backend struct {
	Service string `json:"service"`
}

// Share gives a backend a part of the requests.
type Share struct {
	Backend Backend `json:"backend"`
	// PPM is the part, 0–1 000 000 parts per million.
	PPM int32 `json:"ppm"`
	// Headers are what is changed on the way there and back; nil is nothing. The share that Split.Base has without a match has
	// none: it is written where the user's own backend stands.
	Headers *Headers `json:"headers,omitempty"`
}

// Split is the whole desired state of the requests that a route sends to one Service.
type Split struct {
	// Base is the Service that the user's route names. Every rule that names it is split, as far as Only has it.
	Base Backend `json:"base"`
	// Only are the names of the rules that are split, where the kind's rules have names. Empty means all.
	Only []string `json:"only,omitempty"`
	// Shares says where the requests go that no rule matches; they sum to 1 000 000. Base may have a
	// share of 0, and a share of 0 keeps its backend known to the data plane.
	Shares []Share `json:"shares"`
	// Rules send the requests that match elsewhere; the first that matches decides.
	Rules []MatchRule `json:"rules,omitempty"`
}

// MatchRule sends requests that match any of the entries to the backends.
type MatchRule struct {
	// AnyOf are alternatives; within one, all must hold. Empty means that every request matches.
	AnyOf []v1alpha1.Match `json:"anyOf"`
	// To sums to 1 000 000.
	To []Share `json:"to"`
	// Mirror sends copies of the requests elsewhere as well; nil is none.
	Mirror *Mirror `json:"mirror,omitempty"`
}

// Capabilities is what a route can do.
type Capabilities struct {
	Weight, HeaderExact, HeaderRegex, Cookie, QueryExact, QueryRegex, Method, WeightAndMatch bool
	// RequestHeaders: headers can be changed of the requests that a match sends to the canary; of those that a weight sends
	// there too where WeightedHeaders.
	RequestHeaders, WeightedHeaders bool
	// Sticky: users can be kept by a cookie.
	Sticky bool
	// Mirror: the canary can get copies, and MirrorPercent: of a part of the requests alone.
	Mirror, MirrorPercent bool
	// SourceLabels: requests are told by the labels of their callers.
	SourceLabels bool
	// OnlyCookie is the one value that a cookie is told by. Empty means any value or expression.
	OnlyCookie string
	// OneCondition: a match names one header or one cookie.
	OneCondition bool
	// OneOfEach: of the matches of a step at most one names a header, and one a cookie.
	OneOfEach bool
	// Granularity is the smallest share that can be told apart, in parts per million.
	Granularity int32
	// Refusal says in one sentence why this route cannot be used at all, and the mend. Empty means
	// that it can.
	Refusal string
}

// Evidence grades how well it is known that a split is in effect.
type Evidence int

// The grades, worst first.
const (
	EvidenceNone Evidence = iota
	// EvidenceWritten: the route's spec has it.
	EvidenceWritten
	// EvidenceAccepted: the route's controller said so for this generation.
	EvidenceAccepted
	// EvidenceAcked: the data plane acknowledged it.
	EvidenceAcked
	// EvidenceProbed: requests were seen to follow it.
	EvidenceProbed
)

// String returns the grade's name.
func (e Evidence) String() string {
	return [...]string{"None", "Written", "Accepted", "Acked", "Probed"}[e]
}

// Observed is what is in effect of a split.
type Observed struct {
	// Evidence is the best grade that holds for all of it.
	Evidence Evidence
	// InEffect: the evidence is as good as this kind of route can give.
	InEffect bool
	// CanaryPPM is the canary's measured share in the live route by weight, in parts per million: the
	// largest over the rules that are split.
	CanaryPPM int32
	// Drifted: the live objects are not what Render would write, which is Rendered; nil where Render fails.
	Drifted  bool
	Rendered *Objects
	// Message says what is missing, in one sentence. Empty means nothing.
	Message string
}
