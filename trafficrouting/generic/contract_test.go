package generic_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/generic"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

type object = map[string]any

const descriptions = "../../charts/crossfade/files/routekinds/"

// crds are the schemas of the kinds that descriptions come with, and of descriptions themselves.
var crds = map[string]string{
	"IngressRoute":   "testdata/ingressroutes.v3.7.5.yaml",
	"TraefikService": "testdata/traefikservices.v3.7.5.yaml",
	"HTTPProxy":      "testdata/httpproxies.v1.33.8.yaml",
	"RouteKind":      "../../charts/crossfade/crds/crossfade.io_routekinds.yaml",
}

// servers are loaded once, by kind.
var servers = sync.OnceValue(func() map[string]providertest.APIServer {
	out := map[string]providertest.APIServer{}
	for kind, file := range crds {
		manifest, err := os.ReadFile(file)
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

// described reads a description as the API server stores it.
func described(t testing.TB, manifest string) v1alpha1.RouteKind {
	t.Helper()
	obj := stored(manifest)
	require.NoError(t, servers()["RouteKind"].Refuses(obj))
	text, err := yaml.Marshal(obj.Object)
	require.NoError(t, err)
	var kind v1alpha1.RouteKind
	require.NoError(t, yaml.UnmarshalStrict(text, &kind))
	return kind
}

// shipped makes the provider of a description that comes with Crossfade.
func shipped(t testing.TB, name string) generic.Route {
	t.Helper()
	return shippedBut(t, name, func(*v1alpha1.RouteKindSpec) {})
}

// shippedBut makes the provider of such a description that was changed.
func shippedBut(t testing.TB, name string, change func(*v1alpha1.RouteKindSpec)) generic.Route {
	t.Helper()
	text, err := os.ReadFile(descriptions + name + ".yaml")
	require.NoError(t, err)
	spec := described(t, string(text)).Spec
	change(&spec)
	p, err := generic.New(spec)
	require.NoError(t, err)
	return p
}

// plane is a kind of route with what serves it.
type plane struct {
	description string
	fixtures    providertest.Fixtures
	// made makes up a route.
	made func(d *providertest.Dice) *unstructured.Unstructured
}

var planes = map[string]func() plane{"IngressRoute": ingressRoutes, "TraefikService": traefikServices, "HTTPProxy": httpProxies}

// TestDescribedContract proves for each description that comes with Crossfade what holds for every kind of route.
func TestDescribedContract(t *testing.T) {
	files, err := filepath.Glob(descriptions + "*.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(planes), "each description is proven")
	for kind, of := range planes {
		t.Run(kind, func(t *testing.T) {
			p := of()
			providertest.Run(t, shipped(t, p.description), p.fixtures)
		})
	}
}

// TestStoredStaysAsRendered guards against fields that the API server would add to what is rendered, as every look would
// then find a difference.
func TestStoredStaysAsRendered(t *testing.T) {
	for _, of := range planes {
		p := shipped(t, of().description)
		for name, user := range of().fixtures.Routes {
			for _, s := range providertest.Steps(providertest.Checkout) {
				if p.Check(user, providertest.CheckoutOwner, []trafficrouting.Split{s}) != "" {
					continue // a match that the kind cannot tell
				}
				live, err := p.Render(user, providertest.CheckoutOwner, []trafficrouting.Split{s})
				require.NoError(t, err, name)
				for _, obj := range append([]*unstructured.Unstructured{live.Route}, live.Beside...) {
					providertest.SameJSON(t, obj, servers()[obj.GetKind()].Defaulted(obj), name)
				}
			}
		}
	}
}

func routesOf(manifests map[string]string) map[string]trafficrouting.Objects {
	routes := map[string]*unstructured.Unstructured{}
	for name, manifest := range manifests {
		routes[name] = stored(manifest)
	}
	return providertest.Alone(routes)
}

func admit(obj *unstructured.Unstructured) error { return servers()[obj.GetKind()].Refuses(obj) }

// requests cross what the routes and the steps tell apart.
func requests() []providertest.Request {
	var out []providertest.Request
	for _, path := range []string{"/", "/api", "/api/v2/x", "/cart", "/percent", "/static"} {
		for _, method := range []string{"GET", "POST"} {
			for i, headers := range []map[string]string{
				nil,
				{"x-canary": "yes"},
				{"x-canary": "no"},
				{"x-canary": "yesterday"},
				{"x-canary": "yes", "x-tenant": "a"},
				{"x-tenant": "a"},
				{"x-beta": "on", "x-canary": "yes", "x-tenant": "aa"},
				{"cookie": "group=insider"},
				{"cookie": "a=b; group=insider; c=d"},
				{"cookie": "notgroup=insider"},
				{"cookie": "group=in; x=r"},
				{"cookie": "group=insiders", "x-canary": "yes"},
			} {
				query := []map[string]string{nil, {"v": "2"}, {"v": "23"}}[(i+len(out)/12)%3]
				out = append(out, providertest.Request{Path: path, Method: method, Query: query, Headers: headers})
			}
		}
	}
	return out
}

// rulesOf returns the rules of a list in a route's spec.
func rulesOf(route *unstructured.Unstructured, field string) []any {
	return route.Object["spec"].(object)[field].([]any)
}

// edits are changes by others that do not touch what a split changes, to a route whose rules stand in a list of this name;
// extra is one more rule.
func edits(field string, extra object, every func(rule object)) map[string]func(*unstructured.Unstructured) {
	return map[string]func(*unstructured.Unstructured){
		"an annotation": func(r *unstructured.Unstructured) {
			annotations := r.GetAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations["note"] = "<mine>"
			r.SetAnnotations(annotations)
		},
		"a new rule that names the Service": func(r *unstructured.Unstructured) {
			copied := (&unstructured.Unstructured{Object: extra}).DeepCopy().Object
			_ = unstructured.SetNestedSlice(r.Object, append([]any{copied}, rulesOf(r, field)...), "spec", field)
		},
		"something of every rule": func(r *unstructured.Unstructured) {
			for _, rule := range rulesOf(r, field) {
				every(rule.(object))
			}
		},
		"an unknown field of the user's last rule": func(r *unstructured.Unstructured) {
			rules := rulesOf(r, field)
			rules[len(rules)-1].(object)["futureField"] = object{"deep": []any{"<&>", 1.5, nil}}
		},
	}
}
