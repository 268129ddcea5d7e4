package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// maxAnnotations is the API server's limit on all annotations of an object, in bytes
// (TotalAnnotationSizeLimitB).
const maxAnnotations = 256 << 10

// maxDisasterCopy is how large the copy for disasters may be, in bytes; a larger one is left out.
const maxDisasterCopy = 64 << 10

// composer writes the rules of a route for a set of owners.
type composer struct {
	Route
	namespace string
	splits    []trafficrouting.Split
	layers    []layer
	// met says of each layer whether any request can meet it.
	met []bool
	// shielded are the user's rules that name none of the Services and are copied all the same, because
	// copies of others would otherwise win over them.
	shielded map[int]bool
}

// compose returns the route with every owner's part. It depends on the user's route and the parts
// alone. Errors lack the name of the route.
func (d document) compose() (*unstructured.Unstructured, error) {
	out := d.user.DeepCopy()
	if len(d.parts) == 0 {
		return out, nil
	}
	written := d.document(out)
	user := written.rules()
	rules, err := d.arrange(user)
	if err != nil {
		return nil, err
	}
	annotations, err := d.annotate(slices.Sorted(maps.Keys(d.parts)), user, rules)
	if err != nil {
		return nil, err
	}
	final := make([]Rule, len(rules))
	for i, r := range rules {
		final[i] = r.Rule
	}
	if sentence := d.Exceeds(final); sentence != "" {
		return nil, errors.New(sentence)
	}
	written.setRules(out, final)
	out.SetAnnotations(annotations)
	return out, nil
}

// arrange returns what every owner's part makes of the user's rules.
func (d document) arrange(user []Rule) ([]Written, error) {
	c := composer{Route: d.Route, namespace: d.namespace, shielded: map[int]bool{}}
	for _, owner := range slices.Sorted(maps.Keys(d.parts)) {
		c.splits = append(c.splits, d.parts[owner].Splits...)
		layers, err := layersOf(owner, d.parts[owner].Splits)
		if err != nil {
			return nil, err
		}
		c.layers = append(c.layers, layers...)
	}
	return c.settle(user)
}

// withBase returns a split's shares with the base among them, which keeps its backendRef known to the
// data plane when it has no share.
func withBase(s trafficrouting.Split) []trafficrouting.Share {
	for _, share := range s.Shares {
		if share.Backend == s.Base {
			return s.Shares
		}
	}
	return append([]trafficrouting.Share{{Backend: s.Base}}, s.Shares...)
}

// settle writes the rules, and again with a copy of each rule that a copy of another would wrongly win
// over.
func (c *composer) settle(user []Rule) ([]Written, error) {
	for {
		rules, err := c.rules(user)
		if err != nil {
			return nil, err
		}
		if ranker, ok := c.Dialect.(Ranker); ok {
			if err := ranker.Rank(rules); err != nil {
				return nil, err
			}
		}
		loser, winner, ok := c.Usurped(user, rules, c.shielded)
		if !ok {
			return rules, nil
		}
		if c.shielded[loser] {
			return nil, fmt.Errorf("requests that its rule %d takes would go to the copy of its rule %d; move rule %d before rule %d or use fewer conditions in the match",
				loser+1, winner+1, loser+1, winner+1)
		}
		c.shielded[loser] = true
	}
}

// rules returns the user's rules, split, with their copies.
func (c *composer) rules(user []Rule) ([]Written, error) {
	c.met = make([]bool, len(c.layers))
	next := map[string]int{}
	var out []Written
	for i, rule := range user {
		variants, err := c.block(i, rule)
		if err != nil {
			return nil, err
		}
		if c.single(rule) {
			variants = spread(variants)
		}
		for _, v := range variants {
			w, err := c.weigh(rule, v.to, c.namespace)
			if err != nil {
				return nil, fmt.Errorf("rule %d: %w", i+1, err)
			}
			written := Rule{List: rule.List, Body: Shallow(rule.Body)}
			if len(w.refs) > 0 {
				written = c.with(rule, w.refs)
			}
			if v.owner != "" {
				next[v.owner]++
				if !c.Format().Nameless {
					written.Body["name"] = nameOfCopy(v.owner, next[v.owner])
				}
				c.match(written, v.matches)
			}
			if written.Body, err = c.alter(written, w, v); err != nil {
				return nil, fmt.Errorf("rule %d: %w", i+1, err)
			}
			// Copies must not share maps with their original: the caller may change what it gets.
			written.Body = (&unstructured.Unstructured{Object: written.Body}).DeepCopy().Object
			out = append(out, Written{Rule: written, Source: i, Owner: v.owner, weighing: w})
		}
	}
	if base := c.unlooked(user); base != "" {
		return nil, fmt.Errorf("its rules share connections to Service %s and cannot change requests; take requestHeaders and stickiness out", base)
	}
	for i, l := range c.layers {
		if !c.met[i] && slices.ContainsFunc(user, func(rule Rule) bool { return c.takes(rule, l.split, c.namespace) }) {
			return nil, fmt.Errorf("no request can meet both the match and a rule that names Service %s; change the match", l.split.Base.Service)
		}
	}
	return out, nil
}

// annotate returns the route's annotations with every owner's part and the copy for disasters.
func (d document) annotate(owners []string, user []Rule, rules []Written) (map[string]string, error) {
	annotations := d.user.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	for _, owner := range owners {
		p := part{Version: partVersion, Splits: d.parts[owner].Splits}
		for _, r := range rules {
			switch {
			case r.Owner == owner:
				p.Copies = append(p.Copies, d.signOf(r.Rule))
			case r.Owner == "" && d.concerns(p, user[r.Source]):
				p.Rules = append(p.Rules, d.recordOf(r, user[r.Source]))
			}
		}
		text, err := compact(p)
		if err != nil {
			return nil, fmt.Errorf("encode the part of Rollout %s: %w", owner, err)
		}
		annotations[annotationOf(owner)] = text
	}
	text, err := disasterCopy(d.user.Object["spec"])
	if err != nil {
		return nil, fmt.Errorf("encode the copy for disasters: %w", err)
	}
	if len(text) <= maxDisasterCopy {
		annotations[v1alpha1.AnnotationBase] = text
	}
	size := 0
	for key, value := range annotations {
		size += len(key) + len(value)
	}
	if size > maxAnnotations {
		return nil, fmt.Errorf("its annotations would take %d bytes and %d is the most; use fewer or shorter matches", size, maxAnnotations)
	}
	return annotations, nil
}

// concerns says whether a rule names a Service of a part's. One that is not chosen is known too, or it might be taken for
// another.
func (d document) concerns(p part, rule Rule) bool {
	return slices.ContainsFunc(p.Splits, func(s trafficrouting.Split) bool { return d.names(rule, s.Base.Service, d.namespace) })
}

// recordOf returns what restores the weights of one of the user's rules.
func (d document) recordOf(r Written, user Rule) record {
	out := record{Index: r.Source, List: user.List, Hash: d.shapeOf(user), Name: d.nameOf(user), Rendered: r.weighing.rendered, Scale: r.weighing.scale}
	for _, ref := range d.Refs(user) {
		out.Refs = append(out.Refs, d.Key(ref, d.namespace))
		out.Own = append(out.Own, d.weightOf(ref))
	}
	return out
}
