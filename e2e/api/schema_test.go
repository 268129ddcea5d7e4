package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

var (
	rolloutsResource = schema.GroupVersionResource{Group: "crossfade.io", Version: "v1alpha1", Resource: "rollouts"}
	releasesResource = schema.GroupVersionResource{Group: "crossfade.io", Version: "v1alpha1", Resource: "releases"}
	crdsResource     = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// goodRollout is the manifest that each case of the table spoils in one place.
const goodRollout = `
apiVersion: crossfade.io/v1alpha1
kind: Rollout
metadata: {name: checkout}
spec:
  workloadRef: {kind: Deployment, name: checkout}
  serviceRefs: [{name: checkout}]
  routeRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: checkout}]
  strategy:
    steps:
    - {name: insiders, replicas: 1, match: [{headers: [{name: x-canary, exact: "yes"}], cookies: [{name: group, exact: insider}]}], hold: {approval: Required}}
    - {name: first, weight: 5, hold: {for: 10m}}
    - {name: finer, weight: "0.5%"}
    - {name: half, weight: 50, replicas: "60%"}
`

// TestRolloutIsRefused: a wrong manifest gets one sentence that names the field and the mend.
func TestRolloutIsRefused(t *testing.T) {
	client := installCRDs(t)
	namespace := newNamespace(t)
	const step = "- {name: first, weight: 5, hold: {for: 10m}}"
	cases := map[string]struct{ from, to, want string }{
		"an unknown field":                  {"workloadRef:", "workloadReference: {}\n  workloadRef:", `unknown field "spec.workloadReference"`},
		"a weight over 100":                 {step, "- {name: first, weight: 101}", "weight: must be 0 to 100"},
		"a weight that is no share":         {step, `- {name: first, weight: "5"}`, "weight: must be 0 to 100, or a percentage"},
		"a weight too fine to tell":         {step, `- {name: first, weight: "0.00001%"}`, "percentage with at most four decimals"},
		"a step name twice":                 {"name: half", "name: first", `Duplicate value: {"name":"first"}`},
		"a step name with capitals":         {"name: half", "name: Half", "must be lower-case letters, digits and '-'"},
		"a match step without replicas":     {"replicas: 1, match", "match", "a step without weight must say how many canary pods it needs; add replicas"},
		"replicas of none":                  {"replicas: 1,", "replicas: 0,", "replicas: must be a count of at least 1"},
		"a match on nothing":                {step, "- {name: first, weight: 5, match: [{}]}", "an entry must name headers, cookies, queryParams, method or sourceLabels"},
		"a header without a value":          {`, exact: "yes"}`, `}`, "must say exact or regex, not both"},
		"a header exact and regex":          {`exact: "yes"`, `exact: "yes", regex: "y.*"`, "must say exact or regex, not both"},
		"a header name with a space":        {"name: x-canary", `name: "x canary"`, "name: must be an HTTP token"},
		"an empty hold":                     {"hold: {for: 10m}", "hold: {}", "hold: must say for, approval or until"},
		"a hold that is no duration":        {"for: 10m", "for: ten minutes", "must be a duration such as"},
		"holding for evidence of nothing":   {"hold: {for: 10m}", "hold: {until: Confident}", "hold.until waits for evidence; add spec.analysis, or use for or approval"},
		"an end of evidence without any":    {"hold: {for: 10m}", "hold: {for: 10m, atMost: 30m}", "hold: atMost ends until; add until, or use for"},
		"what comes after no end":           {"hold: {for: 10m}", "hold: {for: 10m, onTimeout: Hold}", "hold: onTimeout says what becomes of atMost; add until and atMost, or remove it"},
		"another kind of workload":          {"kind: Deployment", "kind: StatefulSet", "only kind Deployment is supported yet; name a Deployment"},
		"another kind of route":             {"group: gateway.networking.k8s.io, kind: HTTPRoute", "group: networking.istio.io, kind: Gateway", "kind: of Gateway API only HTTPRoute, GRPCRoute, TCPRoute and TLSRoute are supported yet, of Istio VirtualService, of networking.k8s.io Ingress; name one of these, or a kind of another group that a RouteKind describes"},
		"a route in a namespace of no name": {"kind: HTTPRoute, name", "kind: HTTPRoute, namespace: \"\", name", "namespace"},
		"a rule of no name":                 {"kind: HTTPRoute, name", "kind: HTTPRoute, rules: [\"\"], name", "routeRefs[0].rules[0]"},
		"no rule":                           {"kind: HTTPRoute, name", "kind: HTTPRoute, rules: [], name", "routeRefs[0].rules"},
		"a rule named twice":                {"kind: HTTPRoute, name", "kind: HTTPRoute, rules: [api, api], name", `Duplicate value: "api"`},
		"rules of a kind without names":     {"kind: HTTPRoute, name", "kind: TLSRoute, rules: [api], name", "rules: only rules of an HTTPRoute, a GRPCRoute and a VirtualService have names; remove the field"},
		"rules of a described kind":         {"group: gateway.networking.k8s.io, kind: HTTPRoute, name", "group: traefik.io, kind: HTTPRoute, rules: [api], name", "rules: only rules of an HTTPRoute, a GRPCRoute and a VirtualService have names; remove the field"},
		"callers by label, by a gateway":    {step, "- {name: first, weight: 5, match: [{sourceLabels: {app: web}}]}", "only a VirtualService can match by sourceLabels; take them out, or routes of other kinds"},
		"callers by no label":               {step, "- {name: first, weight: 5, match: [{sourceLabels: {}}]}", "match[0].sourceLabels"},
		"a route of elsewhere twice":        {"routeRefs: [", "routeRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: edge, name: a}, {group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: edge, name: a}, ", "a route is named twice"},
		"a route named twice":               {"kind: HTTPRoute, name: checkout}", "kind: HTTPRoute, name: checkout}, {group: gateway.networking.k8s.io, kind: HTTPRoute, name: checkout}", "a route is named twice; name each route once"},
		"no Service":                        {"serviceRefs: [{name: checkout}]", "serviceRefs: []", "spec.serviceRefs"},
		"a Service name without room":       {"serviceRefs: [{name: checkout}]", "serviceRefs: [{name: " + strings.Repeat("a", 57) + "}]", "spec.serviceRefs[0].name"},
		"a Rollout name without room":       {"metadata: {name: checkout}", "metadata: {name: " + strings.Repeat("a", 53) + "}", "metadata.name: must be at most 52 characters"},
		"analysis of nothing":               {"strategy:", "analysis: {}\n  strategy:", "analysis: must say goldenSignals or templates"},
		"signals of nobody":                 {"strategy:", "analysis: {goldenSignals: {source: EnvoyGateway}}\n  strategy:", "supported values: "},
		"an argument that ends a quotation": {"strategy:", "analysis: {templates: [{name: a, args: [{name: b, value: 'c\"}'}]}]}\n  strategy:", "spec.analysis.templates[0].args[0].value"},
		"the end of a hold without one":     {"strategy:", "rollback: {holdFor: 5m}\n  strategy:", "spec.rollback: holdFor and onHoldTimeout say how a hold ends; add then: Hold, or remove them"},
		"a way back that is none":           {"strategy:", "rollback: {then: Pray}\n  strategy:", "supported values: "},
		"promoting on deletion":             {"strategy:", "onDelete: Promote\n  strategy:", "spec.onDelete: Promote is not yet supported; use Restore"},
		"none of the pods ready":            {"strategy:", "readyPercent: 0\n  strategy:", "spec.readyPercent"},
		"a mirror beside a weight":          {step, "- {name: first, weight: 5, mirror: {}}", "mirror: a canary that gets copies gets no share beside"},
		"a mirror of everything twice":      {step, "- {name: first, replicas: 1, mirror: {percent: 200}}", "mirror.percent"},
		"a mirror of some kind":             {step, "- {name: first, replicas: 1, mirror: {requests: Some}}", "supported values: "},
		"headers of nothing":                {step, "- {name: first, replicas: 1, weight: 0, requestHeaders: {remove: [a]}}", "requestHeaders: the canary gets nothing in this step; add weight or match"},
		"headers that change nothing":       {step, "- {name: first, weight: 5, requestHeaders: {}}", "requestHeaders: must name set, add or remove"},
		"a header's name with a space":      {step, `- {name: first, weight: 5, requestHeaders: {set: [{name: "a b", value: c}]}}`, "name: must be an HTTP token"},
		"a header's value with a break":     {step, `- {name: first, weight: 5, requestHeaders: {set: [{name: a, value: "b\nc"}]}}`, "value: must be visible ASCII with single spaces"},
		"a header's value with %":           {step, `- {name: first, weight: 5, requestHeaders: {set: [{name: a, value: "50%"}]}}`, "with single spaces, and without %"},
		"a cookie without a name":           {"strategy:", "strategy:\n    stickiness: {for: 1h}", "stickiness.cookie"},
		"a cookie's name with a space":      {"strategy:", "strategy:\n    stickiness: {cookie: a b}", "cookie: must be an HTTP token"},
		"a test at no step":                 {"strategy:", "analysis: {templates: [{name: shop}]}\n  strategy:\n    abTest: {step: nowhere, goal: shop/orders, for: 168h}", "abTest.step: no step has this name"},
		"a test of users who see both":      {"strategy:", "analysis: {templates: [{name: shop}]}\n  strategy:\n    abTest: {step: half, goal: shop/orders, for: 168h}", "give the step a match and no weight, or add stickiness with stable: true"},
		"a test by a match and a weight":    {"strategy:\n    steps:", "analysis: {templates: [{name: shop}]}\n  strategy:\n    abTest: {step: test, goal: shop/orders, for: 168h}\n    steps:\n    - {name: test, weight: 20, match: [{method: GET}]}", "give the step a match and no weight, or add stickiness with stable: true"},
		"a test by a match of nothing":      {"strategy:\n    steps:", "analysis: {templates: [{name: shop}]}\n  strategy:\n    abTest: {step: test, goal: shop/orders, for: 168h}\n    steps:\n    - {name: test, replicas: 1, match: []}", "give the step a match and no weight, or add stickiness with stable: true"},
		"a test of users kept for a day":    {"strategy:", "analysis: {templates: [{name: shop}]}\n  strategy:\n    stickiness: {cookie: lane, stable: true}\n    abTest: {step: half, goal: shop/orders, for: 168h}", "stickiness.for: users are drawn anew before the A/B test ends; make it as long as abTest.for, and as abTest.atMost if given"},
		"a test for longer than users":      {"strategy:", "analysis: {templates: [{name: shop}]}\n  strategy:\n    stickiness: {cookie: lane, stable: true, for: 168h}\n    abTest: {step: half, goal: shop/orders, for: 168h, atMost: 169h}", "stickiness.for: users are drawn anew before the A/B test ends"},
		"a time that Go can't hold":         {"strategy:", "strategy:\n    stickiness: {cookie: lane, for: 3000000h}", "must be a duration such as \"1h30m\", up to 99999h"},
		"a test of no template":             {"strategy:", "analysis: {templates: [{name: shop}]}\n  strategy:\n    abTest: {step: insiders, goal: bar/orders, for: 168h}", "names no template of spec.analysis; use TEMPLATE/METRIC of one"},
		"stable that shrinks":               {"strategy:", "strategy:\n    stableScale: Shrink", "spec.strategy.stableScale: Shrink is not yet supported"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, goodRollout, c.from, "the case spoils nothing")
			_, err := client.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(),
				decoded(t, strings.Replace(goodRollout, c.from, c.to, 1)), metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
			require.Error(t, err)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestRulesAndCallersByName: what a VirtualService alone can do is admitted, and no more than Istio would take.
func TestRulesAndCallersByName(t *testing.T) {
	client := installCRDs(t)
	namespace := newNamespace(t)
	rollout := strings.NewReplacer(
		"group: gateway.networking.k8s.io, kind: HTTPRoute, name: checkout", "group: networking.istio.io, kind: VirtualService, name: checkout, rules: [api, web]",
		"match: [", `match: [{sourceLabels: {app: web, team: ""}}, {method: GET, sourceLabels: {app: job}}, `,
	).Replace(goodRollout)
	create := func(manifest string) error {
		_, err := client.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(), decoded(t, manifest),
			metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll}})
		return err
	}
	require.NoError(t, create(rollout))
	require.ErrorContains(t, create(strings.Replace(rollout, "app: job", "app: "+strings.Repeat("a", 64), 1)), "sourceLabels")
	require.ErrorContains(t, create(strings.Replace(rollout, "rules: [api, web]}", "rules: [api]}, {group: gateway.networking.k8s.io, kind: HTTPRoute, name: checkout}", 1)),
		"only a VirtualService can match by sourceLabels; take them out, or routes of other kinds")
}

// TestMatchIsRefusedByKind: what a kind of route cannot look into is refused with the Rollout.
func TestMatchIsRefusedByKind(t *testing.T) {
	client := installCRDs(t)
	namespace := newNamespace(t)
	const (
		header      = `[{headers: [{name: x-canary, exact: "yes"}]}]`
		method      = `[{headers: [{name: x-canary, exact: "yes"}]}, {method: POST}]`
		query       = `[{queryParams: [{name: v, exact: "2"}]}]`
		connections = "spec.strategy.steps: a TCPRoute and a TLSRoute share connections and cannot look into them; take match out of the steps"
		calls       = "spec.strategy.steps: a GRPCRoute cannot match by HTTP method or query parameter; match by header"
	)
	for kind, of := range map[string]map[string]string{
		"HTTPRoute": {header: "", method: "", query: ""}, "GRPCRoute": {header: "", method: calls, query: calls},
		"TCPRoute": {header: connections}, "TLSRoute": {header: connections},
	} {
		for match, want := range of {
			t.Run(kind+" "+match, func(t *testing.T) {
				steps := "[{name: all, weight: 100}, {name: half, weight: 50, match: " + match + "}]"
				manifest := goodRollout[:strings.Index(goodRollout, "  strategy:")] + "  strategy: {steps: " + steps + "}\n"
				_, err := client.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(), decoded(t, strings.Replace(manifest, "HTTPRoute", kind, 1)),
					metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll}})
				if want == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, want)
			})
		}
	}
}

// TestProbesAreRefused: a wrong probe gets one sentence that names the field and the mend.
func TestProbesAreRefused(t *testing.T) {
	client := installCRDs(t)
	namespace := newNamespace(t)
	const (
		route = "kind: HTTPRoute, name: checkout"
		probe = `{name: insider, url: "https://gateway.edge.svc:8443/version?a=b", host: shop.example.com, headers: [{name: Cookie, value: "group=insider; a=b"}], method: HEAD, identifiedBy: {header: X-Version, port: 8080}, insecureSkipVerify: true}`
	)
	rollout := strings.Replace(goodRollout, route, route+", probes: ["+probe+", {name: plain, url: \"http://[fd00::1]\", identifiedBy: {header: X-Pod}}]", 1)
	create := func(manifest string) error {
		_, err := client.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(), decoded(t, manifest),
			metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll}})
		return err
	}
	require.NoError(t, create(rollout))
	for name, c := range map[string]struct{ from, to, want string }{
		"a route of gRPC":             {"kind: HTTPRoute", "kind: GRPCRoute", "probes: are HTTP requests, which routes of this kind do not take; remove them"},
		"a route of connections":      {"kind: HTTPRoute", "kind: TLSRoute", "probes: are HTTP requests, which routes of this kind do not take; remove them"},
		"a name twice":                {"name: plain", "name: insider", `Duplicate value: {"name":"insider"}`},
		"no name":                     {"name: insider, ", "", "probes[0].name: Required value"},
		"another scheme":              {"https://gateway", "ftp://gateway", "url: must be http:// or https://, a host, and a path and query if any"},
		"a URL without host":          {"https://gateway.edge.svc:8443", "https://", "url: must be http:// or https://"},
		"a URL with a password":       {"https://gateway", "https://user:secret@gateway", "url: must be http:// or https://"},
		"a URL with a fragment":       {"?a=b", "?a=b#c", "url: must be http:// or https://"},
		"a URL with a space":          {"?a=b", "?a= b", "url: must be http:// or https://"},
		"another method":              {"method: HEAD", "method: POST", `supported values: "GET", "HEAD"`},
		"the host as a header":        {"name: Cookie", "name: hOst", "headers: Host is said by host, and those of the connection by nobody; remove it"},
		"a header of the connection":  {"name: Cookie", "name: Upgrade", "headers: Host is said by host"},
		"a header of two lines":       {`"group=insider; a=b"`, `"a\nb: c"`, "probes[0].headers[0].value in body should match"},
		"a header that is no token":   {"name: Cookie", `name: "a:b"`, "probes[0].headers[0].name in body should match"},
		"a host with a path":          {"host: shop.example.com", "host: shop.example.com/a", "probes[0].host in body should match"},
		"nothing that tells versions": {", identifiedBy: {header: X-Pod}", "", "probes[1].identifiedBy: Required value"},
		"what may hold secrets":       {"header: X-Version", "header: Set-Cookie", "header: may hold secrets, which status would show; name another"},
		"a port that is none":         {"port: 8080", "port: 0", "identifiedBy.port"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, rollout, c.from, "the case spoils nothing")
			require.ErrorContains(t, create(strings.Replace(rollout, c.from, c.to, 1)), c.want)
		})
	}
}

// TestIngressIsRefused: what no controller of its flavor could do is refused with the Rollout.
func TestIngressIsRefused(t *testing.T) {
	client := installCRDs(t)
	namespace := newNamespace(t)
	const (
		weight = `{name: first, weight: 5`
		header = `{headers: [{name: x-canary, exact: "yes"}]}`
		tenant = `{headers: [{name: x-tenant, exact: "a"}]}`
		cookie = `{cookies: [{name: group, exact: always}]}`
	)
	cases := map[string]struct{ step, nginx, traefik, higress string }{
		"a weight":                      {weight + "}", "", "", ""},
		"a weight finer than that":      {`{name: first, weight: "0.5%"}`, "", "", "flavor Higress counts whole percent"},
		"a weight without fraction":     {`{name: first, weight: "5.00%"}`, "", "", ""},
		"a header and a cookie, either": {weight + ", match: [" + header + ", " + cookie + "]}", "", "", "use weights alone"},
		"two headers, either": {
			weight + ", match: [" + header + ", " + tenant + "]}",
			"flavors IngressNginx and Traefik tell requests by one header and one cookie", "flavors IngressNginx and Traefik tell requests by one header and one cookie", "use weights alone",
		},
		"two headers at once":    each(weight+`, match: [{headers: [{name: a, exact: "1"}, {name: b, exact: "2"}]}]}`, "tell requests by one header, or one cookie that says always; give each match a header, or a cookie with exact: always"),
		"header and cookie":      each(weight+`, match: [{headers: [{name: a, exact: "1"}], cookies: [{name: b, exact: always}]}]}`, "tell requests by one header, or one cookie that says always; give each match a header, or a cookie with exact: always"),
		"a cookie's other value": each(weight+`, match: [{cookies: [{name: b, exact: insider}]}]}`, "tell requests by one header, or one cookie that says always; give each match a header, or a cookie with exact: always"),
		"a cookie by regex":      each(weight+`, match: [{cookies: [{name: b, regex: always}]}]}`, "tell requests by one header, or one cookie that says always; give each match a header, or a cookie with exact: always"),
		"a query parameter":      each(weight+`, match: [{queryParams: [{name: v, exact: "2"}]}]}`, "tell requests by one header, or one cookie that says always; give each match a header, or a cookie with exact: always"),
		"changed headers":        each(weight+`, requestHeaders: {remove: [a]}}`, "take requestHeaders, mirror and stickiness out"),
		"a mirror":               each(`{name: first, replicas: 1, mirror: {}}`, "take requestHeaders, mirror and stickiness out"),
		"a method":               each(weight+`, match: [{method: GET}]}`, "tell requests by one header, or one cookie that says always; give each match a header, or a cookie with exact: always"),
	}
	for name, c := range cases {
		for flavor, want := range map[string]string{"IngressNginx": c.nginx, "Traefik": c.traefik, "Higress": c.higress} {
			t.Run(flavor+", "+name, func(t *testing.T) {
				manifest := ingressRollout("flavor: "+flavor, c.step)
				_, err := client.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(), decoded(t, manifest),
					metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll}})
				if want == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, "spec.strategy")
				require.ErrorContains(t, err, want)
			})
		}
	}
	for name, c := range map[string]struct{ flavor, want string }{
		"another namespace":           {"namespace: edge, flavor: Traefik", "namespace: only routes of Gateway API and VirtualServices can send to Services of another namespace; remove the field"},
		"no flavor":                   {"", "flavor: says which controller serves an Ingress"},
		"an unknown flavor":           {"flavor: Kong", "supported values: "},
		"a prefix that Traefik knows": {"flavor: Traefik, annotationPrefix: a.example.com", "annotationPrefix: is for flavor IngressNginx alone; remove it"},
		"a prefix that is none":       {"flavor: IngressNginx, annotationPrefix: a.example.com/", "annotationPrefix"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(), decoded(t, ingressRollout(c.flavor, weight+"}")), metav1.CreateOptions{})
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := client.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(),
		decoded(t, strings.Replace(goodRollout, "kind: HTTPRoute, name", "kind: HTTPRoute, flavor: Traefik, name", 1)), metav1.CreateOptions{})
	require.ErrorContains(t, err, "an Ingress must have it, other kinds must not")
}

// each is a case that is the same to all flavors.
func each(step, want string) struct{ step, nginx, traefik, higress string } {
	return struct{ step, nginx, traefik, higress string }{step, want, want, want}
}

func ingressRollout(flavor, step string) string {
	if flavor != "" {
		flavor = ", " + flavor
	}
	return `
apiVersion: crossfade.io/v1alpha1
kind: Rollout
metadata: {name: checkout}
spec:
  workloadRef: {kind: Deployment, name: checkout}
  serviceRefs: [{name: checkout}]
  routeRefs: [{group: networking.k8s.io, kind: Ingress, name: checkout` + flavor + `}]
  strategy: {steps: [` + step + `]}
`
}

// TestRolloutDefaults: what a manifest leaves out is written by the API server, where all can see it.
func TestRolloutDefaults(t *testing.T) {
	client := installCRDs(t)
	made, err := client.Resource(rolloutsResource).Namespace(newNamespace(t)).Create(t.Context(), decoded(t, goodRollout), metav1.CreateOptions{})
	require.NoError(t, err)
	for path, want := range map[string]any{
		"workloadRef.group": "apps", "progressDeadline": "10m", "onDelete": "Restore", "releaseHistoryLimit": int64(3),
		"timing.drain": "30s", "timing.collapseAfter": "5s", "rollback.traffic": "AtOnce", "rollback.then": "Retire",
	} {
		got, found, err := unstructured.NestedFieldNoCopy(made.Object, append([]string{"spec"}, strings.Split(path, ".")...)...)
		require.NoError(t, err)
		require.True(t, found, path)
		require.Equal(t, want, got, path)
	}
}

// TestReleaseIsImmutableButForControl, and Abort is final.
func TestReleaseIsImmutableButForControl(t *testing.T) {
	client := installCRDs(t).Resource(releasesResource).Namespace(newNamespace(t))
	var policy map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(goodRollout), &policy))
	release := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "crossfade.io/v1alpha1", "kind": "Release", "metadata": map[string]any{"name": "checkout-1"},
		"spec": map[string]any{"rollout": map[string]any{"name": "checkout", "uid": "u"}, "number": int64(1), "policy": policy["spec"]},
	}}
	_, err := client.Create(t.Context(), release, metav1.CreateOptions{})
	require.NoError(t, err)
	patch := func(body string) error {
		_, err := client.Patch(t.Context(), "checkout-1", "application/merge-patch+json", []byte(body), metav1.PatchOptions{})
		return err
	}
	require.ErrorContains(t, patch(`{"spec":{"policy":{"progressDeadline":"1m"}}}`), "only spec.control may change")
	require.NoError(t, patch(`{"spec":{"control":{"paused":true,"approvals":[{"step":"insiders","visit":1}]}}}`))
	require.ErrorContains(t, patch(`{"spec":{"control":{"goTo":{"step":"half"}}}}`), "spec.control.goTo.id: Required value")
	require.NoError(t, patch(`{"spec":{"control":{"goTo":{"step":"half","id":"1"}}}}`))
	require.NoError(t, patch(`{"spec":{"control":{"desiredOutcome":"Promote"}}}`))
	require.NoError(t, patch(`{"spec":{"control":{"desiredOutcome":"Abort"}}}`))
	require.ErrorContains(t, patch(`{"spec":{"control":{"desiredOutcome":"Promote"}}}`), "Abort is final")
	require.ErrorContains(t, patch(`{"spec":{"control":{"desiredOutcome":null}}}`), "Abort is final")
	require.ErrorContains(t, patch(`{"spec":{"control":null}}`), "Abort is final")
}

func decoded(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	obj := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &obj.Object))
	return obj
}

func newNamespace(t *testing.T) string {
	t.Helper()
	client, err := kubernetes.NewForConfig(config(t))
	require.NoError(t, err)
	made, err := client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "schema-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	return made.Name
}

// installCRDs applies the chart's CRDs and waits until they are served.
func installCRDs(t *testing.T) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(config(t))
	require.NoError(t, err)
	files, err := filepath.Glob("../../charts/crossfade/crds/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		crd := decoded(t, string(text))
		_, err = client.Resource(crdsResource).Apply(t.Context(), crd.GetName(), crd, metav1.ApplyOptions{FieldManager: "test", Force: true})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return established(t, client, crd.GetName()) }, 20*time.Second, 50*time.Millisecond)
	}
	return client
}

func established(t *testing.T, client dynamic.Interface, name string) bool {
	crd, err := client.Resource(crdsResource).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		return false
	}
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions") // null at first
	for _, c := range conditions {
		if fmt.Sprint(c.(map[string]any)["type"]) == "Established" {
			return fmt.Sprint(c.(map[string]any)["status"]) == string(metav1.ConditionTrue)
		}
	}
	return false
}
