package istio_test

import (
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/istio"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

const head = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop, generation: 3, labels: {app: shop}}
spec:
  hosts: [shop.example.com]
  gateways: [web, mesh]`

const httpHead = head + `
  http:`

// userRoutes are VirtualServices as people write them.
var userRoutes = map[string]string{
	"one rule": httpHead + `
  - route: [{destination: {host: checkout}}]`,
	"a weight that means nothing": httpHead + `
  - route: [{destination: {host: checkout, port: {number: 80}}, weight: 0}]`,
	"hosts in full": httpHead + `
  - route: [{destination: {host: checkout.shop.svc.cluster.local}, weight: 100}]`,
	"weights of its own": httpHead + `
  - match: [{uri: {prefix: /percent}}]
    route: [{destination: {host: checkout}, weight: 70}, {destination: {host: legacy}, weight: 30}]
  - match: [{uri: {prefix: /off}}]
    route: [{destination: {host: checkout}}, {destination: {host: legacy}, weight: 1}]
  - route:
    - {destination: {host: checkout}, weight: 3}
    - {destination: {host: legacy}, weight: 1}
    - {destination: {host: checkout.other.svc.cluster.local}, weight: 1}
    - {destination: {host: idle}, weight: 0}`,
	"several rules": httpHead + `
  - name: api
    match: [{uri: {exact: /api}, method: {exact: POST}}, {uri: {prefix: /api/v2}}]
    timeout: 10s
    retries: {attempts: 3, perTryTimeout: 2s}
    rewrite: {uri: /}
    corsPolicy: {allowOrigins: [{exact: "https://shop.example.com"}]}
    fault: {delay: {percentage: {value: 1}, fixedDelay: 1s}}
    mirrors: [{destination: {host: audit}, percentage: {value: 10}}]
    route: [{destination: {host: checkout}, headers: {request: {set: {x: api}}}}]
  - match: [{uri: {prefix: /static}}]
    route: [{destination: {host: static}}]
  - match: [{headers: {x-tenant: {exact: a}}}]
    route: [{destination: {host: checkout, port: {number: 81}}}]
  - match: [{uri: {prefix: /old}}]
    redirect: {uri: /}
  - route: [{destination: {host: checkout}, weight: 9}]`,
	"an earlier rule that takes posts": httpHead + `
  - match: [{method: {exact: POST}}]
    route: [{destination: {host: beta}}]
  - match: [{uri: {prefix: /}}]
    route: [{destination: {host: checkout}}]`,
	"a rule that has our header": httpHead + `
  - match: [{headers: {x-canary: {exact: "yes"}}}, {headers: {x-canary: {prefix: "n"}}}, {headers: {x-beta: {}}, withoutHeaders: {x-canary: {}}}, {uri: {prefix: /api}, headers: {x-tenant: {}}}]
    route: [{destination: {host: checkout}}]
  - match: [{sourceLabels: {app: web}, queryParams: {v: {exact: "2"}}}, {sourceLabels: {app: job}, uri: {prefix: /off}}, {uri: {regex: "/s.*"}}]
    route: [{destination: {host: checkout, port: {number: 82}}}]
  - route: [{destination: {host: checkout, port: {number: 81}}}]`,
	"two Services, two rules": httpHead + `
  - match: [{uri: {prefix: /cart}}]
    route: [{destination: {host: cart}}]
  - route: [{destination: {host: checkout}}]`,
	"two Services in one rule": httpHead + `
  - route: [{destination: {host: cart}, weight: 2}, {destination: {host: checkout}, weight: 1}, {destination: {host: legacy}, weight: 3}]`,
	"HTTP beside connections": httpHead + `
  - route: [{destination: {host: checkout}}]
  tls:
  - match: [{port: 443, sniHosts: [shop.example.com]}]
    route: [{destination: {host: checkout, port: {number: 443}}}]
  tcp:
  - match: [{port: 9000}]
    route: [{destination: {host: checkout, port: {number: 9000}}, weight: 1}, {destination: {host: legacy}, weight: 3}]`,
	"a delegate": `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop, generation: 3}
spec:
  http:
  - route: [{destination: {host: checkout}}]`,
}

const subsets = httpHead + `
  - match: [{uri: {prefix: /api}}]
    route: [{destination: {host: checkout, subset: eu}, weight: 80}, {destination: {host: checkout, subset: us}, weight: 20}]
  - route: [{destination: {host: checkout}}]`

const policy = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: checkout, namespace: shop, labels: {team: shop}, annotations: {note: mine}}
spec:
  host: checkout.shop.svc.cluster.local
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, outlierDetection: {consecutive5xxErrors: 5}}
  subsets:
  - {name: eu, labels: {region: eu}}
  - {name: us, labels: {region: us}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}`

const otherPolicy = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: everything, namespace: shop}
spec: {host: "*.shop.svc.cluster.local", trafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}}}`

// servers are loaded once, by kind.
var servers = sync.OnceValue(func() map[string]providertest.APIServer {
	out := map[string]providertest.APIServer{}
	for kind, file := range map[string]string{"VirtualService": "virtualservices", "DestinationRule": "destinationrules"} {
		manifest, err := os.ReadFile("testdata/" + file + ".v1.31.1.yaml")
		if err != nil {
			panic(err)
		}
		server, err := providertest.NewAPIServer(manifest)
		if err != nil {
			panic(err)
		}
		out[kind] = server
	}
	return out
})

// stored parses an object and returns it as the API server stores it.
func stored(manifest string) *unstructured.Unstructured {
	obj := providertest.Parse(manifest)
	return servers()[obj.GetKind()].Defaulted(obj)
}

// requests cross what the routes and the steps tell apart.
func requests() []providertest.Request {
	var out []providertest.Request
	for _, path := range []string{"/", "/api", "/api/v2/x", "/cart", "/percent", "/off", "/static", "/old"} {
		for _, method := range []string{"GET", "POST"} {
			for i, headers := range []map[string]string{
				nil,
				{"x-canary": "yes"},
				{"x-canary": "no"},
				{"x-canary": "yesterday"},
				{"x-canary": "yes", "x-tenant": "a"},
				{"x-tenant": "a"},
				{"x-beta": "on", "x-canary": "yes", "x-tenant": "aa"},
				{"x-beta": "on"},
				{"cookie": "group=insider"},
				{"cookie": "a=b; group=insider; c=d"},
				{"cookie": "notgroup=insider"},
				{"cookie": "group=in; x=r"},
				{"cookie": "group=insiders", "x-canary": "yes"},
			} {
				query := []map[string]string{nil, {"v": "2"}, {"v": "23"}}[(i+len(out)/13)%3]
				labels := []map[string]string{nil, {"app": "web"}, {"app": "job", "tier": "edge"}, {"app": "web", "tier": "edge"}}[(i+len(out)/13)%4]
				out = append(out, providertest.Request{Path: path, Method: method, Query: query, Headers: headers, Labels: labels})
			}
		}
	}
	return out
}

func rulesOf(route *unstructured.Unstructured) []any {
	return route.Object["spec"].(object)["http"].([]any)
}

// edits are changes by others that do not touch what a split changes.
var edits = map[string]func(*unstructured.Unstructured){
	"a host": func(r *unstructured.Unstructured) {
		_ = unstructured.SetNestedStringSlice(r.Object, []string{"other.example.com"}, "spec", "hosts")
	},
	"an annotation": func(r *unstructured.Unstructured) {
		annotations := r.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations["note"] = "<mine>"
		r.SetAnnotations(annotations)
	},
	"a new rule that names the Service": func(r *unstructured.Unstructured) {
		extra := providertest.Parse(httpHead + `
  - name: extra
    match: [{uri: {prefix: /extra}}]
    route: [{destination: {host: checkout, port: {number: 80}}, weight: 4}]`)
		_ = unstructured.SetNestedSlice(r.Object, append(rulesOf(extra), rulesOf(r)...), "spec", "http")
	},
	"a header in the user's last rule": func(r *unstructured.Unstructured) {
		rules := rulesOf(r)
		rules[len(rules)-1].(object)["match"] = []any{object{"headers": object{"x-added": object{"exact": "1"}}}}
	},
	"a timeout of the user's last rule": func(r *unstructured.Unstructured) {
		rules := rulesOf(r)
		rules[len(rules)-1].(object)["timeout"] = "7s"
	},
	"an unknown field of the user's last rule": func(r *unstructured.Unstructured) {
		rules := rulesOf(r)
		rules[len(rules)-1].(object)["futureField"] = object{"deep": []any{"<&>", 1.5, nil}}
	},
}

func fixtures() providertest.Fixtures {
	routes := map[string]trafficrouting.Objects{
		"subsets": {Route: stored(subsets), Beside: []*unstructured.Unstructured{stored(policy), stored(otherPolicy)}},
	}
	for name, manifest := range userRoutes {
		routes[name] = trafficrouting.Objects{Route: stored(manifest)}
	}
	routes["one rule with a policy"] = trafficrouting.Objects{Route: stored(userRoutes["one rule"]), Beside: []*unstructured.Unstructured{stored(policy)}}
	return providertest.Fixtures{
		Routes: routes, Requests: requests(), Edits: edits, Best: trafficrouting.EvidenceWritten, More: []v1alpha1.Step{providertest.ByLabels()},
		Serve: func(live trafficrouting.Objects, r providertest.Request) providertest.Shares {
			return proxy{live}.serve(r)
		},
		Admit:  func(obj *unstructured.Unstructured) error { return servers()[obj.GetKind()].Refuses(obj) },
		Accept: func(live trafficrouting.Objects) trafficrouting.Objects { return live },
	}
}

func TestVirtualServiceContract(t *testing.T) {
	providertest.Run(t, istio.New(), fixtures())
}

// TestConnections are shared by weight, in rules of their own.
func TestConnections(t *testing.T) {
	user := trafficrouting.Objects{Route: stored(userRoutes["HTTP beside connections"])}
	for _, s := range providertest.Steps(providertest.Checkout) {
		live, err := istio.New().Render(user, providertest.CheckoutOwner, []trafficrouting.Split{s})
		require.NoError(t, err)
		s.Rules = nil
		s.Shares[1].Headers = nil
		for _, list := range []string{"tls", "tcp"} {
			require.Equal(t, providertest.Expected(proxy{user}.connect(list), providertest.Request{}, s), providertest.Visible(proxy{live}.connect(list)))
		}
	}
}

// TestStoredStaysAsRendered guards against fields that the API server would add to what is rendered, as every look would
// then find a difference.
func TestStoredStaysAsRendered(t *testing.T) {
	for name, user := range fixtures().Routes {
		for _, s := range providertest.Steps(providertest.Checkout) {
			if istio.New().Check(user, providertest.CheckoutOwner, []trafficrouting.Split{s}) != "" {
				continue // a match for a delegate
			}
			live, err := istio.New().Render(user, providertest.CheckoutOwner, []trafficrouting.Split{s})
			require.NoError(t, err, name)
			for _, obj := range append(live.Beside, live.Route) {
				providertest.SameJSON(t, obj, servers()[obj.GetKind()].Defaulted(obj), name)
			}
		}
	}
}
