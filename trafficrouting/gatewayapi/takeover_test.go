package gatewayapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// Gateways of Traefik, and of a controller that keeps to the order of the API.
const (
	summing = `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: summing, namespace: shop}, spec: {gatewayClassName: traefik}}`
	traefik = `{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: traefik}, spec: {controllerName: traefik.io/gateway-controller}}`
	orderly = `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: orderly, namespace: shop}, spec: {gatewayClassName: envoy}}`
	envoy   = `{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: envoy}, spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}}`
)

var (
	post  = v1alpha1.Match{Method: ptr.To("POST")}
	two   = v1alpha1.Match{Headers: append(header("x-a", "1").Headers, header("x-b", "1").Headers...)}
	admin = head + `
  - matches: [{path: {type: PathPrefix, value: /api}}]
    backendRefs: [{name: checkout, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /api/admin}}]
    filters: [{type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: auth}}]
    backendRefs: [{name: admin, port: 80}]`
)

func TestTakeoverOfLongerPaths(t *testing.T) {
	const (
		byClass = "GatewayClass traefik is Traefik's, which adds up all that a rule asks for"
		unread  = "the class of Gateway shop/summing could not be read and may be Traefik's, which adds up all that a rule asks for"
		sorry   = "HTTPRoute shop/shop: %s, so that a copy of its rule 1 (PathPrefix /api) would take requests from its rule 2 (PathPrefix /api/%s); take match, mirror and stickiness out, match by less, or give the route a Gateway of another controller"
	)
	x := head + `
  - matches: [{path: {type: PathPrefix, value: /api}}]
    backendRefs: [{name: checkout, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /api/x}}]
    backendRefs: [{name: admin, port: 80}]`
	cases := map[string]struct {
		route, parents string
		cluster        []string
		split          trafficrouting.Split
		loses          string // the path below /api; empty means that none does
		why            string
	}{
		"a method adds more than the path":           {admin, `[{name: summing}]`, []string{summing, traefik}, step(0, post), "admin", byClass},
		"two headers add as much as two characters":  {x, `[{name: summing}]`, []string{summing, traefik}, step(0, two), "x", byClass},
		"one header adds less":                       {x, `[{name: summing}]`, []string{summing, traefik}, step(0, header("x-canary", "yes")), "", ""},
		"two headers add less than longer paths do":  {admin, `[{name: summing}]`, []string{summing, traefik}, step(0, two), "", ""},
		"a share alone makes no copies":              {admin, `[{name: summing}]`, []string{summing, traefik}, step(10), "", ""},
		"by the API the path comes first":            {admin, `[{name: orderly}]`, []string{orderly, envoy}, step(0, post), "", ""},
		"a mesh is none of Traefik's":                {admin, `[{group: "", kind: Service, name: checkout}]`, nil, step(0, post), "", ""},
		"one of two Gateways":                        {admin, `[{name: orderly}, {name: summing}]`, []string{orderly, envoy, summing, traefik}, step(0, post), "admin", byClass},
		"a class that is not known may be Traefik's": {admin, `[{name: summing}]`, []string{traefik}, step(0, post), "admin", unread},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := gatewayapi.HTTPRoute()
			live := attached(t, p, c.route, c.parents, c.cluster...)
			want := ""
			if c.loses != "" {
				want = fmt.Sprintf(sorry, c.why, c.loses)
			}
			require.Equal(t, want, p.Check(live, providertest.CheckoutOwner, []trafficrouting.Split{c.split}))
			_, err := p.Render(live, providertest.CheckoutOwner, []trafficrouting.Split{c.split})
			require.NoError(t, err, "what was begun goes on, and back")
		})
	}
}

func TestTakeoverOnTraefik(t *testing.T) {
	rule := func(matches, service string) string {
		return "\n  - matches: [" + matches + "]\n    backendRefs: [{name: " + service + ", port: 80}]"
	}
	cases := map[string]struct {
		rules string
		split trafficrouting.Split
		taken bool
	}{
		"paths that no request has both of":             {rule(`{path: {type: PathPrefix, value: /api}}`, "checkout") + rule(`{path: {type: PathPrefix, value: /apis/admin}}`, "admin"), step(0, post), false},
		"requests with other methods":                   {rule(`{path: {type: PathPrefix, value: /api}}`, "checkout") + rule(`{path: {type: PathPrefix, value: /api/admin}, method: GET}`, "admin"), step(0, post), false},
		"the path of all is the last by far":            {rule(`{path: {type: PathPrefix, value: /}}`, "checkout") + rule(`{path: {type: PathPrefix, value: /a}}`, "admin"), step(0, post), false},
		"an exact path adds more than all else":         {rule(`{path: {type: PathPrefix, value: /api}}`, "checkout") + rule(`{path: {type: Exact, value: /api/x}}`, "admin"), step(0, post), false},
		"a long expression that may match both":         {rule(`{path: {type: PathPrefix, value: /api}}`, "checkout") + rule(`{path: {type: RegularExpression, value: "^/api/v[0-9]+"}}`, "admin"), step(0, two), false},
		"a short expression that may match both":        {rule(`{path: {type: PathPrefix, value: /api}}`, "checkout") + rule(`{path: {type: RegularExpression, value: "^/a.i/v"}}`, "admin"), step(0, post), true},
		"an expression of other paths":                  {rule(`{path: {type: PathPrefix, value: /api}}`, "checkout") + rule(`{path: {type: RegularExpression, value: "^/cart/v"}}`, "admin"), step(0, post), false},
		"a longer path that names the Service too":      {rule(`{path: {type: PathPrefix, value: /api}}`, "checkout") + rule(`{path: {type: PathPrefix, value: /api/x}}`, "checkout"), step(0, post), false},
		"more parameters of a query than a header adds": {rule(`{path: {type: PathPrefix, value: /}}`, "checkout") + rule(`{path: {type: PathPrefix, value: /}, headers: [{name: x-admin, value: "1"}]}`, "admin"), step(0, v1alpha1.Match{QueryParams: queries(11)}), true},
		"a header that the rule of the user's asks":     {rule(`{path: {type: PathPrefix, value: /api}}`, "checkout") + rule(`{path: {type: PathPrefix, value: /api/xy}, headers: [{name: x-a, value: "2"}]}`, "admin"), step(0, two), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := gatewayapi.HTTPRoute()
			reason := p.Check(attached(t, p, head+c.rules, `[{name: summing}]`, summing, traefik), providertest.CheckoutOwner, []trafficrouting.Split{c.split})
			if c.taken {
				require.Contains(t, reason, "would take requests from its rule 2")
				return
			}
			require.Empty(t, reason)
		})
	}
}

func queries(n int) []v1alpha1.ValueMatch {
	var out []v1alpha1.ValueMatch
	for i := range n {
		out = append(out, v1alpha1.ValueMatch{Name: fmt.Sprintf("q%d", i), Exact: ptr.To("1")})
	}
	return out
}
