// Package gatewayapi splits requests by Gateway API's routes. It works on the user's own route: every
// rule that names the Service gets the canary as one more backend, and a copy before it for the
// requests that match. API semantics are those of sigs.k8s.io/gateway-api v1.6.3.
package gatewayapi

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/policies"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Route is the trafficrouting.Provider for one kind of route.
type Route struct{ policies.Route }

var _ trafficrouting.Provider = Route{}

func of(g grammar) Route {
	return Route{policies.Route{Route: rules.Route{Dialect: g}, Kinds: []policies.Kind{
		policies.BackendTLS, policies.BackendTraffic, policies.DestinationRule, policies.GCPBackend, policies.HealthCheck,
	}}}
}

func (p Route) grammar() grammar { return p.Dialect.(grammar) }

// HTTPRoute splits requests.
func HTTPRoute() Route { return of(httpGrammar) }

// GRPCRoute splits calls, whatever connection they come on.
func GRPCRoute() Route { return of(grpcGrammar) }

// TCPRoute splits connections: one that is open stays where it is.
func TCPRoute() Route { return of(tcpGrammar) }

// TLSRoute splits connections, as TCPRoute does.
func TLSRoute() Route { return of(tlsGrammar) }

// Capabilities says what the kind can do, as far as its gateways do not say that they can't. Header equality and weights of
// requests and calls are core; methods and query parameters are extended, and stay possible where it is not known; other
// extended features have to be published by every class. Weights of connections and regular expressions are
// implementation-specific, and nothing tells whether a gateway follows them. A cookie is a regular expression on its header.
func (p Route) Capabilities(live trafficrouting.Objects) trafficrouting.Capabilities {
	g, known := p.grammar(), featuresOf(live)
	queries := g.queryParams && known.lacks(queryParamMatching) == ""
	published := func(feature string) bool { return g.weighs && (live.Route == nil || known.has(feature)) }
	return trafficrouting.Capabilities{
		Weight: true, HeaderExact: g.headers, HeaderRegex: g.headers, Cookie: g.headers, QueryExact: queries, QueryRegex: queries,
		Method: g.methods && known.lacks(methodMatching) == "", WeightAndMatch: g.headers, RequestHeaders: g.headers,
		WeightedHeaders: published(requestHeadersFeature), Sticky: published(requestHeadersFeature) && published(responseHeadersFeature),
		Mirror: published(mirrorFeature), MirrorPercent: published(mirrorPercentFeature),
		Granularity: 1, Refusal: p.Refusal(live),
	}
}

// Check says why the route, or a gateway of it, cannot carry the splits.
func (p Route) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if live.Route != nil {
		if n := len(p.Rules(live.Route)); !p.grammar().headers && n > 1 {
			return fmt.Sprintf("%s has %d rules and version v1 of its kind admits one; split it into routes of one rule", rules.Title(live), n)
		}
	}
	if reason := p.Route.Check(live, owner, splits); reason != "" {
		return reason
	}
	if reason := ungranted(live, owner, splits); reason != "" {
		return reason
	}
	known := featuresOf(live)
	several := slices.ContainsFunc(p.Rules(live.Route), func(rule rules.Rule) bool { return len(p.Refs(rule)) > 1 })
	return cmp.Or(known.unsupported(live, splits), known.unfiltered(live, splits, several), p.takeover(live, owner, splits))
}

// Misfit says why requests could not be shared: proxies of callers leave a Service without an address of its own to whom
// the caller has asked for.
func (p Route) Misfit(live trafficrouting.Objects, service *unstructured.Unstructured, _ map[string]string) string {
	if live.Route == nil || service == nil || !p.Names(live, trafficrouting.NameOn(live.Route, service.GetNamespace(), service.GetName())) {
		return ""
	}
	parents, _, _ := unstructured.NestedSlice(live.Route.Object, "spec", "parentRefs")
	meshed := slices.ContainsFunc(rules.Objects(parents), func(parent rules.Object) bool { return parent["kind"] == "Service" })
	if ip, _, _ := unstructured.NestedString(service.Object, "spec", "clusterIP"); ip != "None" || !meshed {
		return ""
	}
	return fmt.Sprintf("Service %s is headless, and proxies of the mesh then leave each request at the pod that its caller chose; give it a cluster IP, or %s a Gateway for its parent",
		service.GetName(), rules.Title(live))
}
