package rules

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// Title names a route in messages.
func Title(live trafficrouting.Objects) string {
	return fmt.Sprintf("%s %s/%s", live.Route.GetKind(), live.Route.GetNamespace(), live.Route.GetName())
}

// Article is the kind with its indefinite article.
func (r Route) Article() string {
	kind := r.Format().GroupKind.Kind
	if strings.ContainsAny(kind[:1], "AEIO") || strings.HasPrefix(kind, "HTTP") {
		return "an " + kind
	}
	return "a " + kind
}

// Refusal says why no Release may begin on a route.
func (r Route) Refusal(live trafficrouting.Objects) string {
	if live.Route != nil && live.Route.GetDeletionTimestamp() != nil {
		return Title(live) + " is being deleted; create it again or take it out of spec.routeRefs"
	}
	return r.unusable(live)
}

// unusable says why a route cannot be rendered. One that is being deleted can: it serves as long as finalizers keep it.
func (r Route) unusable(live trafficrouting.Objects) string {
	switch {
	case live.Route == nil:
		return r.Article() + " of spec.routeRefs does not exist; create it or take it out of spec.routeRefs"
	case live.Route.GroupVersionKind().GroupKind() != r.Format().GroupKind:
		return fmt.Sprintf("%s is not %s of group %s; name one", live.Route.GetName(), r.Article(), r.Format().GroupKind.Group)
	}
	return ""
}

// Check says why the route cannot carry the splits: what Render would refuse, and names that the user
// has given by hand to what Crossfade would add.
func (r Route) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if reason := r.Refusal(live); reason != "" {
		return reason
	}
	stripped, err := r.Strip(live, owner)
	if err != nil {
		return err.Error()
	}
	named := namedOn(live.Route, owner, splits)
	bases := basesOf(nil, named)
	for _, name := range slices.Sorted(maps.Keys(bases)) {
		if r.Names(stripped, name) {
			return fmt.Sprintf("%s names Service %s by its own hand, which would be the canary of Service %s; take it out of the route", Title(live), name, bases[name])
		}
	}
	if len(splits) > 0 {
		user := r.document(stripped.Route)
		if reason := cmp.Or(user.unnamed(named), user.misnamed(named), reservedName(user, trafficrouting.NameOn(live.Route, owner.Namespace, owner.Name))); reason != "" {
			return Title(live) + ": " + reason
		}
	}
	if _, err := r.Render(live, owner, splits); err != nil {
		return err.Error()
	}
	return ""
}

// Needs is nothing where a route says all of itself.
func (Route) Needs(trafficrouting.Objects) []trafficrouting.Reference { return nil }

// Misfit is nothing where a backend is a Service and no more.
func (Route) Misfit(trafficrouting.Objects, *unstructured.Unstructured, map[string]string) string {
	return ""
}

// Names says whether a rule of the route sends requests to the Service, copies of requests included.
func (r Route) Names(live trafficrouting.Objects, service string) bool {
	if live.Route == nil {
		return false
	}
	for _, rule := range r.Rules(live.Route) {
		for _, ref := range append(r.Refs(rule), r.Copied(rule.Body)...) {
			if name, ok := r.Service(ref, live.Route.GetNamespace()); ok && name == service {
				return true
			}
		}
	}
	return false
}

// Render writes the owner's part.
func (r Route) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	if len(splits) == 0 {
		return r.Strip(live, owner)
	}
	if reason := r.unusable(live); reason != "" {
		return trafficrouting.Objects{}, fmt.Errorf("split route: %s", reason)
	}
	out, err := r.render(live, owner, splits)
	if err != nil {
		return trafficrouting.Objects{}, fmt.Errorf("split %s: %w", Title(live), err)
	}
	return trafficrouting.Objects{Route: out}, nil
}

// Arranged returns the user's rules, and what they become with the splits and other owners' parts, in their order.
func (r Route) Arranged(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (user []Rule, written []Written, err error) {
	d, err := r.parted(live, owner, splits)
	if err != nil {
		return nil, nil, err
	}
	user = d.rules()
	written, err = d.arrange(user)
	return user, written, err
}

func (r Route) render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (*unstructured.Unstructured, error) {
	d, err := r.parted(live, owner, splits)
	if err != nil {
		return nil, err
	}
	out, err := d.compose()
	if err != nil && trafficrouting.Neutral(splits) {
		// Going back must always be possible: a route that somebody else has filled up meanwhile loses
		// others' precision rather than keep this owner's requests on the canary.
		return d.composeFirst(trafficrouting.NameOn(live.Route, owner.Namespace, owner.Name))
	}
	return out, err
}

// parted returns the live route taken apart, with these splits for the owner's part.
func (r Route) parted(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (document, error) {
	if err := r.validate(owner, splits); err != nil {
		return document{}, err
	}
	name, splits := trafficrouting.NameOn(live.Route, owner.Namespace, owner.Name), namedOn(live.Route, owner, splits)
	d, err := r.open(live.Route, name, splits)
	if err != nil {
		return document{}, err
	}
	if err := d.admits(name, splits); err != nil {
		return document{}, err
	}
	others := d.parts
	d.parts = map[string]part{name: {Splits: splits}}
	for other, p := range others {
		if other != name {
			d.parts[other] = p
		}
	}
	if r.Format().MustServe && trafficrouting.Neutral(splits) {
		delete(d.parts, name)
	}
	return d, nil
}

// Strip takes the owner's part out. A route without the owner's annotation has none, and stays as it
// is. It fails if the annotation cannot be read; Render, which knows the splits, mends it.
func (r Route) Strip(live trafficrouting.Objects, owner trafficrouting.Owner) (trafficrouting.Objects, error) {
	if live.Route == nil {
		return live, nil
	}
	return r.strip(live, trafficrouting.NameOn(live.Route, owner.Namespace, owner.Name))
}

func (r Route) strip(live trafficrouting.Objects, owner string) (trafficrouting.Objects, error) {
	if _, ok := live.Route.GetAnnotations()[annotationOf(owner)]; !ok {
		return trafficrouting.Objects{Route: live.Route.DeepCopy()}, nil
	}
	d, err := r.open(live.Route, owner, nil)
	if err != nil {
		return trafficrouting.Objects{}, fmt.Errorf("strip %s: %w", Title(live), err)
	}
	delete(d.parts, owner)
	out, err := d.compose()
	if err != nil {
		out, err = d.composeFirst("")
	}
	if err != nil {
		return trafficrouting.Objects{}, fmt.Errorf("strip %s: %w", Title(live), err)
	}
	return trafficrouting.Objects{Route: out}, nil
}

// CanaryPPM reads the canary's share back, in parts per million: the largest over the rules that are split, each
// counted among what the rule sends to the Service.
func (r Route) CanaryPPM(route *unstructured.Unstructured, owner trafficrouting.Owner, splits []trafficrouting.Split) int32 {
	largest := int64(0)
	name := trafficrouting.NameOn(route, owner.Namespace, owner.Name)
	for _, s := range namedOn(route, owner, splits) {
		bases := map[string]string{}
		added(bases, s)
		for _, rule := range r.Rules(route) {
			if r.ownerOf(rule) == name || r.Format().Nameless && r.addedTo(rule, route.GetNamespace(), bases) {
				continue
			}
			stable, canary := int64(0), int64(0)
			weights := r.Weights(rule)
			for i, ref := range r.Refs(rule) {
				name, ok := r.Service(ref, route.GetNamespace())
				switch {
				case r.marked(ref):
				case ok && name == s.Base.Service:
					stable += weights[i]
				case ok && bases[name] != "":
					canary += weights[i]
				}
			}
			if canary > 0 {
				largest = max(largest, canary*int64(trafficrouting.Whole)/(stable+canary))
			}
		}
	}
	return int32(largest)
}

// carries says why this kind cannot carry a part, as after it was copied from a route of another kind.
func (r Route) carries(p part) error {
	for _, s := range p.Splits {
		for _, rule := range s.Rules {
			for _, m := range rule.AnyOf {
				if reason := r.Refuses(m); reason != "" {
					return errors.New(reason)
				}
			}
		}
	}
	return nil
}
