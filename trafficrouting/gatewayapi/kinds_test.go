package gatewayapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

const grpcHead = `
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: shop, namespace: shop, generation: 3}
spec:
  parentRefs: [{name: web}]
  rules:`

var grpcRoutes = map[string]string{
	"one rule": grpcHead + `
  - backendRefs: [{name: checkout, port: 80}]`,
	"services and methods": grpcHead + `
  - name: get
    matches: [{method: {service: shop.Cart, method: Get}}, {method: {service: shop.Till}}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x, value: api}]}}]
    backendRefs: [{name: checkout, port: 80, weight: 3}, {name: legacy, port: 80}]
  - matches: [{headers: [{name: X-Tenant, value: a}]}]
    backendRefs: [{name: checkout, port: 81}]
  - matches: [{method: {type: RegularExpression, service: "shop[.]S.*"}}]
    backendRefs: [{name: static, port: 80}]
  - backendRefs: [{name: checkout, port: 80, weight: 9}]`,
	"a more special rule of another Service, listed late": grpcHead + `
  - matches: [{method: {service: shop.Cart}}]
    backendRefs: [{name: checkout, port: 80}]
  - matches: [{method: {service: shop.Cart}, headers: [{name: x-beta, value: "on"}]}]
    backendRefs: [{name: beta, port: 80}]`,
	"a call of another Service": grpcHead + `
  - matches: [{method: {service: shop.Till, method: Open}}]
    backendRefs: [{name: till, port: 80}]
  - backendRefs: [{name: checkout, port: 80}]`,
	"two Services": grpcHead + `
  - matches: [{method: {service: shop.Cart}}]
    backendRefs: [{name: cart, port: 80, weight: 5}]
  - backendRefs: [{name: cart, port: 80, weight: 30}, {name: checkout, port: 80, weight: 70}]`,
}

func TestGRPCRouteContract(t *testing.T) {
	f := fixtures()
	routes := map[string]*unstructured.Unstructured{"one rule, as typed": parse(grpcRoutes["one rule"])}
	for name, manifest := range grpcRoutes {
		routes[name] = stored(manifest)
	}
	f.Routes = providertest.Alone(routes)
	f.Requests = nil
	for _, path := range []string{"/shop.Cart/Get", "/shop.Cart/Put", "/shop.Till/Open", "/shop.Stock/Get", "/other/Get"} {
		for _, r := range requests()[:13] {
			f.Requests = append(f.Requests, providertest.Request{Path: path, Method: "POST", Headers: r.Headers})
		}
	}
	// What is particular to an HTTPRoute's rules.
	delete(f.Edits, "a new rule that names the Service")
	delete(f.Edits, "a header in the user's last rule")
	f.Edits["a call more in the user's last rule"] = func(r *unstructured.Unstructured) {
		rules := rulesOf(r)
		rules[len(rules)-1].(map[string]any)["matches"] = []any{
			map[string]any{"method": map[string]any{"type": "Exact", "service": "shop.Added"}},
		}
	}
	providertest.Run(t, gatewayapi.GRPCRoute(), f)

	t.Run("by gateways that take the longest rule too", func(t *testing.T) {
		f.Serve = func(live trafficrouting.Objects, r providertest.Request) providertest.Shares {
			return serveCallsAlike(live.Route, r)
		}
		delete(f.Routes, "services and methods") // as the user wrote it, they differ about it
		providertest.Run(t, gatewayapi.GRPCRoute(), f)
	})
}

// Routes of connections have one rule, which matches nothing.
func TestConnectionRoutesContract(t *testing.T) {
	routes := map[string]string{
		"one backend":   `[{backendRefs: [{name: checkout, port: 80}]}]`,
		"weights":       `[{name: all, backendRefs: [{name: checkout, port: 80, weight: 3}, {name: legacy, port: 80}]}]`,
		"two Services":  `[{backendRefs: [{name: cart, port: 80, weight: 2}, {name: checkout, port: 80}]}]`,
		"another share": `[{backendRefs: [{name: checkout, port: 80, weight: 70}, {name: far, namespace: other, port: 80, weight: 30}]}]`,
	}
	for kind, provider := range map[string]gatewayapi.Route{"TCPRoute": gatewayapi.TCPRoute(), "TLSRoute": gatewayapi.TLSRoute()} {
		t.Run(kind, func(t *testing.T) {
			f := fixtures()
			f.Routes, f.Requests = map[string]trafficrouting.Objects{}, []providertest.Request{{Path: "/"}}
			for name, rules := range routes {
				f.Routes[name] = trafficrouting.Objects{Route: stored(connectionRoute(kind, rules))}
			}
			edits := f.Edits
			f.Edits = map[string]func(*unstructured.Unstructured){}
			for _, name := range []string{"a label", "an annotation", "a name for the user's last rule", "an unknown field of the user's last rule"} {
				f.Edits[name] = edits[name]
			}
			providertest.Run(t, provider, f)
		})
	}
}

func connectionRoute(kind, rules string) string {
	manifest := strings.Replace(head, "kind: HTTPRoute", "kind: "+kind, 1) + " " + rules
	if kind == "TLSRoute" {
		manifest += "\n  hostnames: [shop.example.com]"
	}
	return manifest
}

// TestWhatAKindCannotTell has the sentences that people see.
func TestWhatAKindCannotTell(t *testing.T) {
	get := "GET"
	byMethod, byQuery := header("a", "b"), header("a", "b")
	byMethod.Method = &get
	byQuery.QueryParams = byQuery.Headers
	for name, c := range map[string]struct {
		manifest string
		step     trafficrouting.Split
		want     string
	}{
		"GRPCRoute, method":   {grpcRoutes["one rule"], step(10, byMethod), "a GRPCRoute cannot match by HTTP method; take method out of the match"},
		"GRPCRoute, query":    {grpcRoutes["one rule"], step(10, byQuery), "a GRPCRoute cannot match by query parameter; match by header"},
		"TCPRoute, any match": {connectionRoute("TCPRoute", `[{backendRefs: [{name: checkout, port: 80}]}]`), step(10, header("a", "b")), "a TCPRoute shares connections and cannot look into them; take match out of the step"},
		"TLSRoute, any match": {connectionRoute("TLSRoute", `[{backendRefs: [{name: checkout, port: 80}]}]`), step(0, header("a", "b")), "a TLSRoute shares connections and cannot look into them; take match out of the step"},
	} {
		t.Run(name, func(t *testing.T) {
			route := stored(c.manifest)
			got := kinds[route.GetKind()].Check(trafficrouting.Objects{Route: route}, providertest.CheckoutOwner, []trafficrouting.Split{c.step})
			require.Equal(t, "split "+route.GetKind()+" shop/shop: "+c.want, got)
		})
	}
}
