package gatewayapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

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

func render(t testing.TB, route *unstructured.Unstructured, owner trafficrouting.Owner, splits ...trafficrouting.Split) *unstructured.Unstructured {
	t.Helper()
	out, err := kinds[route.GetKind()].Render(trafficrouting.Objects{Route: route}, owner, splits)
	require.NoError(t, err)
	require.NoError(t, admit(out.Route))
	return out.Route
}

func strip(t testing.TB, route *unstructured.Unstructured, owner trafficrouting.Owner) *unstructured.Unstructured {
	t.Helper()
	out, err := kinds[route.GetKind()].Strip(trafficrouting.Objects{Route: route}, owner)
	require.NoError(t, err)
	return out.Route
}

func withParents(route *unstructured.Unstructured, parents string) *unstructured.Unstructured {
	var list []any
	if err := yaml.Unmarshal([]byte(parents), &list); err != nil {
		panic(err)
	}
	out := route.DeepCopy()
	out.Object["status"] = map[string]any{"parents": list}
	return out
}

// storedFor is the user's route of one rule with these parentRefs.
func storedFor(refs string) *unstructured.Unstructured {
	return stored(strings.Replace(userRoutes["one rule"], "parentRefs: [{name: web}]", "parentRefs: "+refs, 1))
}

// golden compares a route's rules with what a reader should see.
func golden(t *testing.T, want string, route *unstructured.Unstructured) {
	t.Helper()
	text, err := yaml.Marshal(map[string]any{"rules": rulesOf(route)})
	require.NoError(t, err)
	require.YAMLEq(t, want, string(text))
}

func header(name, value string) v1alpha1.Match {
	return v1alpha1.Match{Headers: []v1alpha1.ValueMatch{{Name: name, Exact: ptr.To(value)}}}
}

func step(percent int32, matches ...v1alpha1.Match) trafficrouting.Split {
	return providertest.ForStep("checkout", v1alpha1.Step{Weight: ptr.To(intstr.FromInt32(percent)), Match: matches})
}

func TestRender(t *testing.T) {
	owner := providertest.CheckoutOwner
	t.Run("ten percent, and everyone with a header", func(t *testing.T) {
		user := parse(head + `
  - name: web
    matches: [{path: {type: PathPrefix, value: /shop}}]
    timeouts: {request: 10s}
    backendRefs: [{name: checkout, port: 80}]`)
		golden(t, `
rules:
- name: cf-checkout-1
  matches: [{path: {type: PathPrefix, value: /shop}, headers: [{type: Exact, name: x-canary, value: "yes"}]}]
  timeouts: {request: 10s}
  backendRefs: [{name: checkout-canary, port: 80, weight: 100}]
- name: web
  matches: [{path: {type: PathPrefix, value: /shop}}]
  timeouts: {request: 10s}
  backendRefs: [{name: checkout, port: 80, weight: 90}, {name: checkout-canary, port: 80, weight: 10}]
`, render(t, user, owner, step(10, header("x-canary", "yes"))))
	})
	t.Run("weights of several backends", func(t *testing.T) {
		cases := map[string]struct{ before, after string }{
			"keep their proportion": {
				`[{name: checkout, port: 80, weight: 3}, {name: old, port: 80}]`,
				`[{name: checkout, port: 80, weight: 270}, {name: checkout-canary, port: 80, weight: 30}, {name: old, port: 80, weight: 100}]`,
			},
			"stay percent where they are": {
				`[{name: checkout, port: 80, weight: 70}, {name: old, port: 80, weight: 30}]`,
				`[{name: checkout, port: 80, weight: 63}, {name: checkout-canary, port: 80, weight: 7}, {name: old, port: 80, weight: 30}]`,
			},
			"stay 0": {
				`[{name: checkout, port: 80, weight: 0}, {name: old, port: 80}]`,
				`[{name: checkout, port: 80, weight: 0}, {name: checkout-canary, port: 80, weight: 0}, {name: old, port: 80, weight: 100}]`,
			},
		}
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				golden(t, "rules: [{backendRefs: "+c.after+"}]", render(t, parse(head+`
  - backendRefs: `+c.before), owner, step(10)))
			})
		}
	})
	t.Run("a share finer than percent takes the smallest exact weights", func(t *testing.T) {
		golden(t, `rules: [{backendRefs: [{name: checkout, port: 80, weight: 199}, {name: checkout-canary, port: 80, weight: 1}]}]`,
			render(t, parse(userRoutes["one rule"]), owner, trafficrouting.Between("checkout", 5_000)))
	})
	t.Run("a more special rule of another Service keeps its requests", func(t *testing.T) {
		live := render(t, parse(userRoutes["a more special rule of another Service, listed late"]), owner, step(0, header("x-canary", "yes")))
		golden(t, `
rules:
- name: cf-checkout-1
  matches: [{path: {type: PathPrefix, value: /}, headers: [{type: Exact, name: x-canary, value: "yes"}]}]
  backendRefs: [{name: checkout-canary, port: 80, weight: 100}]
- backendRefs: [{name: checkout, port: 80, weight: 100}, {name: checkout-canary, port: 80, weight: 0}]
- name: cf-checkout-2
  matches: [{path: {value: /}, headers: [{name: x-beta, value: "on"}, {type: Exact, name: x-canary, value: "yes"}]}]
  backendRefs: [{name: beta, port: 80}]
- matches: [{path: {value: /}, headers: [{name: x-beta, value: "on"}]}]
  backendRefs: [{name: beta, port: 80}]
`, live)
	})
	t.Run("the copy for disasters is the user's spec", func(t *testing.T) {
		user := stored(userRoutes["several rules"])
		packed, err := base64.StdEncoding.DecodeString(render(t, user, owner, step(10)).GetAnnotations()["crossfade.io/base"])
		require.NoError(t, err)
		r, err := gzip.NewReader(bytes.NewReader(packed))
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		want, err := json.Marshal(user.Object["spec"])
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(text))
	})
}

func TestRefusals(t *testing.T) {
	one := userRoutes["one rule"]
	many := make([]v1alpha1.Match, 16)
	for i := range many {
		many[i] = header("x-n", fmt.Sprint(i))
	}
	nine := head + strings.Repeat("\n  - backendRefs: [{name: checkout, port: 80}]", 9)
	wide := head + `
  - matches: [{path: {value: /a}}, {path: {value: /b}}, {path: {value: /c}}, {path: {value: /d}}, {path: {value: /e}}]
    backendRefs: [{name: checkout, port: 80}]`
	cases := map[string]struct {
		route string
		split trafficrouting.Split
		want  string
	}{
		"no rule names the Service": {head + `
  - backendRefs: [{name: other, port: 80}, {name: checkout, namespace: far, port: 80}]`, step(0), "no rule names Service checkout; add it"},
		"the canary named by hand": {head + `
  - backendRefs: [{name: checkout, port: 80}, {name: checkout-canary, port: 80}]`, step(0), "names Service checkout-canary by its own hand"},
		"a name of ours": {head + `
  - name: cf-checkout-4
    backendRefs: [{name: checkout, port: 80}]`, step(0), "is called cf-checkout-4"},
		"too many rules":       {nine, step(0, header("a", "b")), "18 rules and 16 is the most"},
		"too many in one rule": {wide, step(0, many...), "80 matches and 64 is the most"},
		"too many in all rules": {head + strings.Repeat(`
  - matches: [{path: {value: /a}}, {path: {value: /b}}, {path: {value: /c}}]
    backendRefs: [{name: checkout, port: 80}]`, 3), step(0, many...), "153 matches in all its rules and 128 is the most"},
		"weights that cannot be exact": {head + `
  - backendRefs: [{name: checkout, port: 80, weight: 33333}]`, trafficrouting.Between("checkout", 1), "weights sum to 33333"},
		"no request can meet both": {head + `
  - matches: [{headers: [{name: X-Canary, value: "no"}]}]
    backendRefs: [{name: checkout, port: 80}]`, step(0, header("x-canary", "yes")), "no request can meet both"},
		"an expression on the same header": {
			head + `
  - matches: [{headers: [{name: cookie, type: RegularExpression, value: "a=.*"}]}]
    backendRefs: [{name: checkout, port: 80}]`,
			step(0, v1alpha1.Match{Cookies: []v1alpha1.ValueMatch{{Name: "b", Exact: ptr.To("c")}}}), "matches header Cookie by the regular expression",
		},
		"an expression that is none": {one, step(0, v1alpha1.Match{Headers: []v1alpha1.ValueMatch{{Name: "a", Regex: ptr.To("(")}}}), "use RE2 syntax"},
		"a header that cannot be":    {one, step(0, header("a", "b  c")), "cannot be a header's value"},
		"a cookie that cannot be":    {one, step(0, v1alpha1.Match{Cookies: []v1alpha1.ValueMatch{{Name: "a", Exact: ptr.To("b;c")}}}), "cannot have ';'"},
		"a match of nothing":         {one, step(0, v1alpha1.Match{}), "names nothing"},
		"shares that do not sum":     {one, trafficrouting.Split{Base: trafficrouting.Backend{Service: "checkout"}, Shares: []trafficrouting.Share{{Backend: trafficrouting.Backend{Service: "checkout"}, PPM: 5}}}, "sum to 5 parts per million"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			route := trafficrouting.Objects{Route: stored(c.route)}
			got := gatewayapi.HTTPRoute().Check(route, providertest.CheckoutOwner, []trafficrouting.Split{c.split})
			require.Contains(t, got, c.want)
			require.Contains(t, got, "HTTPRoute shop/shop", "it names the route")
		})
	}
	t.Run("a Service that another Rollout splits", func(t *testing.T) {
		live := render(t, stored(one), providertest.CartOwner, step(10))
		got := gatewayapi.HTTPRoute().Check(trafficrouting.Objects{Route: live}, providertest.CheckoutOwner, []trafficrouting.Split{step(10)})
		require.NotEmpty(t, got)
	})
	t.Run("a route of another kind", func(t *testing.T) {
		other := parse(`{apiVersion: v1, kind: Service, metadata: {name: x}}`)
		require.Contains(t, gatewayapi.HTTPRoute().Capabilities(trafficrouting.Objects{Route: other}).Refusal, "is not an HTTPRoute")
	})
}

func TestObserve(t *testing.T) {
	splits := []trafficrouting.Split{step(10)}
	live := render(t, storedFor("[{namespace: infra, name: web}, {name: a}, {name: b}]"), providertest.CheckoutOwner, splits...)
	parent := func(conditions string) string {
		return "[{parentRef: {namespace: infra, name: web}, conditions: [" + conditions + "]}]"
	}
	const accepted = `{type: Accepted, status: "True", observedGeneration: 3}`
	const resolved = `{type: ResolvedRefs, status: "True", observedGeneration: 3}`
	cases := map[string]struct{ parents, want string }{
		"no parent":                {"[]", "no parent has taken notice"},
		"accepted for long ago":    {parent(`{type: Accepted, status: "True", observedGeneration: 2}, ` + resolved), "infra/web has Accepted for generation 2, not yet for 3"},
		"not accepted":             {parent(`{type: Accepted, status: "False", reason: NoMatchingParent, observedGeneration: 3}, ` + resolved), "Accepted=False (NoMatchingParent)"},
		"references not resolved":  {parent(accepted + `, {type: ResolvedRefs, status: "False", reason: BackendNotFound, message: no checkout-canary, observedGeneration: 3}`), "BackendNotFound: no checkout-canary"},
		"references not looked at": {parent(accepted), "no condition ResolvedRefs yet"},
		"partially invalid":        {parent(accepted + ", " + resolved + `, {type: PartiallyInvalid, status: "True", reason: UnsupportedValue, observedGeneration: 3}`), "PartiallyInvalid=True"},
		"one parent of two":        {`[{parentRef: {name: a}, conditions: [` + accepted + ", " + resolved + `]}, {parentRef: {name: b}}]`, "parent b has no condition Accepted"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := gatewayapi.HTTPRoute().Observe(trafficrouting.Objects{Route: withParents(live, c.parents)}, providertest.CheckoutOwner, splits)
			require.False(t, got.InEffect)
			require.Equal(t, trafficrouting.EvidenceWritten, got.Evidence)
			require.Contains(t, got.Message, c.want)
			require.Equal(t, int32(100_000), got.CanaryPPM)
		})
	}
	t.Run("the longest settle time counts", func(t *testing.T) {
		for parents, want := range map[string]time.Duration{
			"[]": 15 * time.Second,
			"[{controllerName: traefik.io/gateway-controller}]":                                              5 * time.Second,
			"[{controllerName: traefik.io/gateway-controller}, {controllerName: networking.gke.io/gateway}]": time.Minute,
			"[{controllerName: example.com/unheard-of}]":                                                     15 * time.Second,
		} {
			require.Equal(t, want, gatewayapi.HTTPRoute().Settle(trafficrouting.Objects{Route: withParents(live, parents)}))
		}
	})
}

// TestObserveOfParents: what counts are the parents that the route names now, as far as anybody serves them.
func TestObserveOfParents(t *testing.T) {
	splits := []trafficrouting.Split{step(10)}
	cases := map[string]struct {
		refs    string
		entries []string
		lacks   string
	}{
		"as it says":                            {"[{name: web}]", []string{entryOf("x", "{name: web}", 3)}, ""},
		"with what is the default":              {"[{name: web}]", []string{entryOf("x", "{group: gateway.networking.k8s.io, kind: Gateway, namespace: shop, name: web}", 3)}, ""},
		"of another namespace":                  {"[{name: web}]", []string{entryOf("x", "{namespace: infra, name: web}", 3)}, "no parent has taken notice"},
		"of another kind":                       {"[{name: web}]", []string{entryOf("x", `{group: "", kind: Service, name: web}`, 3)}, "no parent has taken notice"},
		"left of a parent that is gone":         {"[{name: web}]", []string{entryOf("x", "{name: old}", 2), entryOf("x", "{name: web}", 3)}, ""},
		"left of a listener that is gone":       {"[{name: web, sectionName: http}]", []string{entryOf("x", "{name: web, sectionName: old}", 2), entryOf("x", "{name: web, sectionName: http}", 3)}, ""},
		"left of a port that is gone":           {"[{name: web, port: 80}]", []string{entryOf("x", "{name: web, port: 81}", 2), entryOf("x", "{name: web, port: 80}", 3)}, ""},
		"one parent that nobody serves":         {"[{name: web}, {name: nobody}]", []string{entryOf("x", "{name: web}", 3)}, ""},
		"one parent that is late":               {"[{name: web}, {name: late}]", []string{entryOf("x", "{name: web}", 3), entryOf("x", "{name: late}", 2)}, "parent late has Accepted for generation 2"},
		"one listener that is late":             {"[{name: web, sectionName: a}, {name: web, sectionName: b}]", []string{entryOf("x", "{name: web, sectionName: a}", 3), entryOf("x", "{name: web, sectionName: b}", 2)}, "parent web/b has Accepted for generation 2"},
		"a listener that the route leaves open": {"[{name: web}]", []string{entryOf("x", "{name: web, sectionName: http}", 2)}, "parent web/http has Accepted for generation 2"},
		"the Gateway's controller before":       {"[{name: web}]", []string{entryOf("before", "{name: web}", 2), entryOf("x", "{name: web}", 3)}, ""},
		"both controllers are late":             {"[{name: web}]", []string{entryOf("before", "{name: web}", 1), entryOf("x", "{name: web}", 2)}, "parent web has Accepted for generation 1"},
		"two meshes":                            {`[{group: "", kind: Service, name: checkout}]`, []string{entryOf("x", `{group: "", kind: Service, name: checkout}`, 3), entryOf("y", `{group: "", kind: Service, name: checkout}`, 2)}, "parent checkout has Accepted for generation 2"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			live := render(t, storedFor(c.refs), providertest.CheckoutOwner, splits...)
			live = withParents(live, strings.Join(c.entries, "\n"))
			got := gatewayapi.HTTPRoute().Observe(trafficrouting.Objects{Route: live}, providertest.CheckoutOwner, splits)
			require.Contains(t, got.Message, c.lacks)
			require.Equal(t, c.lacks == "", got.InEffect, got.Message)
		})
	}
}
