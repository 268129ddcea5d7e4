package gatewayapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// Gateways and classes; the features of plain are those of a gateway that does what is core, and of full those of Traefik
// v3.7.5 (pkg/provider/kubernetes/gateway/features.go), with mirrors. Nothing is known of silent.
const (
	web    = `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web, namespace: shop}, spec: {gatewayClassName: plain}}`
	edge   = `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web, namespace: edge}, spec: {gatewayClassName: full}}`
	old    = `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: old, namespace: shop}, spec: {gatewayClassName: silent}}`
	silent = `{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: silent}, status: {conditions: []}}`
	plain  = `{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: plain}, status: {supportedFeatures: [{name: Gateway}, {name: HTTPRoute}, {name: GRPCRoute}]}}`
	full   = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: full}
status:
  supportedFeatures: [{name: Gateway}, {name: HTTPRoute}, {name: HTTPRouteBackendRequestHeaderModification}, {name: HTTPRouteMethodMatching},
    {name: HTTPRouteQueryParamMatching}, {name: HTTPRouteRequestMirror}, {name: HTTPRouteResponseHeaderModification}]`
)

// attached is a route of these parents, with what a cluster has of the objects that it needs.
func attached(t *testing.T, p gatewayapi.Route, manifest, parents string, cluster ...string) trafficrouting.Objects {
	t.Helper()
	live := trafficrouting.Objects{Route: parse(manifest)}
	var refs []any
	require.NoError(t, yaml.Unmarshal([]byte(parents), &refs))
	require.NoError(t, unstructured.SetNestedSlice(live.Route.Object, refs, "spec", "parentRefs"))
	for more := true; more; {
		more = false
		needed := p.Needs(live)
		for _, text := range cluster {
			obj := parse(text)
			read := slices.ContainsFunc(live.About, func(o *unstructured.Unstructured) bool {
				return trafficrouting.ReferenceTo(o) == trafficrouting.ReferenceTo(obj)
			})
			asked := slices.ContainsFunc(needed, func(ref trafficrouting.Reference) bool {
				return ref.GroupKind == obj.GroupVersionKind().GroupKind() && (ref.Name == "" && (ref.Namespace == "" || ref.Namespace == obj.GetNamespace()) || ref == trafficrouting.ReferenceTo(obj))
			})
			if !read && asked {
				live.About, more = append(live.About, obj), true
			}
		}
	}
	return live
}

func TestFeatures(t *testing.T) {
	const (
		ofWeb     = `[{name: web}]`
		ofEdge    = `[{name: web, namespace: edge, sectionName: http}, {name: web, namespace: edge, sectionName: https}]`
		noMethod  = "HTTPRoute shop/shop: the match by method POST needs the feature HTTPRouteMethodMatching, which GatewayClass plain does not name in status.supportedFeatures; match by header, or give the route a Gateway whose class names it"
		noQueries = "HTTPRoute shop/shop: the match by query parameter v needs the feature HTTPRouteQueryParamMatching, which GatewayClass plain does not name in status.supportedFeatures; match by header, or give the route a Gateway whose class names it"
	)
	all := []string{web, edge, old, plain, full, silent}
	cases := map[string]struct {
		parents string
		cluster []string
		matches bool // by method and query parameter
		filters bool // headers and mirror
	}{
		"a class that names them":                           {ofEdge, all, true, true},
		"a class that does not":                             {ofWeb, all, false, false},
		"both: what one does not do, the route does not":    {`[{name: web, namespace: edge}, {name: web}]`, all, false, false},
		"a class that names nothing is not known":           {`[{name: old}]`, all, true, false},
		"one of two is not known":                           {`[{name: old}, {name: web, namespace: edge}]`, all, true, false},
		"one of two is not known, and one does not":         {`[{name: old}, {name: web}]`, all, false, false},
		"a mesh is not known":                               {`[{group: "", kind: Service, name: checkout}]`, all, true, false},
		"a mesh, and a class that names them":               {`[{group: "", kind: Service, name: checkout}, {name: web, namespace: edge}]`, all, true, false},
		"a ListenerSet is not known":                        {`[{group: gateway.networking.k8s.io, kind: ListenerSet, name: web}]`, all, true, false},
		"a Gateway that does not exist":                     {ofWeb, []string{edge, plain, full}, true, false},
		"a class that does not exist":                       {ofWeb, []string{web}, true, false},
		"a Gateway of this name in another namespace":       {`[{name: web, namespace: other}]`, all, true, false},
		"a route without parents":                           {`[]`, all, true, false},
		"what is written out is what would be the default":  {`[{group: gateway.networking.k8s.io, kind: Gateway, name: web, namespace: shop}]`, all, false, false},
		"a namespace that is empty is the route's own":      {`[{name: web, namespace: ""}]`, all, false, false},
		"a Gateway is not another group's kind of the name": {`[{group: example.com, kind: Gateway, name: web}]`, all, true, false},
	}
	p := gatewayapi.HTTPRoute()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			live := attached(t, p, userRoutes["one rule"], c.parents, c.cluster...)
			can := p.Capabilities(live)
			require.Empty(t, can.Refusal)
			require.Equal(t, []bool{c.matches, c.matches, c.matches}, []bool{can.Method, can.QueryExact, can.QueryRegex})
			require.Equal(t, []bool{c.filters, c.filters, c.filters, false}, []bool{can.WeightedHeaders, can.Sticky, can.Mirror, can.MirrorPercent})
			require.True(t, can.Weight && can.HeaderExact && can.HeaderRegex && can.Cookie && can.WeightAndMatch, "what is core, and what no feature tells")

			post := v1alpha1.Match{Method: ptr.To("POST")}
			version := v1alpha1.Match{QueryParams: []v1alpha1.ValueMatch{{Name: "v", Regex: ptr.To("2|3")}}}
			insider := v1alpha1.Match{Cookies: []v1alpha1.ValueMatch{{Name: "group", Exact: ptr.To("insider")}}}
			for refusal, match := range map[string][]v1alpha1.Match{noMethod: {insider, post}, noQueries: {version}, "": {insider}} {
				if c.matches {
					refusal = ""
				}
				step := []trafficrouting.Split{providertest.ForStep(providertest.Checkout, v1alpha1.Step{Match: match})}
				require.Equal(t, refusal, p.Check(live, providertest.CheckoutOwner, step))
			}
		})
	}
}

// TestFiltersAreAskedFor: what a gateway does not say that it does to requests is refused.
func TestFiltersAreAskedFor(t *testing.T) {
	const (
		traefik = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: plain}
spec: {controllerName: traefik.io/gateway-controller}
status: {supportedFeatures: [{name: HTTPRouteBackendRequestHeaderModification}, {name: HTTPRouteResponseHeaderModification}]}`
		several = head + `
  - backendRefs: [{name: checkout, port: 80}, {name: legacy, port: 80}]`
	)
	lane := &v1alpha1.HeaderModifier{Set: []v1alpha1.Header{{Name: "x-lane", Value: "next"}}}
	matched := v1alpha1.Step{Match: []v1alpha1.Match{header("x-canary", "yes")}, RequestHeaders: lane}
	weighted := v1alpha1.Step{Weight: ptr.To(intstr.FromInt32(10)), RequestHeaders: lane}
	copied := v1alpha1.Step{Mirror: &v1alpha1.Mirror{Requests: v1alpha1.MirrorAll}}
	part := v1alpha1.Step{Mirror: &v1alpha1.Mirror{Requests: v1alpha1.MirrorAll, Percent: ptr.To(int32(10))}}
	sticky := func(stable bool) trafficrouting.Split {
		strategy := v1alpha1.Strategy{Stickiness: &v1alpha1.Stickiness{Cookie: "lane", Stable: stable}}
		return trafficrouting.ForStep(providertest.Checkout, strategy, v1alpha1.Step{Weight: ptr.To(intstr.FromInt32(10))}, "shop-1")
	}
	step := func(s v1alpha1.Step) trafficrouting.Split { return providertest.ForStep(providertest.Checkout, s) }
	for name, c := range map[string]struct {
		route, class string
		split        trafficrouting.Split
		want         string
	}{
		"headers of a match alone are core":      {userRoutes["one rule"], plain, step(matched), ""},
		"beside another backend they are not":    {several, plain, step(matched), "to change headers of a share of requests needs the feature HTTPRouteBackendRequestHeaderModification, which GatewayClass plain does not name"},
		"headers of a weight are not":            {userRoutes["one rule"], plain, step(weighted), "give requestHeaders to steps with match and no weight"},
		"where they are published, they can be":  {userRoutes["one rule"], traefik, step(weighted), ""},
		"a mirror":                               {userRoutes["one rule"], plain, step(copied), "a mirror needs the feature HTTPRouteRequestMirror, which GatewayClass plain does not name in status.supportedFeatures; take mirror out of the step"},
		"a mirror of a part":                     {userRoutes["one rule"], full, step(part), "a mirror of a part of the requests needs the feature HTTPRouteRequestPercentageMirror"},
		"users who are kept":                     {userRoutes["one rule"], plain, sticky(false), "take stickiness out"},
		"Traefik keeps users of the canary":      {userRoutes["one rule"], traefik, sticky(false), ""},
		"Traefik cannot keep those of stable":    {userRoutes["one rule"], traefik, sticky(true), "GatewayClass plain is Traefik's, which can set no cookie for a share of the user's own Service; take stable out of stickiness"},
		"a class that publishes nothing, nor so": {userRoutes["one rule"], strings.Replace(silent, "silent", "plain", 1), step(weighted), "which GatewayClass plain does not name"},
	} {
		t.Run(name, func(t *testing.T) {
			p := gatewayapi.HTTPRoute()
			live := attached(t, p, c.route, `[{name: web}]`, web, strings.Replace(c.class, "name: full", "name: plain", 1))
			reason := p.Check(live, providertest.CheckoutOwner, []trafficrouting.Split{c.split})
			if c.want == "" {
				require.Empty(t, reason)
				return
			}
			require.Contains(t, reason, c.want)
			require.Contains(t, reason, "; ", "it names the mend")
		})
	}
}

// TestFeaturesOfOtherKinds: what has no feature is asked of no class, and a release under way is not stopped by one.
func TestFeaturesOfOtherKinds(t *testing.T) {
	for kind, p := range kinds {
		t.Run(kind, func(t *testing.T) {
			before := p.Capabilities(trafficrouting.Objects{Route: parse(userRoutes["one rule"])})
			if kind == "HTTPRoute" {
				require.True(t, before.Method && before.QueryExact, "as long as nothing is read")
				return
			}
			route := parse(userRoutes["one rule"])
			route.SetKind(kind)
			unread := p.Capabilities(trafficrouting.Objects{Route: route})
			read := p.Capabilities(trafficrouting.Objects{Route: route, About: []*unstructured.Unstructured{parse(web), parse(plain)}})
			require.Equal(t, unread, read)
			require.False(t, read.WeightedHeaders || read.Sticky || read.Mirror || read.MirrorPercent)
		})
	}
	require.Empty(t, gatewayapi.HTTPRoute().Needs(trafficrouting.Objects{}))
}
