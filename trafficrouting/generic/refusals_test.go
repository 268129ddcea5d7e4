package generic_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/generic"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

const description = `
apiVersion: crossfade.io/v1alpha1
kind: RouteKind
metadata: {name: proxy.example.com}
spec:
  group: example.com
  kind: Proxy
  rules: {field: rules}
  backends: {field: to, nameField: service, service: backend.service}
  match: {field: when, by: [Header], joined: "match + headers.map(h, h.name + '=' + h.value).join()"}
`

// TestDescriptionsThatCannotBeUsed says of each what is wrong, before a route is touched.
func TestDescriptionsThatCannotBeUsed(t *testing.T) {
	for name, of := range map[string]struct{ line, instead, says string }{
		"a variable that there is none of": {
			"service: backend.service}", "service: backends.service}",
			"spec.backends.service: undeclared reference to 'backends' (in container '') (line 1, column 1); correct the expression",
		},
		"no CEL": {
			"service: backend.service}", "service: 'backend.'}",
			"spec.backends.service: Syntax error: no viable alternative at input '.' (line 1, column 9); correct the expression",
		},
		"another type": {
			"service: backend.service}", "service: size(backend.service)}",
			"spec.backends.service: it gives int, not string; correct the expression",
		},
		"a function that there is none of": {
			"match + headers.map(h, h.name + '=' + h.value).join()", "headers.unknown()",
			"spec.match.joined: undeclared reference to 'unknown' (in container '') (line 1, column 16); correct the expression",
		},
		"text for whether no request meets both": {
			"by: [Header]", "excludes: \"'no'\", by: [Header]",
			"spec.match.excludes: it gives string, not bool; correct the expression",
		},
		"a list of text for conditions": {
			"by: [Header]", "specificity: {path: \"''\", conditions: size(rule)}, by: [Header]",
			"spec.match.specificity.conditions: it gives int, not list(dyn); correct the expression",
		},
	} {
		text := strings.Replace(description, of.line, of.instead, 1)
		require.NotEqual(t, description, text, name)
		_, err := generic.New(described(t, text).Spec)
		require.EqualError(t, err, of.says, name)
	}
}

// TestDescriptionsThatTheAPIServerRefuses by what its schema says.
func TestDescriptionsThatTheAPIServerRefuses(t *testing.T) {
	for name, of := range map[string]struct{ line, instead, says string }{
		"another name": {
			"name: proxy.example.com", "name: proxies.example.com",
			"metadata.name: a kind has one description, which is called after it; use the kind in lower case, a dot and the group, such as ingressroute.traefik.io",
		},
		"a kind that there is code for": {
			"name: proxy.example.com}\nspec:\n  group: example.com\n  kind: Proxy", "name: httproute.gateway.networking.k8s.io}\nspec:\n  group: gateway.networking.k8s.io\n  kind: HTTPRoute",
			"spec.group: Crossfade has code for this group's kinds of route, or cannot split them; describe kinds of other groups",
		},
		"two ways to choose": {
			"by: [Header]", "priority: {field: p, default: '1'}, specificity: {path: \"''\", conditions: '[1]'}, by: [Header]",
			"match: priority and specificity are two ways to choose among rules; say the one that the data plane goes by",
		},
		"a match by nothing": {"by: [Header]", "by: []", "spec.match.by in body should have at least 1 items"},
	} {
		text := strings.Replace(description, of.line, of.instead, 1)
		require.NotEqual(t, description, text, name)
		require.ErrorContains(t, servers()["RouteKind"].Refuses(providertest.Parse(text)), of.says, name)
	}
}

func canary(value string) []v1alpha1.Match {
	return []v1alpha1.Match{{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Exact: &value}}}}
}

const proxy = `
apiVersion: example.com/v1
kind: Proxy
metadata: {name: shop, namespace: shop}
spec:
  rules: [{when: all, to: [{service: checkout}]}]`

// unsplittable are routes and matches with why not. A description is one that is shipped, by its name, or text; none means
// that of Proxies.
var unsplittable = map[string]struct {
	description, route, says string
	match                    []v1alpha1.Match
}{
	"rules of neighbouring priority": {
		"ingressroute.traefik.io", ingressRouteHead + `
  - {match: PathPrefix("/a"), services: [{name: checkout, port: 80}]}
  - {match: PathPrefix("/ab"), services: [{name: cart, port: 80}]}`,
		"split IngressRoute shop/shop: the copy of its rule 1 would have priority 17, and come before its rule 2, which has 17; give rule 2 one of 18 or more", canary("yes"),
	},
	"an older syntax": {
		"ingressroute.traefik.io", ingressRouteHead + `
  - {match: "PathPrefix(` + "`/`" + `)", syntax: v2, services: [{name: checkout, port: 80}]}`,
		"split IngressRoute shop/shop: rule 1: it is of syntax v2; rewrite it in v3, or take match out of the step", canary("yes"),
	},
	"a TraefikService that mirrors": {
		"traefikservice.traefik.io", `
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: shop, namespace: shop}
spec: {mirroring: {name: checkout, port: 80}}`,
		"TraefikService shop/shop: it is not weighted; name a TraefikService that has spec.weighted", nil,
	},
	"a match on a TraefikService": {
		"traefikservice.traefik.io", userTraefikServices["one Service"],
		"split TraefikService shop/shop: a TraefikService cannot tell requests apart, by its RouteKind; take match out of the step", canary("yes"),
	},
	"a mirror among services": {
		"httpproxy.projectcontour.io", httpProxyHead + `
  - services: [{name: checkout, port: 80}, {name: audit, port: 80, mirror: true}]`,
		"HTTPProxy shop/shop: a rule has a mirror among its services, whose weight means something else; take the mirror out", nil,
	},
	"connections": {
		"httpproxy.projectcontour.io", strings.Replace(httpProxyHead, "routes:", "tcpproxy: {services: [{name: checkout, port: 80}]}", 1),
		"HTTPProxy shop/shop: it shares connections by spec.tcpproxy, of which Crossfade knows nothing; take it out of spec.routeRefs", nil,
	},
	"a method that cannot be told": {
		"httpproxy.projectcontour.io", userHTTPProxies["one rule"],
		"split HTTPProxy shop/shop: an HTTPProxy cannot match by HTTP method, by its RouteKind; match by one of [Header HeaderRegex Cookie QueryParam QueryParamRegex]",
		[]v1alpha1.Match{{Method: ptr.To("POST")}},
	},
	"an empty value": {
		"httpproxy.projectcontour.io", userHTTPProxies["one rule"],
		"split HTTPProxy shop/shop: rule 1: Contour takes no empty value; match by a regular expression", canary(""),
	},
	"a rule that comes first as long as no other has more conditions": {
		"httpproxy.projectcontour.io", httpProxyHead + `
  - conditions: [{prefix: /api}, {header: {name: x-beta, present: true}}]
    services: [{name: beta, port: 80}]
  - conditions: [{prefix: /api}]
    services: [{name: checkout, port: 80}]`,
		"split HTTPProxy shop/shop: requests that its rule 1 takes would go to the copy of its rule 2, as the one with more conditions comes first; take match out of the step, or add conditions to rule 1",
		canary("yes"),
	},
	"a rule that has all of the match": {
		"httpproxy.projectcontour.io", httpProxyHead + `
  - conditions: [{header: {name: X-Canary, exact: "yes"}}]
    services: [{name: checkout, port: 80}]`,
		"split HTTPProxy shop/shop: its rule 1 asks for all of the match itself, so that a copy could not be told from it; take it out of the rule, or out of the step", canary("yes"),
	},
	"a rule that excludes the match": {
		"httpproxy.projectcontour.io", httpProxyHead + `
  - conditions: [{header: {name: X-Canary, exact: "no"}}]
    services: [{name: checkout, port: 80}]`,
		"split HTTPProxy shop/shop: no request can meet both the match and a rule that names Service checkout; change the match", canary("yes"),
	},
	"a backend without what the description reads": {
		"", strings.Replace(proxy, "service: checkout", "serviceName: checkout", 1),
		"Proxy shop/shop is not as RouteKind proxy.example.com describes it: a backend of rule 1: spec.backends.service: no such key: service; correct the one or the other", nil,
	},
	"a name that means another Service once it is changed": {
		strings.Replace(description, "service: backend.service", "service: \"backend.service.replace('-canary', '')\"", 1), proxy,
		`Proxy shop/shop is not as RouteKind proxy.example.com describes it: a backend of rule 1: renamed to Service checkout-canary it would send to "checkout"; correct the one or the other`, nil,
	},
	"a match of another type": {
		"", strings.Replace(proxy, "when: all", "when: 7", 1),
		"split Proxy shop/shop: rule 1: spec.match.joined: no such overload", canary("yes"),
	},
}

// TestRoutesThatCannotBeSplit says of each route and step why not.
func TestRoutesThatCannotBeSplit(t *testing.T) {
	for name, of := range unsplittable {
		var p generic.Route
		if strings.HasSuffix(of.description, ".io") {
			p = shipped(t, of.description)
		} else {
			text := description
			if of.description != "" {
				text = of.description
			}
			var err error
			p, err = generic.New(described(t, text).Spec)
			require.NoError(t, err, name)
		}
		live := trafficrouting.Objects{Route: providertest.Parse(of.route)}
		split := providertest.ForStep(providertest.Checkout, v1alpha1.Step{Match: of.match})
		require.Equal(t, of.says, p.Check(live, providertest.CheckoutOwner, []trafficrouting.Split{split}), name)
	}
}

// TestEndlessExpressions end: what an expression may cost is bounded.
func TestEndlessExpressions(t *testing.T) {
	long := "[" + strings.Repeat("1,", 400) + "1]"
	text := strings.Replace(description, "service: backend.service}", "service: '"+long+".all(a, "+long+".all(b, "+long+".all(c, a + b + c > 0))) ? backend.service : \"\"'}", 1)
	p, err := generic.New(described(t, text).Spec)
	require.NoError(t, err)
	live := trafficrouting.Objects{Route: providertest.Parse(proxy)}
	require.Contains(t, p.Capabilities(live).Refusal, "cost limit exceeded")
}
