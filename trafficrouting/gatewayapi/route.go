// Package gatewayapi splits requests by Gateway API's routes. It works on the user's own route: every
// rule that names the Service gets the canary as one more backend, and a copy before it for the
// requests that match. API semantics are those of sigs.k8s.io/gateway-api v1.6.3.
package gatewayapi

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
)

// Route is the trafficrouting.Provider for one kind of route.
type Route struct{ grammar }

var _ trafficrouting.Provider = Route{}

// HTTPRoute splits requests.
func HTTPRoute() Route { return Route{httpGrammar} }

// GRPCRoute splits calls, whatever connection they come on.
func GRPCRoute() Route { return Route{grpcGrammar} }

// TCPRoute splits connections: one that is open stays where it is.
func TCPRoute() Route { return Route{tcpGrammar} }

// TLSRoute splits connections, as TCPRoute does.
func TLSRoute() Route { return Route{tlsGrammar} }

// Beside is none: everything is in the route.
func (Route) Beside() []schema.GroupKind { return nil }

// Capabilities says what the kind can do. Header equality and weights of requests and calls are core; weights
// of connections, methods and query parameters are extended, regular expressions implementation-specific, and
// no status tells whether a gateway follows them. A cookie is a regular expression on its header.
func (p Route) Capabilities(live trafficrouting.Objects) trafficrouting.Capabilities {
	return trafficrouting.Capabilities{
		Weight: true, HeaderExact: p.headers, HeaderRegex: p.headers, Cookie: p.headers, QueryExact: p.queryParams, QueryRegex: p.queryParams,
		Method: p.methods, WeightAndMatch: p.headers, Granularity: 1, Refusal: p.refusal(live),
	}
}

// refusal says why no Release may begin on a route.
func (g grammar) refusal(live trafficrouting.Objects) string {
	if live.Route != nil && live.Route.GetDeletionTimestamp() != nil {
		return title(live) + " is being deleted; create it again or take it out of spec.routeRefs"
	}
	return g.unusable(live)
}

// unusable says why a route cannot be rendered. One that is being deleted can: it serves as long as finalizers keep it.
func (g grammar) unusable(live trafficrouting.Objects) string {
	switch {
	case live.Route == nil:
		return g.article() + " of spec.routeRefs does not exist; create it or take it out of spec.routeRefs"
	case live.Route.GroupVersionKind().GroupKind() != g.groupKind():
		return fmt.Sprintf("%s is not %s of group %s; name one", live.Route.GetName(), g.article(), Group)
	}
	return ""
}

// title names a route in messages.
func title(live trafficrouting.Objects) string {
	return fmt.Sprintf("%s %s/%s", live.Route.GetKind(), live.Route.GetNamespace(), live.Route.GetName())
}

// Check says why the route cannot carry the splits: what Render would refuse, and names that the user
// has given by hand to what Crossfade would add.
func (p Route) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if reason := p.refusal(live); reason != "" {
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
	d := p.document(stripped.Route)
	if n := len(d.rules()); !p.headers && n > 1 {
		return fmt.Sprintf("%s has %d rules and version v1 of its kind admits one; split it into routes of one rule", title(live), n)
	}
	if len(splits) > 0 {
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
func (p Route) Names(live trafficrouting.Objects, service string) bool {
	if live.Route == nil {
		return false
	}
	d := p.document(live.Route)
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
func (p Route) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	if len(splits) == 0 {
		return p.Strip(live, owner)
	}
	if reason := p.unusable(live); reason != "" {
		return trafficrouting.Objects{}, fmt.Errorf("split route: %s", reason)
	}
	fail := func(err error) (trafficrouting.Objects, error) {
		return trafficrouting.Objects{}, fmt.Errorf("split %s: %w", title(live), err)
	}
	if err := p.validate(live, owner, splits); err != nil {
		return fail(err)
	}
	d, err := p.open(live.Route, owner.Name, splits)
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
	if err != nil && trafficrouting.Neutral(splits) {
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
func (p Route) Strip(live trafficrouting.Objects, owner trafficrouting.Owner) (trafficrouting.Objects, error) {
	if live.Route == nil {
		return live, nil
	}
	if _, ok := live.Route.GetAnnotations()[annotationOf(owner.Name)]; !ok {
		return trafficrouting.Objects{Route: live.Route.DeepCopy()}, nil
	}
	d, err := p.open(live.Route, owner.Name, nil)
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
