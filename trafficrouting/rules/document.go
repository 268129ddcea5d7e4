package rules

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// document is a route taken apart: what the user wrote, and every owner's part. Writing it again
// depends on nothing else, so that the order in which owners come, go and step leaves no trace.
type document struct {
	Route
	user      *unstructured.Unstructured // the user's route
	namespace string
	parts     map[string]part
}

// document is a route without parts.
func (r Route) document(route *unstructured.Unstructured) document {
	return document{Route: r, user: route, namespace: route.GetNamespace(), parts: map[string]part{}}
}

// open takes a live route apart. Where the owner's annotation is missing, what bears the names of its
// Services and rules is known by these: the splits say them. With no splits, a missing annotation
// means that the owner has nothing here. It fails if the owner's annotation cannot be read and there
// are no splits to go by.
func (r Route) open(live *unstructured.Unstructured, owner string, splits []trafficrouting.Split) (document, error) {
	d := r.document(live.DeepCopy())
	annotations := d.user.GetAnnotations()
	for key, text := range annotations {
		name := annotated(key)
		if name == "" {
			continue
		}
		p, err := decodePart(text)
		if err == nil {
			err = r.carries(p)
		}
		switch {
		case err == nil:
			d.parts[name] = p
		case name != owner:
			continue // its owner's next Render mends it
		case splits == nil:
			return document{}, fmt.Errorf("read annotation %s: %w", key, err)
		}
		delete(annotations, key)
	}
	if len(d.parts) > 0 {
		delete(annotations, v1alpha1.AnnotationBase)
	}
	if len(annotations) == 0 {
		annotations = nil // the API server keeps no empty map
	}
	d.user.SetAnnotations(annotations)
	if len(d.parts) == 0 && splits == nil {
		return d, nil
	}

	bases, copied, changes := basesOf(d.parts, splits), r.copiedOf(d.parts), changesOf(d.parts, splits)
	lost := d.lostCopies()
	d.expectCopies(lost, owner, splits, bases, copied)
	var kept []userRule
	for _, rule := range d.rules() {
		if !d.inserted(rule, owner, bases, lost) {
			kept = append(kept, r.readRule(rule, d.namespace, bases, copied, changes))
		}
	}
	r.restoreWeights(kept, d.records(), d.namespace)
	rules := make([]Rule, len(kept))
	for i, k := range kept {
		rules[i] = k.rule
	}
	d.setRules(d.user, rules)
	return d, nil
}

// basesOf maps every backend that the splits add to the Service that it was added for.
func basesOf(parts map[string]part, splits []trafficrouting.Split) map[string]string {
	bases := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		for _, s := range parts[name].Splits {
			added(bases, s)
		}
	}
	for _, s := range splits {
		added(bases, s)
	}
	return bases
}

// copiedOf names the backends that the parts add to the user's rules for copies alone: those of a kind that mirrors by a flag,
// and of a part that this description of the kind is too old or too new to carry.
func (r Route) copiedOf(parts map[string]part) map[string]bool {
	copied := map[string]bool{}
	for _, p := range parts {
		if r.Format().MirrorFlag == "" && r.unalterable(p.Splits) == "" {
			continue
		}
		for _, s := range p.Splits {
			shared, shares := map[string]bool{}, s.Shares
			for _, rule := range s.Rules {
				shares = append(shares[:len(shares):len(shares)], rule.To...)
			}
			for _, share := range shares {
				shared[share.Backend.Service] = shared[share.Backend.Service] || share.PPM > 0
			}
			for _, rule := range s.Rules {
				if m := rule.Mirror; m != nil && !shared[m.To.Service] {
					copied[m.To.Service] = true
				}
			}
		}
	}
	return copied
}

// changesOf maps every backend that the splits add to what is changed on the way to it.
func changesOf(parts map[string]part, splits []trafficrouting.Split) map[string]trafficrouting.Headers {
	changes := map[string]trafficrouting.Headers{}
	add := func(splits []trafficrouting.Split) {
		for _, s := range splits {
			shares := s.Shares
			for _, rule := range s.Rules {
				shares = append(shares[:len(shares):len(shares)], rule.To...)
			}
			for _, share := range shares {
				if share.Headers != nil && share.Backend != s.Base {
					changes[share.Backend.Service] = *share.Headers
				}
			}
		}
	}
	add(splits)
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		add(parts[name].Splits) // what was written last
	}
	return changes
}

func added(bases map[string]string, s trafficrouting.Split) {
	for _, share := range s.Shares {
		bases[share.Backend.Service] = s.Base.Service
	}
	for _, rule := range s.Rules {
		for _, share := range rule.To {
			bases[share.Backend.Service] = s.Base.Service
		}
	}
	delete(bases, s.Base.Service)
}

// lostCopies counts, by content, the copies that no rule bears the name of any more.
func (d document) lostCopies() map[string]int {
	named := map[string]bool{}
	for _, rule := range d.rules() {
		named[d.nameOf(rule)] = true
	}
	lost := map[string]int{}
	for owner, p := range d.parts {
		for i, hash := range p.Copies {
			if !named[nameOfCopy(owner, i+1)] {
				lost[hash]++
			}
		}
	}
	return lost
}

// expectCopies counts those that an owner whose annotation is missing may have among rules without names: what its splits
// make of the rules that can only be the user's.
func (d document) expectCopies(lost map[string]int, owner string, splits []trafficrouting.Split, bases map[string]string, copied map[string]bool) {
	if _, known := d.parts[owner]; known || splits == nil || !d.Format().Nameless {
		return
	}
	plain := d.document(d.user.DeepCopy())
	var rules []Rule
	for _, rule := range plain.rules() {
		if !d.addedTo(rule, d.namespace, bases) {
			d.unmark(rule, d.namespace, bases, copied)
			rules = append(rules, rule)
		}
	}
	plain.setRules(plain.user, rules)
	plain.parts[owner] = part{Splits: splits}
	out, err := plain.compose()
	if err != nil {
		return
	}
	made, err := decodePart(out.GetAnnotations()[annotationOf(owner)])
	if err != nil {
		return
	}
	for _, sign := range made.Copies {
		lost[sign]++
	}
}

// inserted says whether a rule is one that Crossfade inserted: by its name, or where that was lost, by
// its content. A copy stands before its original, so of two that are alike the first is the copy.
func (d document) inserted(rule Rule, owner string, bases map[string]string, lost map[string]int) bool {
	by := d.ownerOf(rule)
	if _, ok := d.parts[by]; ok || by != "" && by == owner {
		return true
	}
	// A copy of a rule of other Services may say what one of the user's does, as may one of which the sign is its match alone.
	if !d.about(rule, bases) || d.Format().Nameless && !d.addedTo(rule, d.namespace, bases) {
		return false
	}
	hash := d.signOf(rule)
	if lost[hash] == 0 {
		return false
	}
	lost[hash]--
	return true
}

// about says whether a rule has a backend that was added for a Service, or that Service itself.
func (d document) about(rule Rule, bases map[string]string) bool {
	for added, base := range bases {
		if d.names(rule, added, d.namespace) || d.names(rule, base, d.namespace) {
			return true
		}
	}
	return false
}

// addedTo says whether a rule has a backend that was added for a Service which it doesn't name itself, as one of the user's
// does.
func (r Route) addedTo(rule Rule, namespace string, bases map[string]string) bool {
	for _, ref := range r.Refs(rule) {
		name, ok := r.Service(ref, namespace)
		if ok && bases[name] != "" && !r.names(rule, bases[name], namespace) {
			return true
		}
	}
	return false
}

// records returns what the parts know of the user's rules, in the rules' order.
func (d document) records() []record {
	known := map[int]record{}
	for _, name := range slices.Sorted(maps.Keys(d.parts)) {
		for _, r := range d.parts[name].Rules {
			if _, ok := known[r.Index]; !ok {
				known[r.Index] = r
			}
		}
	}
	out := make([]record, 0, len(known))
	for _, index := range slices.Sorted(maps.Keys(known)) {
		out = append(out, known[index])
	}
	return out
}

func (d document) rules() []Rule { return d.Rules(d.user) }
