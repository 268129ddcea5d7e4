package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// validate refuses splits that mean nothing, and matches that the kind cannot tell.
func (r Route) validate(owner trafficrouting.Owner, splits []trafficrouting.Split) error {
	if err := trafficrouting.Validate(owner, splits); err != nil {
		return err
	}
	if reason := r.unalterable(splits); reason != "" {
		return errors.New(reason)
	}
	for _, s := range splits {
		if len(s.Only) > 0 && r.Format().Nameless {
			return fmt.Errorf("rules of %s have no names; take rules out of its entry in spec.routeRefs", r.Article())
		}
		for _, rule := range s.Rules {
			for _, m := range rule.AnyOf {
				if reason := r.Refuses(m); reason != "" {
					return errors.New(reason)
				}
				if _, err := ReadMatch(m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// reservedName says whether a rule of the user's bears a name that Crossfade gives to its copies.
func reservedName(d document, owner string) string {
	for i, rule := range d.rules() {
		if d.ownerOf(rule) == owner {
			return fmt.Sprintf("rule %d is called %s, as Crossfade calls the rules that it adds for Rollout %s; rename it", i+1, rule.Body["name"], owner)
		}
	}
	return ""
}

// unnamed says that no rule names any of the Services that are split; empty means that one does.
func (d document) unnamed(splits []trafficrouting.Split) string {
	for _, s := range splits {
		for _, rule := range d.rules() {
			if d.names(rule, s.Base.Service, d.namespace) {
				return ""
			}
		}
	}
	return fmt.Sprintf("no rule names Service %s; add it to a rule's %s or take the route out of spec.routeRefs", splits[0].Base.Service, d.Format().Lists[0].Refs)
}

// unchosen says that no rule which the splits choose names any of the Services; empty means that one does.
func (d document) unchosen(splits []trafficrouting.Split) string {
	if reason := d.unnamed(splits); reason != "" {
		return reason
	}
	for _, s := range splits {
		if slices.ContainsFunc(d.rules(), func(rule Rule) bool { return d.takes(rule, s, d.namespace) }) {
			return ""
		}
	}
	return fmt.Sprintf("no rule called %s names Service %s; give one its name back, or correct rules in spec.routeRefs", strings.Join(splits[0].Only, " or "), splits[0].Base.Service)
}

// misnamed says which name of a rule that is to be split no rule has, or which is that of a rule of other Services.
func (d document) misnamed(splits []trafficrouting.Split) string {
	for _, name := range splits[0].Only {
		called := slices.DeleteFunc(d.rules(), func(rule Rule) bool { return rule.Body["name"] != name })
		if len(called) == 0 {
			return fmt.Sprintf("no rule is called %s; give a rule that name, or take it out of rules in spec.routeRefs", name)
		}
		of := func(s trafficrouting.Split) bool {
			return slices.ContainsFunc(called, func(rule Rule) bool { return d.takes(rule, s, d.namespace) })
		}
		if !slices.ContainsFunc(splits, of) {
			return fmt.Sprintf("rule %s names no Service of spec.serviceRefs, such as %s; add it to the rule's %s, or take the rule out of rules in spec.routeRefs",
				name, splits[0].Base.Service, d.Format().Lists[called[0].List].Refs)
		}
	}
	return ""
}

// admits refuses splits that do not fit the user's route or another owner's part.
func (d document) admits(owner string, splits []trafficrouting.Split) error {
	if reason := d.unnamed(splits); reason != "" && !trafficrouting.Neutral(splits) {
		return fmt.Errorf("%s", reason)
	}
	ours := basesOf(nil, splits)
	for _, s := range splits {
		ours[s.Base.Service] = ""
	}
	for _, other := range slices.Sorted(maps.Keys(d.parts)) {
		if other == owner {
			continue
		}
		theirs := basesOf(map[string]part{other: d.parts[other]}, nil)
		for _, s := range d.parts[other].Splits {
			theirs[s.Base.Service] = ""
		}
		for _, service := range slices.Sorted(maps.Keys(theirs)) {
			if _, ok := ours[service]; ok {
				return fmt.Errorf("Rollout %s splits Service %s on this route already; name each Service in one Rollout only", other, service) //nolint:staticcheck // Rollout is a kind
			}
		}
	}
	return nil
}

// composeFirst composes with one owner's part and those of the others that fit beside it; the rest is
// left out until its owners render again.
func (d document) composeFirst(owner string) (*unstructured.Unstructured, error) {
	fitting := d.document(d.user)
	if p, ok := d.parts[owner]; ok {
		fitting.parts[owner] = p
	}
	out, err := fitting.compose()
	if err != nil {
		return nil, err
	}
	for _, other := range slices.Sorted(maps.Keys(d.parts)) {
		if other == owner {
			continue
		}
		fitting.parts[other] = d.parts[other]
		more, err := fitting.compose()
		if err != nil {
			delete(fitting.parts, other)
			continue
		}
		out = more
	}
	return out, nil
}
