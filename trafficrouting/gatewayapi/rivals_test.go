package gatewayapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

const (
	// ours is older than rivals of 2026-02 and younger than those of 2026-01-01.
	ours = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop, generation: 3, creationTimestamp: "2026-01-15T00:00:00Z"}
spec:
  parentRefs: [{name: web}]
  hostnames: %s
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{name: checkout, port: 80}]`
	rival = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: admin, namespace: %s, generation: 1, creationTimestamp: "%s"}
spec:
  parentRefs: [%s]
  hostnames: %s
  rules:
  - matches: [%s]
    filters: [{type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: auth}}]
    backendRefs: [{name: admin, port: 80}]`
	plainly = `{path: {type: PathPrefix, value: /}}`
	asking  = `{path: {type: PathPrefix, value: /}, headers: [{name: x-admin, value: "1"}]}`
	older   = "2026-01-01T00:00:00Z"
	younger = "2026-02-01T00:00:00Z"
)

// gate is a Gateway of a class that takes routes from namespaces like this.
func gate(class, from string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate, namespace: shop}
spec:
  gatewayClassName: %s
  listeners:
  - {name: any, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: %s}}}
  - {name: shop, port: 80, protocol: HTTP, hostname: shop.example.com}
  - {name: other, port: 8080, protocol: HTTP}`, class, from)
}

func TestTakeoverOfOtherRoutes(t *testing.T) {
	const (
		named  = ", or name the listener by sectionName"
		bySum  = "HTTPRoute shop/shop: GatewayClass traefik is Traefik's, which adds up all that a rule asks for, so that a copy of its rule 1 (PathPrefix /) would take requests from rule 1 (PathPrefix /) of HTTPRoute shop/admin; take match, mirror and stickiness out, match by less, or give the route a Gateway of another controller"
		byAge  = "HTTPRoute shop/shop: a copy of its rule 1 (PathPrefix /) would take requests from rule 1 (PathPrefix /) of HTTPRoute %s/admin, as their paths are the same and that rule asks for no more than the copy; take match, mirror and stickiness out, or move that rule into this route"
		inShop = `{name: gate}`
		shop   = `[shop.example.com]`
		all    = `["*.example.com"]`
		admins = `[admin.example.com]`
	)
	cases := map[string]struct {
		class, from, hosts string
		rival              string
		parents            string
		want               string
	}{
		"the host of another weighs less than a header":               {"traefik", "Same", all, fmt.Sprintf(rival, "shop", younger, inShop, admins, plainly), "", bySum},
		"by the API the host comes first":                             {"envoy", "Same", all, fmt.Sprintf(rival, "shop", younger, inShop, admins, plainly), "", ""},
		"the older one has precedence":                                {"envoy", "Same", shop, fmt.Sprintf(rival, "shop", younger, inShop, shop, asking), "", fmt.Sprintf(byAge, "shop")},
		"and keeps it":                                                {"envoy", "Same", shop, fmt.Sprintf(rival, "shop", older, inShop, shop, asking), "", ""},
		"one that asks for more has it, too":                          {"envoy", "Same", shop, fmt.Sprintf(rival, "shop", younger, inShop, shop, `{path: {type: PathPrefix, value: /}, method: GET}`), "", ""},
		"a longer path":                                               {"envoy", "Same", shop, fmt.Sprintf(rival, "shop", younger, inShop, shop, `{path: {type: PathPrefix, value: /admin}}`), "", ""},
		"hosts that no request has both of":                           {"traefik", "Same", shop, fmt.Sprintf(rival, "shop", younger, inShop, admins, asking), "", ""},
		"a host by the listener":                                      {"envoy", "Same", shop, fmt.Sprintf(rival, "shop", younger, `{name: gate, sectionName: shop}`, `[]`, asking), "", fmt.Sprintf(byAge, "shop") + named},
		"a listener that the route isn't attached to":                 {"envoy", "Same", shop, fmt.Sprintf(rival, "shop", younger, `{name: gate, sectionName: other}`, shop, asking), `[{name: gate, sectionName: shop}]`, ""},
		"listeners of one port":                                       {"traefik", "Same", all, fmt.Sprintf(rival, "shop", younger, `{name: gate, sectionName: shop}`, `[]`, plainly), `[{name: gate, sectionName: any}]`, bySum},
		"another Gateway":                                             {"envoy", "Same", shop, fmt.Sprintf(rival, "shop", younger, `{name: web}`, shop, asking), "", ""},
		"one of another namespace, of which none is taken":            {"envoy", "Same", shop, fmt.Sprintf(rival, "edge", younger, `{name: gate, namespace: shop}`, shop, asking), "", ""},
		"one of another namespace":                                    {"envoy", "All", shop, fmt.Sprintf(rival, "edge", younger, `{name: gate, namespace: shop}`, shop, asking), "", fmt.Sprintf(byAge, "edge")},
		"one of another namespace, of which that listener takes none": {"envoy", "All", shop, fmt.Sprintf(rival, "edge", younger, `{name: gate, namespace: shop, sectionName: shop}`, shop, asking), "", ""},
		"one that the Gateway does not take": {"envoy", "All", shop, fmt.Sprintf(rival, "edge", younger, `{name: gate, namespace: shop}`, shop, asking) + `
status:
  parents: [{controllerName: gateway.envoyproxy.io/gatewayclass-controller, parentRef: {name: gate, namespace: shop}, conditions: [{type: Accepted, status: "False", observedGeneration: 1}]}]`, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := gatewayapi.HTTPRoute()
			parents := c.parents
			if parents == "" {
				parents = `[{name: gate}]`
			}
			live := attached(t, p, fmt.Sprintf(ours, c.hosts), parents, gate(c.class, c.from), traefik, envoy, c.rival)
			require.Equal(t, c.want, p.Check(live, providertest.CheckoutOwner, []trafficrouting.Split{step(0, header("x-canary", "yes"))}))
			require.Empty(t, p.Check(live, providertest.CheckoutOwner, []trafficrouting.Split{step(10)}), "a share alone makes no copies")
			_, err := p.Render(live, providertest.CheckoutOwner, []trafficrouting.Split{step(0, header("x-canary", "yes"))})
			require.NoError(t, err, "what was begun goes on, and back")
		})
	}
}

// TestTakeoverAtListenersOfOnePort: Traefik counts the hostnames that a route has at each listener, not the longest of all.
func TestTakeoverAtListenersOfOnePort(t *testing.T) {
	const edge = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate, namespace: shop}
spec:
  gatewayClassName: traefik
  listeners:
  - {name: short, port: 443, protocol: HTTPS, hostname: "*.example.com"}
  - {name: long, port: 443, protocol: HTTPS, hostname: "*.a-longer-domain.example.org"}`
	p := gatewayapi.HTTPRoute()
	for _, hosts := range []string{`[]`, `["*.example.com", "*.a-longer-domain.example.org"]`} {
		for parent, mend := range map[string]string{`{name: gate}`: "", `{name: gate, sectionName: short}`: ", or name the listener by sectionName"} {
			live := attached(t, p, fmt.Sprintf(ours, hosts), `[{name: gate}]`, edge, traefik, fmt.Sprintf(rival, "shop", younger, parent, `[admin.example.com]`, plainly))
			require.Equal(t, "HTTPRoute shop/shop: GatewayClass traefik is Traefik's, which adds up all that a rule asks for, so that a copy of its rule 1 (PathPrefix /) would take requests from rule 1 (PathPrefix /) of HTTPRoute shop/admin; take match, mirror and stickiness out, match by less, or give the route a Gateway of another controller"+mend,
				p.Check(live, providertest.CheckoutOwner, []trafficrouting.Split{step(0, header("x-canary", "yes"))}))
		}
	}
}

// TestTakeoverAtAListenerSet: hostnames count there as at a Gateway, and its controller may be Traefik.
func TestTakeoverAtAListenerSet(t *testing.T) {
	const set = `{group: gateway.networking.k8s.io, kind: ListenerSet, name: web}`
	p := gatewayapi.HTTPRoute()
	split := []trafficrouting.Split{step(0, header("x-canary", "yes"))}
	live := attached(t, p, fmt.Sprintf(ours, `["*.example.com"]`), "["+set+"]", fmt.Sprintf(rival, "shop", younger, set, `[admin.example.com]`, plainly))
	require.Contains(t, p.Check(live, providertest.CheckoutOwner, split), "ListenerSet web could not be read and may be Traefik's, which adds up all that a rule asks for, so that a copy of its rule 1 (PathPrefix /) would take requests from rule 1 (PathPrefix /) of HTTPRoute shop/admin;")
	live = attached(t, p, fmt.Sprintf(ours, `[shop.example.com]`), "["+set+"]", fmt.Sprintf(rival, "shop", younger, set, `[admin.example.com]`, asking))
	require.Empty(t, p.Check(live, providertest.CheckoutOwner, split))
}

func TestTakeoverInAMesh(t *testing.T) {
	const service = `{group: "", kind: Service, name: checkout}`
	p := gatewayapi.HTTPRoute()
	split := []trafficrouting.Split{step(0, header("x-canary", "yes"))}
	live := attached(t, p, fmt.Sprintf(ours, `[]`), "["+service+"]", fmt.Sprintf(rival, "shop", younger, service, `[]`, asking))
	require.Contains(t, p.Check(live, providertest.CheckoutOwner, split), "of HTTPRoute shop/admin")
	live = attached(t, p, fmt.Sprintf(ours, `[]`), "["+service+"]", fmt.Sprintf(rival, "shop", older, service, `[]`, asking))
	require.Empty(t, p.Check(live, providertest.CheckoutOwner, split))

	ported := func(port int) string {
		return fmt.Sprintf(`{group: "", kind: Service, name: checkout, port: %d}`, port)
	}
	for name, c := range map[string]struct {
		ours, theirs string
		taken        bool
	}{
		"all ports and one":  {service, ported(80), true},
		"one port and all":   {ported(80), service, true},
		"one port":           {ported(80), ported(80), true},
		"one and another":    {ported(80), ported(8080), false},
		"two and one of two": {ported(80) + ", " + ported(8080), ported(8080), true},
	} {
		t.Run(name, func(t *testing.T) {
			live := attached(t, p, fmt.Sprintf(ours, `[]`), "["+c.ours+"]", fmt.Sprintf(rival, "shop", younger, c.theirs, `[shop.example.com]`, asking))
			require.Equal(t, c.taken, p.Check(live, providertest.CheckoutOwner, split) != "")
		})
	}
}
