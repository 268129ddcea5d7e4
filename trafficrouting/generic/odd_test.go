package generic_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// TestIgnoreCase: a rule that takes a value whatever its case meets a step's match, and Contour has no copy for both.
func TestIgnoreCase(t *testing.T) {
	p := shipped(t, "httpproxy.projectcontour.io")
	for value, want := range map[string]string{"YES": "whatever the case of its value", "yes": "whatever the case of its value", "no": ""} {
		user := trafficrouting.Objects{Route: stored(httpProxyHead + `
  - conditions: [{prefix: /api}, {header: {name: x-canary, exact: "` + value + `", ignoreCase: true}}]
    services: [{name: checkout, port: 80}]
  - services: [{name: checkout, port: 80}]`)}
		step := v1alpha1.Step{Match: []v1alpha1.Match{{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Exact: ptr.To("yes")}}}}}
		refusal := p.Check(user, providertest.CheckoutOwner, []trafficrouting.Split{providertest.ForStep("checkout", step)})
		if want == "" {
			require.Empty(t, refusal, value)
		} else {
			require.Contains(t, refusal, want, value)
		}
	}
}

// TestOddRoutes: two Rollouts on one route of unusual shape render as they did when they render again, and leave it as it was.
func TestOddRoutes(t *testing.T) {
	for name, text := range map[string]string{
		"ingressroute.traefik.io": `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: shop, namespace: shop, generation: 3}
spec:
  routes:
  - {kind: Rule, match: "Host(` + "`a`" + `) || Host(` + "`b`" + `)", priority: 5, services: [{name: checkout, port: 80, weight: 2, strategy: p2c}, {name: checkout, port: 81}, {name: w, kind: TraefikService}, {name: checkout, namespace: other, port: 80}, {name: x@file}]}
  - {kind: Rule, match: "Path(` + "`/z`" + `)", middlewares: [{name: pw}], services: [{name: checkout, port: 80, weight: 0}, {name: cart, port: 80}]}
  - {kind: Rule, match: "PathPrefix(` + "`/only`" + `)", services: [{name: checkout, port: 80, weight: 0}]}`,
		"traefikservice.traefik.io": `
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: shop, namespace: shop, generation: 3}
spec:
  weighted: {sticky: {cookie: {name: s}}, services: [{name: checkout, port: 80}, {name: cart, port: 80, weight: 0}, {name: checkout, port: 81, weight: 3}]}`,
		"httpproxy.projectcontour.io": `
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: shop, namespace: shop, generation: 3}
spec:
  includes: [{name: other}]
  routes:
  - services: [{name: checkout, port: 80}, {name: checkout, port: 81}]
  - conditions: [{prefix: /c}]
    services: [{name: cart, port: 80, weight: 0}, {name: checkout, port: 80, weight: 0}]`,
	} {
		p, carried := shipped(t, name), 0
		user := trafficrouting.Objects{Route: stored(text)}
		for _, s := range providertest.Steps("checkout") {
			for _, c := range providertest.Steps("cart") {
				live, err := p.Render(user, providertest.CheckoutOwner, []trafficrouting.Split{s})
				if err != nil {
					continue // a step that the kind can't carry
				}
				carried++
				both, err := p.Render(live, providertest.CartOwner, []trafficrouting.Split{c})
				if err != nil {
					both = live
				}
				again, err := p.Render(both, providertest.CheckoutOwner, []trafficrouting.Split{s})
				require.NoError(t, err)
				providertest.SameJSON(t, both.Route, again.Route, name)
				back, err := p.Strip(both, providertest.CheckoutOwner)
				require.NoError(t, err)
				back, err = p.Strip(back, providertest.CartOwner)
				require.NoError(t, err)
				providertest.SameJSON(t, user.Route, back.Route, name)
			}
		}
		require.Positive(t, carried, name)
	}
}
