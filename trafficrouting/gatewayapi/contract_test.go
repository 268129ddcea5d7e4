package gatewayapi_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

const head = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop, generation: 3, labels: {app: shop}}
spec:
  parentRefs: [{name: web}]
  rules:`

// userRoutes are routes as people write them.
var userRoutes = map[string]string{
	"one rule": head + `
  - backendRefs: [{name: checkout, port: 80}]`,
	"weights of its own": head + `
  - backendRefs: [{name: checkout, port: 80, weight: 3}, {name: legacy, port: 80, weight: 1}, {name: far, namespace: other, port: 80}, {name: idle, port: 80, weight: 0}]
  - matches: [{path: {value: /percent}}]
    backendRefs: [{name: checkout, port: 80, weight: 70}, {name: legacy, port: 80, weight: 30}]
  - matches: [{path: {value: /off}}]
    backendRefs: [{name: checkout, port: 80, weight: 0}, {name: legacy, port: 80}]`,
	"several rules": head + `
  - name: api
    matches: [{path: {type: Exact, value: /api}, method: POST}, {path: {value: /api/v2}}]
    filters:
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x, value: api}]}}
    - {type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: password}}
    timeouts: {request: 10s}
    backendRefs: [{name: checkout, port: 80}]
  - matches: [{path: {value: /static}}]
    backendRefs: [{name: static, port: 80}]
  - matches: [{headers: [{name: X-Tenant, value: a}]}]
    backendRefs: [{name: checkout, port: 81, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: t, value: a}]}}]}]
  - backendRefs: [{name: checkout, port: 80, weight: 9}]`,
	"two ports in one rule": head + `
  - backendRefs: [{name: checkout, port: 80, weight: 2}, {name: checkout, port: 81}]`,
	"rewrites that admit one match": head + `
  - matches: [{path: {value: /shop}}]
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
    backendRefs: [{name: checkout, port: 80}]`,
	"a more special rule of another Service, listed late": head + `
  - backendRefs: [{name: checkout, port: 80}]
  - matches: [{path: {value: /}, headers: [{name: x-beta, value: "on"}]}]
    backendRefs: [{name: beta, port: 80}]`,
	"a rule of another Service for posts": head + `
  - matches: [{method: POST}]
    backendRefs: [{name: beta, port: 80}]
  - matches: [{path: {value: /}}]
    backendRefs: [{name: checkout, port: 80}]`,
	"a rule that has our header": head + `
  - matches: [{headers: [{name: X-CANARY, value: "yes"}]}, {headers: [{name: x-canary, value: "no"}]}, {path: {value: /api}}]
    backendRefs: [{name: checkout, port: 80}]
  - backendRefs: [{name: checkout, port: 81}]`,
	"two Services, two rules": head + `
  - matches: [{path: {value: /cart}}]
    backendRefs: [{name: cart, port: 80}]
  - backendRefs: [{name: checkout, port: 80}]`,
	"two Services in one rule": head + `
  - backendRefs: [{name: cart, port: 80, weight: 2}, {name: checkout, port: 80}, {name: legacy, port: 80, weight: 3}]`,
	"two Services, apart and together": head + `
  - matches: [{path: {value: /api}}]
    backendRefs: [{name: cart, port: 80, weight: 30}, {name: checkout, port: 80, weight: 70}]
  - matches: [{path: {value: /cart}}]
    backendRefs: [{name: cart, port: 80, weight: 5}]
  - backendRefs: [{name: checkout, port: 80}]`,
}

// requests cross what the routes and the steps tell apart.
func requests() []providertest.Request {
	var out []providertest.Request
	for _, path := range []string{"/", "/api", "/api/v2/x", "/cart", "/percent", "/off", "/static", "/shop/1"} {
		for _, method := range []string{"GET", "POST"} {
			for i, headers := range []map[string]string{
				nil,
				{"x-canary": "yes"},
				{"x-canary": "no"},
				{"x-canary": "yes", "x-tenant": "a"},
				{"x-tenant": "a"},
				{"x-beta": "on", "x-canary": "yes", "x-tenant": "aa"},
				{"x-beta": "on"},
				{"cookie": "group=insider"},
				{"cookie": "a=b; group=insider; c=d"},
				{"cookie": "notgroup=insider"},
				{"cookie": "group=in; x=r"},
				{"cookie": "group=insiders", "x-canary": "yes"},
				{"x-beta": "on", "cookie": "group=inner"},
			} {
				query := []map[string]string{nil, {"v": "2"}, {"v": "23"}}[(i+len(out)/13)%3]
				out = append(out, providertest.Request{Path: path, Method: method, Query: query, Headers: headers})
			}
		}
	}
	return out
}

func rulesOf(route *unstructured.Unstructured) []any {
	return route.Object["spec"].(map[string]any)["rules"].([]any)
}

// edits are changes by others that do not touch what a split changes.
var edits = map[string]func(*unstructured.Unstructured){
	"a hostname": func(r *unstructured.Unstructured) {
		_ = unstructured.SetNestedStringSlice(r.Object, []string{"shop.example.com"}, "spec", "hostnames")
	},
	"a label": func(r *unstructured.Unstructured) { r.SetLabels(map[string]string{"team": "shop"}) },
	"an annotation": func(r *unstructured.Unstructured) {
		annotations := r.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations["note"] = "<mine>"
		r.SetAnnotations(annotations)
	},
	"a new rule that names the Service": func(r *unstructured.Unstructured) {
		extra := parse(head + `
  - name: extra
    matches: [{path: {type: PathPrefix, value: /extra}}]
    backendRefs: [{group: "", kind: Service, name: checkout, port: 80, weight: 4}]`)
		_ = unstructured.SetNestedSlice(r.Object, append(rulesOf(extra), rulesOf(r)...), "spec", "rules")
	},
	"a header in the user's last rule": func(r *unstructured.Unstructured) {
		rules := rulesOf(r)
		last := rules[len(rules)-1].(map[string]any)
		last["matches"] = []any{map[string]any{
			"path":    map[string]any{"type": "PathPrefix", "value": "/"},
			"headers": []any{map[string]any{"type": "Exact", "name": "x-added", "value": "1"}},
		}}
	},
	"a name for the user's last rule": func(r *unstructured.Unstructured) {
		rules := rulesOf(r)
		rules[len(rules)-1].(map[string]any)["name"] = "renamed"
	},
	"an unknown field of the user's last rule": func(r *unstructured.Unstructured) {
		rules := rulesOf(r)
		rules[len(rules)-1].(map[string]any)["futureField"] = map[string]any{"deep": []any{"<&>", 1.5, nil}}
	},
}

// accepted is a route as its controller leaves it that has seen this generation.
func accepted(route *unstructured.Unstructured, controller string, generation int64) *unstructured.Unstructured {
	return withParents(route, entryOf(controller, "{name: web}", generation))
}

// entryOf is what a controller writes for a parent at a generation.
func entryOf(controller, parentRef string, generation int64) string {
	return fmt.Sprintf(`
- controllerName: %[2]s
  parentRef: %[3]s
  conditions:
  - {type: Accepted, status: "True", reason: Accepted, message: "", lastTransitionTime: "2026-11-26T00:00:00Z", observedGeneration: %[1]d}
  - {type: ResolvedRefs, status: "True", reason: ResolvedRefs, message: "", lastTransitionTime: "2026-11-26T00:00:00Z", observedGeneration: %[1]d}`,
		generation, controller, parentRef)
}

// able are Gateways, here and elsewhere, of a class that supports all that is asked of it.
func able() []*unstructured.Unstructured {
	return []*unstructured.Unstructured{
		parse(`{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web, namespace: shop}, spec: {gatewayClassName: able}}`),
		parse(`{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web, namespace: edge}, spec: {gatewayClassName: able}}`),
		parse(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: able}
status:
  supportedFeatures: [{name: HTTPRouteBackendRequestHeaderModification}, {name: HTTPRouteMethodMatching}, {name: HTTPRouteQueryParamMatching},
    {name: HTTPRouteRequestMirror}, {name: HTTPRouteRequestPercentageMirror}, {name: HTTPRouteResponseHeaderModification}]`),
	}
}

func fixtures() providertest.Fixtures {
	routes := map[string]*unstructured.Unstructured{}
	for name, manifest := range userRoutes {
		routes[name] = stored(manifest)
	}
	// Before the API server has set defaults, as a webhook may see them.
	for _, name := range []string{"one rule", "weights of its own", "two Services, apart and together"} {
		routes[name+", as typed"] = parse(userRoutes[name])
	}
	all := providertest.Alone(routes)
	all["one rule with policies"] = withPolicies("one rule")
	all["two Services with policies"] = withPolicies("two Services in one rule")
	for name, objects := range all {
		objects.About = able()
		all[name] = objects
	}
	return providertest.Fixtures{
		Routes: all, Requests: requests(), Edits: edits, Admit: admit, Best: trafficrouting.EvidenceAccepted,
		Serve: func(live trafficrouting.Objects, r providertest.Request) providertest.Shares {
			return underPolicies(live, serveAlike(live.Route, r))
		},
		Accept: func(live trafficrouting.Objects) trafficrouting.Objects {
			return trafficrouting.Objects{Beside: live.Beside, Route: accepted(live.Route, "istio.io/gateway-controller", live.Route.GetGeneration())}
		},
	}
}

func TestHTTPRouteContract(t *testing.T) {
	providertest.Run(t, gatewayapi.HTTPRoute(), fixtures())
}

// TestStoredRoutesStayAsRendered guards against fields that the API server would add to what is
// rendered, as every look would then find a difference.
func TestStoredRoutesStayAsRendered(t *testing.T) {
	for name, manifest := range userRoutes {
		t.Run(name, func(t *testing.T) {
			for _, s := range providertest.Steps(providertest.Checkout) {
				user := stored(manifest)
				if gatewayapi.HTTPRoute().Check(trafficrouting.Objects{Route: user, About: able()}, providertest.CheckoutOwner, []trafficrouting.Split{s}) != "" {
					continue // a mirror of what goes to several
				}
				live := render(t, user, providertest.CheckoutOwner, s)
				for _, server := range channels(live) {
					providertest.SameJSON(t, live, server.Defaulted(live))
				}
			}
		})
	}
}
