package gatewayapi_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// toEdge moves a route to namespace edge: its backends name the Services by namespace shop.
func toEdge(route *unstructured.Unstructured) {
	route.SetNamespace("edge")
	eachBackend(route.Object["spec"], func(ref map[string]any) {
		if ref["namespace"] == nil {
			ref["namespace"] = "shop"
		}
	})
}

// toShop moves it back.
func toShop(route *unstructured.Unstructured) {
	route.SetNamespace("shop")
	eachBackend(route.Object["spec"], func(ref map[string]any) {
		if ref["namespace"] == "shop" {
			delete(ref, "namespace")
		}
	})
}

// eachBackend finds what names a Service by a port, filters' included.
func eachBackend(value any, do func(ref map[string]any)) {
	switch typed := value.(type) {
	case []any:
		for _, item := range typed {
			eachBackend(item, do)
		}
	case map[string]any:
		if typed["name"] != nil && typed["port"] != nil {
			do(typed)
		}
		for _, item := range typed {
			eachBackend(item, do)
		}
	}
}

// grant permits routes of a kind and namespace to send to Services of another one.
func grant(namespace, kind, from, to string) *unstructured.Unstructured {
	return parse(`{apiVersion: gateway.networking.k8s.io/v1, kind: ReferenceGrant, metadata: {name: edge, namespace: ` + namespace + `},
		spec: {from: [{group: gateway.networking.k8s.io, kind: ` + kind + `, namespace: ` + from + `}], to: ` + to + `}}`)
}

const allServices = `[{group: "", kind: Service}]`

// TestContractElsewhere: the laws hold for a route of another namespace, whose policies stay with the Services.
func TestContractElsewhere(t *testing.T) {
	f := fixtures()
	few := []string{"weights of its own", "several rules", "two Services in one rule", "one rule with policies"}
	maps.DeleteFunc(f.Routes, func(name string, _ trafficrouting.Objects) bool { return !slices.Contains(few, name) })
	providertest.Run(t, gatewayapi.HTTPRoute(), providertest.Elsewhere(f, toEdge, toShop, grant("shop", "HTTPRoute", "edge", allServices)))
}

// TestRolloutsOfOneName share a route: in each interleaving the route is as its present owners want it, and the user's in
// the end.
func TestRolloutsOfOneName(t *testing.T) {
	const shared = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: edge}
spec:
  rules:
  - matches: [{path: {value: /market}}]
    backendRefs: [{name: checkout, namespace: market, port: 80}]
  - matches: [{path: {value: /mixed}}]
    backendRefs: [{name: checkout, port: 80}, {name: checkout, namespace: shop, port: 80, weight: 3}, {name: checkout, namespace: market, port: 80}]
  - backendRefs: [{name: checkout, namespace: shop, port: 80}]`
	user := trafficrouting.Objects{Route: stored(shared), About: []*unstructured.Unstructured{
		grant("shop", "HTTPRoute", "edge", allServices), grant("market", "HTTPRoute", "edge", allServices),
	}}
	// A rule of several backends is not mirrored, and cookies of two Rollouts cannot meet in one match.
	steps := slices.DeleteFunc(providertest.Steps(providertest.Checkout), trafficrouting.Split.Alters)
	owner := func(namespace, name string) providertest.Acting {
		return providertest.Acting{Owner: trafficrouting.Owner{Namespace: namespace, Name: name}, Steps: steps}
	}
	for name, pair := range map[string][2]providertest.Acting{
		"in two other namespaces":                   {owner("shop", "checkout"), owner("market", "checkout")},
		"one in the route's namespace":              {owner("edge", "checkout"), owner("shop", "checkout")},
		"one whose name looks like another's place": {owner("edge", "shop.checkout"), owner("shop", "checkout")},
	} {
		t.Run(name, func(t *testing.T) {
			p := gatewayapi.HTTPRoute()
			for _, one := range pair {
				for _, s := range one.Steps {
					require.Empty(t, p.Check(user, one.Owner, []trafficrouting.Split{s}))
				}
			}
			providertest.Interleave(t, p, user, pair[0], pair[1])
		})
	}
}

// TestWrittenElsewhere shows what is written for a Rollout of another namespace, and that updates by others keep it.
func TestWrittenElsewhere(t *testing.T) {
	route := stored(userRoutes["one rule"])
	toEdge(route)
	owner, p := providertest.CheckoutOwner, gatewayapi.HTTPRoute()
	splits := []trafficrouting.Split{providertest.Steps(providertest.Checkout)[2]} // a header, and half a percent
	live, err := p.Render(trafficrouting.Objects{Route: route}, owner, splits)
	require.NoError(t, err)
	require.NoError(t, admit(live.Route))
	var written [][]string
	for _, rule := range rulesOf(live.Route) {
		rule := rule.(map[string]any)
		name, _ := rule["name"].(string)
		line := []string{name}
		eachBackend(rule["backendRefs"], func(ref map[string]any) {
			text, _ := json.Marshal([]any{ref["namespace"], ref["name"], ref["weight"]})
			line = append(line, string(text))
		})
		written = append(written, line)
	}
	require.Equal(t, [][]string{
		{"cf.shop.checkout-1", `["shop","checkout-canary",100]`},
		{"", `["shop","checkout",199]`, `["shop","checkout-canary",1]`},
	}, written)
	require.Contains(t, live.Route.GetAnnotations(), "shop.split.crossfade.io/checkout")
	require.NotContains(t, live.Route.GetAnnotations(), "split.crossfade.io/checkout")
	require.Equal(t, int32(5_000), p.Observe(live, owner, splits).CanaryPPM)
	require.True(t, p.Names(live, "shop/checkout-canary"))
	require.False(t, p.Names(live, "checkout-canary"))

	guarded, err := p.Guard(live, trafficrouting.Objects{Route: route})
	require.NoError(t, err)
	providertest.SameJSON(t, live.Route, guarded.Route)
	over, err := p.Guard(trafficrouting.Objects{Route: route}, live)
	require.NoError(t, err)
	providertest.SameJSON(t, route, over.Route, "a part that is over comes back with an earlier state")
}

func TestReferenceGrants(t *testing.T) {
	missing := func(service string) string {
		return "HTTPRoute edge/shop may not send to Service shop/" + service + ", as no ReferenceGrant there permits it; " +
			"add one from kind HTTPRoute of group gateway.networking.k8s.io and namespace edge to that Service, or to all (kind Service without a name)"
	}
	cases := map[string]struct {
		grants []*unstructured.Unstructured
		want   string
	}{
		"none":                            {nil, missing("checkout")},
		"to all Services":                 {[]*unstructured.Unstructured{grant("shop", "HTTPRoute", "edge", allServices)}, ""},
		"to the Service alone":            {[]*unstructured.Unstructured{grant("shop", "HTTPRoute", "edge", `[{group: "", kind: Service, name: checkout}]`)}, missing("checkout-canary")},
		"to both by name":                 {[]*unstructured.Unstructured{grant("shop", "HTTPRoute", "edge", `[{group: "", kind: Service, name: checkout}, {group: "", kind: Service, name: checkout-canary}]`)}, ""},
		"to each by a grant of its own":   {[]*unstructured.Unstructured{grant("shop", "HTTPRoute", "edge", `[{group: "", kind: Service, name: checkout}]`), grant("shop", "HTTPRoute", "edge", `[{group: "", kind: Service, name: checkout-canary}]`)}, ""},
		"from another kind":               {[]*unstructured.Unstructured{grant("shop", "GRPCRoute", "edge", allServices)}, missing("checkout")},
		"from another namespace":          {[]*unstructured.Unstructured{grant("shop", "HTTPRoute", "shop", allServices)}, missing("checkout")},
		"to another kind":                 {[]*unstructured.Unstructured{grant("shop", "HTTPRoute", "edge", `[{group: "", kind: Secret}]`)}, missing("checkout")},
		"in another namespace":            {[]*unstructured.Unstructured{grant("edge", "HTTPRoute", "edge", allServices)}, missing("checkout")},
		"another kind of object like one": {[]*unstructured.Unstructured{otherKind(grant("shop", "HTTPRoute", "edge", allServices))}, missing("checkout")},
	}
	p := gatewayapi.HTTPRoute()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			live := trafficrouting.Objects{Route: stored(userRoutes["one rule"]), About: c.grants}
			half := []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)}
			require.Empty(t, p.Check(live, providertest.CheckoutOwner, half), "in the Services' own namespace")
			toEdge(live.Route)
			require.Contains(t, p.Needs(live), trafficrouting.Reference{GroupKind: schema.GroupKind{Group: gatewayapi.Group, Kind: "ReferenceGrant"}, Namespace: "shop"})
			require.Equal(t, c.want, p.Check(live, providertest.CheckoutOwner, half))
		})
	}
}

func otherKind(obj *unstructured.Unstructured) *unstructured.Unstructured {
	obj.SetKind("OtherGrant")
	return obj
}
