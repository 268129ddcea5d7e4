// Package rules splits routes that are lists of rules, each with matches and weighted backends: it takes a live route
// apart into what the user wrote and every owner's part, and writes it again. What differs from kind to kind of route is
// its Dialect.
package rules

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// Object is one JSON object of a route. Routes are never read through typed structs: a typed read-modify-write drops
// the fields that our build does not know.
type Object = map[string]any

// Rule is one rule of a route.
type Rule struct {
	// List is the index in Format.Lists of where it stands.
	List int
	Body Object
}

// List is a field of a route's spec that holds rules.
type List struct {
	// Field of spec, such as "rules".
	Field string
	// Refs is the field of a rule that holds its backends.
	Refs string
	// Matches is the field of a rule that holds its matches. Empty means that requests of its rules cannot be told
	// apart, so that they have no copies.
	Matches string
}

// Format is how a kind of route is written.
type Format struct {
	GroupKind schema.GroupKind
	// Lists of rules.
	Lists []List
	// Anything is a match that takes what a rule without matches does.
	Anything Object
	// LoneTakesAll: a backend that is alone in its rule takes everything whatever its weight, and one beside others that
	// has no weight takes nothing. Otherwise no weight means 1.
	LoneTakesAll bool
	// MaxWeight is the largest weight that a backend may have.
	MaxWeight int64
	// MaxRefs is how many backends a rule may have.
	MaxRefs int
	// MaxRules is how many rules a route may have.
	MaxRules int
}

// Dialect is what a kind of route means by what is written. Its methods are pure.
type Dialect interface {
	// Format says what is written where.
	Format() Format
	// Service returns the name of the Service in this namespace that a backend names, and whether it names one.
	Service(ref Object, namespace string) (string, bool)
	// Renamed returns a copy of such a backend that names another Service of the namespace.
	Renamed(ref Object, service string) Object
	// Key tells a backend from the others of its rule, whatever its weight.
	Key(ref Object, namespace string) string
	// Copied returns the backends of a rule that get copies of its requests, in any order.
	Copied(rule Object) []Object
	// Conjoin returns a rule's match with all that the alternative asks as well, or ErrContradiction if no request meets
	// both, or another error if one match cannot say that.
	Conjoin(a Alternative, match Object) (Object, error)
	// Refuses says what of a match routes of this kind cannot tell apart, and the mend; empty means nothing.
	Refuses(m v1alpha1.Match) string
	// Alters says whether routes of this kind can change headers and mirror requests at all; empty means that they can,
	// else it is the reason, and the mend.
	Alters() string
	// Change returns a rule, and one of its backends, with these changes of headers over those that they have; alone says
	// that all requests of the rule go to that backend.
	Change(rule, ref Object, alone bool, headers trafficrouting.Headers) (Object, Object, error)
	// Mirror returns a rule of which this backend gets copies as well, of these parts per million.
	Mirror(rule, ref Object, ppm int32) (Object, error)
	// OneMatch says whether a rule can have only one match.
	OneMatch(rule Object) bool
	// Usurped finds a request that one of the user's rules takes and that would go to the copy of another one, by the
	// indexes of both; shielded are those of which all have copies already.
	Usurped(user []Rule, written []Written, shielded map[int]bool) (loser, winner int, found bool)
	// Exceeds says in one sentence which limit of the API the rules exceed; empty means none.
	Exceeds(rules []Rule) string
}

// Written is one rule of a split route.
type Written struct {
	Rule
	// Source is the index of the user's rule that it is, or is a copy of.
	Source int
	// Owner of a copy. Empty for the user's rule itself.
	Owner string

	weighing weighing
}

// Route splits one kind of route.
type Route struct{ Dialect }

// Rules returns a route's rules, list after list.
func (r Route) Rules(route *unstructured.Unstructured) []Rule {
	spec, _ := route.Object["spec"].(Object)
	var out []Rule
	for i, l := range r.Format().Lists {
		for _, body := range Objects(spec[l.Field]) {
			out = append(out, Rule{List: i, Body: body})
		}
	}
	return out
}

// setRules writes the rules back; a list that was not there, and gets nothing, stays away.
func (r Route) setRules(route *unstructured.Unstructured, rules []Rule) {
	spec, ok := route.Object["spec"].(Object)
	if !ok {
		return
	}
	for i, l := range r.Format().Lists {
		var bodies []Object
		for _, rule := range rules {
			if rule.List == i {
				bodies = append(bodies, rule.Body)
			}
		}
		if len(bodies) > 0 || spec[l.Field] != nil {
			spec[l.Field] = Items(bodies)
		}
	}
}

// Matches returns a rule's matches, and none if its requests cannot be told apart.
func (r Route) Matches(rule Rule) []Object {
	format := r.Format()
	field := format.Lists[rule.List].Matches
	if field == "" {
		return nil
	}
	if matches := Objects(rule.Body[field]); len(matches) > 0 {
		return matches
	}
	return []Object{format.Anything}
}

// Refs returns a rule's backends.
func (r Route) Refs(rule Rule) []Object {
	return Objects(rule.Body[r.Format().Lists[rule.List].Refs])
}

// with returns a copy of a rule that has these backends.
func (r Route) with(rule Rule, refs []Object) Rule {
	body := Shallow(rule.Body)
	body[r.Format().Lists[rule.List].Refs] = Items(refs)
	return Rule{List: rule.List, Body: body}
}

// names says whether a rule has the Service among its backends.
func (r Route) names(rule Rule, service, namespace string) bool {
	for _, ref := range r.Refs(rule) {
		if name, ok := r.Service(ref, namespace); ok && name == service {
			return true
		}
	}
	return false
}

// Weights returns the weights of a rule's backends in effect.
func (r Route) Weights(rule Rule) []int64 {
	refs := r.Refs(rule)
	out := make([]int64, len(refs))
	for i, ref := range refs {
		out[i] = r.effective(weightOf(ref), len(refs) == 1)
	}
	return out
}

// effective is what a weight means; nil is none.
func (r Route) effective(weight *int64, alone bool) int64 {
	switch all := r.Format().LoneTakesAll; {
	case all && alone && (weight == nil || *weight == 0):
		return 1
	case weight != nil:
		return *weight
	case all:
		return 0
	}
	return 1
}
