// Package rules splits routes that are lists of rules, each with matches and weighted backends: it takes a live route
// apart into what the user wrote and every owner's part, and writes it again. What differs from kind to kind of route is
// its Dialect.
package rules

import (
	"slices"

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
	// Single: the field holds one rule rather than a list of them.
	Single bool
	// Refs is the field of a rule that holds its backends.
	Refs string
	// Matches is the field of a rule that holds its matches. Empty means that requests of its rules cannot be told
	// apart, so that they have no copies.
	Matches string
	// Match, in the place of Matches, is the field of a rule that holds one match of whatever form: its matches are then the
	// rule itself, of which this field counts.
	Match string
}

// bodies returns the rules that a spec has in the list.
func (l List) bodies(spec Object) []Object {
	if !l.Single {
		return Objects(spec[l.Field])
	}
	if body, ok := spec[l.Field].(Object); ok {
		return []Object{body}
	}
	return nil
}

// Format is how a kind of route is written.
type Format struct {
	GroupKind schema.GroupKind
	// Lists of rules.
	Lists []List
	// Nameless: rules have no name. A copy is then known by its match, and by naming what it was made for alone.
	Nameless bool
	// Anything is a match that takes what a rule without matches does.
	Anything Object
	// Weight is the field of a backend that holds its weight. Empty means "weight".
	Weight string
	// NoneIsNothing: a backend without weight takes nothing, but where all of a rule have none, or 0, they share evenly, so
	// that one that is alone takes everything. Otherwise no weight means 1.
	NoneIsNothing bool
	// LoneTakesAll: a backend that is alone in its rule takes everything, if its weight is 0 too.
	LoneTakesAll bool
	// MustServe: a rule is dropped as a whole while one of its backends has no endpoints, whatever its weight. What is added
	// is then named only while it has a share, and a split that leaves everything with the user's Services is no part.
	MustServe bool
	// MirrorFlag is the field of a backend that is true where it gets copies of what the others of its rule get, and no share.
	// Nothing tells a copy of a rule for all its requests from it then, so that it is mirrored in place. Empty means that no
	// backend gets copies.
	MirrorFlag string
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
	// Service returns the Service that a backend of a route in this namespace names, as trafficrouting.NameOn gives it, and
	// whether it names one.
	Service(ref Object, namespace string) (string, bool)
	// Renamed returns a copy of such a backend that names another Service of the same namespace, by its name alone.
	Renamed(ref Object, service string) Object
	// Key tells a backend from the others of its rule, whatever its weight. It is persisted with a part.
	Key(ref Object, namespace string) string
	// Copied returns the backends of a rule that get copies of its requests, in any order.
	Copied(rule Object) []Object
	// Conjoin returns a rule's match with all that the alternative asks as well, or ErrContradiction if no request meets
	// both, or another error if one match cannot say that.
	Conjoin(a Alternative, match Object) (Object, error)
	// Refuses says what of a match routes of this kind cannot tell apart, and the mend; empty means nothing.
	Refuses(m v1alpha1.Match) string
	// Alters says why routes of this kind cannot do what a split does beside sharing: change headers or mirror requests. It
	// gives the mend too; empty means that they can.
	Alters(s trafficrouting.Split) string
	// Change returns a rule, and one of its backends, with these changes of headers over those that they have; alone says
	// that all requests of the rule go to that backend.
	Change(rule, ref Object, alone bool, headers trafficrouting.Headers) (Object, Object, error)
	// Unchange returns a backend without these changes.
	Unchange(ref Object, headers trafficrouting.Headers) Object
	// Mirror returns a rule of which this backend gets copies as well, which is that of the mirror's Service.
	Mirror(rule, ref Object, m trafficrouting.Mirror) (Object, error)
	// OneMatch says whether a rule can have only one match.
	OneMatch(rule Object) bool
	// Usurped finds a request that one of the user's rules takes and that would go to the copy of another one, by the
	// indexes of both; shielded are those of which all have copies already.
	Usurped(user []Rule, written []Written, shielded map[int]bool) (loser, winner int, found bool)
	// Exceeds says in one sentence which limit of the API the rules exceed; empty means none.
	Exceeds(rules []Rule) string
}

// Ranker is a Dialect of which the order of the rules doesn't say which one takes a request.
type Ranker interface {
	// Rank gives the copies among the rules what has them win just over their originals, in their order. Their bodies may
	// be changed. It fails with a sentence that names the rule of the user's that a copy would win over as well.
	Rank(written []Written) error
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
		for _, body := range l.bodies(spec) {
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
		if l.Single {
			if len(bodies) == 1 {
				spec[l.Field] = bodies[0]
			}
			continue
		}
		if len(bodies) > 0 || spec[l.Field] != nil {
			spec[l.Field] = Items(bodies)
		}
	}
}

// Matches returns a rule's matches, and none if its requests cannot be told apart.
func (r Route) Matches(rule Rule) []Object {
	format := r.Format()
	list := format.Lists[rule.List]
	if list.Match != "" {
		return []Object{rule.Body}
	}
	if list.Matches == "" {
		return nil
	}
	if matches := Objects(rule.Body[list.Matches]); len(matches) > 0 {
		return matches
	}
	return []Object{format.Anything}
}

// looksInto says whether requests of a rule can be told apart.
func (l List) looksInto() bool { return l.Matches != "" || l.Match != "" }

// match gives a rule these matches.
func (r Route) match(rule Rule, matches []Object) {
	list := r.Format().Lists[rule.List]
	if list.Match != "" {
		rule.Body[list.Match] = matches[0][list.Match]
		return
	}
	rule.Body[list.Matches] = Items(matches)
}

// single says whether a rule can have only one match.
func (r Route) single(rule Rule) bool {
	return r.Format().Lists[rule.List].Match != "" || r.OneMatch(rule.Body)
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

// takes says whether a split is of this rule: it names the Service, and is chosen.
func (r Route) takes(rule Rule, s trafficrouting.Split, namespace string) bool {
	name, _ := rule.Body["name"].(string)
	return r.names(rule, s.Base.Service, namespace) && (len(s.Only) == 0 || slices.Contains(s.Only, name))
}

// Weights returns the weights of a rule's backends in effect.
func (r Route) Weights(rule Rule) []int64 {
	var own []*int64
	for _, ref := range r.Refs(rule) {
		own = append(own, r.weightOf(ref))
	}
	return r.effective(own)
}

// effective is what the weights of a rule mean; nil is none.
func (r Route) effective(own []*int64) []int64 {
	format := r.Format()
	nothing := format.NoneIsNothing
	even := (nothing || format.LoneTakesAll && len(own) == 1) && !slices.ContainsFunc(own, func(weight *int64) bool { return weight != nil && *weight > 0 })
	out := make([]int64, len(own))
	for i, weight := range own {
		switch {
		case even, weight == nil && !nothing:
			out[i] = 1
		case weight != nil:
			out[i] = *weight
		}
	}
	return out
}
