// Package gatewayapi splits requests by Gateway API's HTTPRoute. It works on the user's own route:
// every rule that names the Service gets the canary as one more backend, and a copy before it for the
// requests that match. API semantics are those of sigs.k8s.io/gateway-api v1.6.3.
package gatewayapi

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
)

// GroupKind is the kind of route that this package is for.
var GroupKind = schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"}

// HTTPRoute is the trafficrouting.Provider for HTTPRoutes.
type HTTPRoute struct{}

var _ trafficrouting.Provider = HTTPRoute{}

// Capabilities says what an HTTPRoute can do. Header equality and weights are core; methods and query
// parameters are extended, regular expressions implementation-specific, and no status tells whether a
// gateway follows them.
func (HTTPRoute) Capabilities(live trafficrouting.Objects) trafficrouting.Capabilities {
	return trafficrouting.Capabilities{
		Weight: true, HeaderExact: true, HeaderRegex: true, Cookie: true, QueryExact: true, QueryRegex: true,
		Method: true, WeightAndMatch: true, Granularity: 1, Refusal: refusal(live),
	}
}

// refusal says why a route cannot be used at all.
func refusal(live trafficrouting.Objects) string {
	switch {
	case live.Route == nil:
		return "an HTTPRoute of spec.routeRefs does not exist; create it or take it out of spec.routeRefs"
	case live.Route.GroupVersionKind().GroupKind() != GroupKind:
		return fmt.Sprintf("%s is not an HTTPRoute of group %s; name one", live.Route.GetName(), GroupKind.Group)
	case live.Route.GetDeletionTimestamp() != nil:
		return title(live) + " is being deleted; create it again or take it out of spec.routeRefs"
	}
	return ""
}

// title names a route in messages.
func title(live trafficrouting.Objects) string {
	return fmt.Sprintf("HTTPRoute %s/%s", live.Route.GetNamespace(), live.Route.GetName())
}

// Check says why the route cannot carry the splits: what Render would refuse, and names that the user
// has given by hand to what Crossfade would add.
func (p HTTPRoute) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if reason := refusal(live); reason != "" {
		return reason
	}
	stripped, err := p.Strip(live, owner)
	if err != nil {
		return err.Error()
	}
	bases := basesOf(nil, splits)
	for _, name := range slices.Sorted(maps.Keys(bases)) {
		if p.Names(stripped, name) {
			return fmt.Sprintf("%s names Service %s by its own hand, which would be the canary of Service %s; take it out of the route", title(live), name, bases[name])
		}
	}
	if d := (document{route: stripped.Route, namespace: live.Route.GetNamespace()}); len(splits) > 0 {
		if reason := d.unnamed(splits); reason != "" {
			return title(live) + ": " + reason
		}
	}
	if _, err := p.Render(live, owner, splits); err != nil {
		return err.Error()
	}
	return ""
}

// Names says whether a rule of the route sends requests to the Service, copies of requests included.
func (HTTPRoute) Names(live trafficrouting.Objects, service string) bool {
	if live.Route == nil {
		return false
	}
	d := document{route: live.Route, namespace: live.Route.GetNamespace()}
	for _, rule := range d.rules() {
		refs := refsOf(rule)
		filters := objects(rule["filters"])
		for _, ref := range refs {
			filters = append(filters, objects(ref["filters"])...)
		}
		for _, filter := range filters {
			mirror, _ := filter["requestMirror"].(object)
			if ref, ok := mirror["backendRef"].(object); ok {
				refs = append(refs, ref)
			}
		}
		for _, ref := range refs {
			if name, ok := localService(ref, d.namespace); ok && name == service {
				return true
			}
		}
	}
	return false
}

// Render writes the owner's part.
func (p HTTPRoute) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	if len(splits) == 0 {
		return p.Strip(live, owner)
	}
	if reason := refusal(live); reason != "" {
		return trafficrouting.Objects{}, fmt.Errorf("split route: %s", reason)
	}
	fail := func(err error) (trafficrouting.Objects, error) {
		return trafficrouting.Objects{}, fmt.Errorf("split %s: %w", title(live), err)
	}
	if err := validate(live, owner, splits); err != nil {
		return fail(err)
	}
	d, err := open(live.Route, owner.Name, splits)
	if err != nil {
		return fail(err)
	}
	if reason := reservedName(d, owner.Name); reason != "" {
		return fail(fmt.Errorf("%s", reason))
	}
	if err := d.admits(owner.Name, splits); err != nil {
		return fail(err)
	}
	others := d.parts
	d.parts = map[string]part{owner.Name: {Splits: splits}}
	for name, p := range others {
		if name != owner.Name {
			d.parts[name] = p
		}
	}
	out, err := d.compose()
	if err != nil && neutral(splits) {
		// Going back must always be possible: a route that somebody else has filled up meanwhile loses
		// others' precision rather than keep this owner's requests on the canary.
		out, err = d.composeFirst(owner.Name)
	}
	if err != nil {
		return fail(err)
	}
	return trafficrouting.Objects{Route: out}, nil
}

// Strip takes the owner's part out. A route without the owner's annotation has none, and stays as it
// is. It fails if the annotation cannot be read; Render, which knows the splits, mends it.
func (HTTPRoute) Strip(live trafficrouting.Objects, owner trafficrouting.Owner) (trafficrouting.Objects, error) {
	if live.Route == nil {
		return live, nil
	}
	if _, ok := live.Route.GetAnnotations()[annotationOf(owner.Name)]; !ok {
		return trafficrouting.Objects{Route: live.Route.DeepCopy()}, nil
	}
	d, err := open(live.Route, owner.Name, nil)
	if err != nil {
		return trafficrouting.Objects{}, fmt.Errorf("strip %s: %w", title(live), err)
	}
	delete(d.parts, owner.Name)
	out, err := d.compose()
	if err != nil {
		out, err = d.composeFirst("")
	}
	if err != nil {
		return trafficrouting.Objects{}, fmt.Errorf("strip %s: %w", title(live), err)
	}
	return trafficrouting.Objects{Route: out}, nil
}
