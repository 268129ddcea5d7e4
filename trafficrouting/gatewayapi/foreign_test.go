package gatewayapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

func setRules(t *testing.T, route *unstructured.Unstructured, text string) {
	t.Helper()
	holder := parse("{apiVersion: v1, kind: Rules, rules: " + text + "}")
	route.Object["spec"].(map[string]any)["rules"] = holder.Object["rules"]
}

// TestForeignEdit tells what becomes of a user's route of one Service, or of two backends, that is
// split 90 to 10 and that somebody else edits meanwhile.
func TestForeignEdit(t *testing.T) {
	const single = `[{backendRefs: [{name: checkout, port: 80}]}]`
	const double = `[{backendRefs: [{name: checkout, port: 80, weight: 1}, {name: old, port: 80, weight: 3}]}]`
	cases := map[string]struct{ before, edited, stripped, why string }{
		"weights set back to the user's": {
			double, double, double, "a revert; the next rendering repairs it",
		},
		"only the share moved": {
			single, `[{backendRefs: [{name: checkout, port: 80, weight: 100}, {name: checkout-canary, port: 80, weight: 0}]}]`, single,
			"somebody took the traffic back by hand; the user's own weight is not concerned",
		},
		"the canary taken out": {
			double, `[{backendRefs: [{name: checkout, port: 80, weight: 90}, {name: old, port: 80, weight: 300}]}]`, double,
			"the weights are still the ones that were written",
		},
		"a manifest with another weight": {
			double, `[{backendRefs: [{name: checkout, port: 80, weight: 5}, {name: old, port: 80, weight: 3}]}]`,
			`[{backendRefs: [{name: checkout, port: 80, weight: 5}, {name: old, port: 80, weight: 3}]}]`, "the newest intent",
		},
		"a weight edited beside the live ones": {
			double, `[{backendRefs: [{name: checkout, port: 80, weight: 90}, {name: checkout-canary, port: 80, weight: 10}, {name: old, port: 80, weight: 600}]}]`,
			`[{backendRefs: [{name: checkout, port: 80, weight: 1}, {name: old, port: 80, weight: 6}]}]`, "meant beside 90 and 10",
		},
		"a backend added beside the live ones": {
			single, `[{backendRefs: [{name: checkout, port: 80, weight: 90}, {name: checkout-canary, port: 80, weight: 10}, {name: new, port: 80, weight: 50}]}]`,
			`[{backendRefs: [{name: checkout, port: 80, weight: 100}, {name: new, port: 80, weight: 50}]}]`, "two to one, as it looked",
		},
		"a rule copied with our backend in it": {
			single, `[{matches: [{path: {type: PathPrefix, value: /x}}], backendRefs: [{name: checkout, port: 80, weight: 90}, {name: checkout-canary, port: 80, weight: 10}]},
			          {backendRefs: [{name: checkout, port: 80, weight: 90}, {name: checkout-canary, port: 80, weight: 10}]}]`,
			`[{matches: [{path: {type: PathPrefix, value: /x}}], backendRefs: [{name: checkout, port: 80}]}, {backendRefs: [{name: checkout, port: 80}]}]`,
			"it must not name a Service that goes away",
		},
		"the Service taken out, ours left": {
			single, `[{backendRefs: [{name: checkout-canary, port: 80, weight: 10}]}]`, `[{backendRefs: [{name: checkout, port: 80, weight: 10}]}]`,
			"a rule never loses its last backend",
		},
		"the Service exchanged, ours left": {
			single, `[{backendRefs: [{name: next, port: 80, weight: 90}, {name: checkout-canary, port: 80, weight: 10}]}]`, `[{backendRefs: [{name: next, port: 80, weight: 90}]}]`,
			"it serves without",
		},
	}
	p := gatewayapi.HTTPRoute()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			user := parse(userRoutes["one rule"])
			setRules(t, user, c.before)
			live := render(t, user, providertest.CheckoutOwner, step(10))
			setRules(t, live, c.edited)
			golden(t, "rules: "+c.stripped, strip(t, live, providertest.CheckoutOwner))
			require.True(t, p.Observe(trafficrouting.Objects{Route: live}, providertest.CheckoutOwner, []trafficrouting.Split{step(10)}).Drifted, c.why)
		})
	}
}

func TestLostMarks(t *testing.T) {
	user := stored(userRoutes["several rules"])
	split := step(10, header("x-canary", "yes"))
	live := render(t, user, providertest.CheckoutOwner, split)
	t.Run("copies that lost their names are known by their content", func(t *testing.T) {
		nameless := live.DeepCopy()
		for _, rule := range rulesOf(nameless) {
			delete(rule.(map[string]any), "name")
		}
		want := user.DeepCopy()
		delete(rulesOf(want)[0].(map[string]any), "name")
		providertest.SameJSON(t, want, strip(t, nameless, providertest.CheckoutOwner))
	})
	t.Run("without its annotation a part is rendered anew", func(t *testing.T) {
		bare := live.DeepCopy()
		bare.SetAnnotations(nil)
		providertest.SameJSON(t, bare, strip(t, bare, providertest.CheckoutOwner), "nobody can say what was there")
		again := render(t, bare, providertest.CheckoutOwner, split)
		for _, r := range requests() {
			require.Equal(t, providertest.Expected(serveAlike(user, r), r, split), providertest.Visible(serveAlike(again, r)), "%v", r)
		}
		require.False(t, gatewayapi.HTTPRoute().Names(trafficrouting.Objects{Route: strip(t, again, providertest.CheckoutOwner)}, "checkout-canary"))
	})
	t.Run("whatever a step asks for, nothing stays of it", func(t *testing.T) {
		user, unmarked := stored(userRoutes["one rule"]), func(route *unstructured.Unstructured) *unstructured.Unstructured {
			out := route.DeepCopy()
			for _, rule := range rulesOf(out) {
				delete(rule.(map[string]any), "name")
			}
			return out
		}
		for i, split := range providertest.Steps(providertest.Checkout) {
			live := render(t, user, providertest.CheckoutOwner, split)
			nameless := unmarked(live)
			providertest.SameJSON(t, user, strip(t, nameless, providertest.CheckoutOwner), "step %d without names", i)
			providertest.SameJSON(t, live, render(t, nameless, providertest.CheckoutOwner, split), "step %d without names", i)
			bare := live.DeepCopy()
			bare.SetAnnotations(nil)
			require.Len(t, rulesOf(render(t, bare, providertest.CheckoutOwner, split)), len(rulesOf(live)), "step %d without its annotation", i)
			back := strip(t, render(t, bare, providertest.CheckoutOwner, trafficrouting.AllStable(providertest.Checkout)), providertest.CheckoutOwner)
			require.Len(t, rulesOf(back), 1, "step %d without its annotation", i)
			require.NotContains(t, fmt.Sprint(rulesOf(back)), "filters", "step %d without its annotation", i)
		}
	})
	t.Run("an annotation that cannot be read is mended by rendering", func(t *testing.T) {
		broken := live.DeepCopy()
		broken.SetAnnotations(map[string]string{"split.crossfade.io/checkout": "{"})
		_, err := gatewayapi.HTTPRoute().Strip(trafficrouting.Objects{Route: broken}, providertest.CheckoutOwner)
		require.ErrorContains(t, err, "read annotation split.crossfade.io/checkout")
		mended := render(t, broken, providertest.CheckoutOwner, split)
		require.False(t, gatewayapi.HTTPRoute().Names(trafficrouting.Objects{Route: strip(t, mended, providertest.CheckoutOwner)}, "checkout-canary"))
	})
	t.Run("going back is possible on a route that somebody has filled up", func(t *testing.T) {
		full := render(t, stored(userRoutes["two Services, two rules"]), providertest.CheckoutOwner, split)
		full = render(t, full, providertest.CartOwner, providertest.ForStep("cart", stepOf(header("x-cart", "1"))))
		rules := rulesOf(full)
		for len(rules) < 15 {
			rules = append(rules, map[string]any{"backendRefs": []any{map[string]any{"name": "cart", "port": int64(80)}}})
		}
		full.Object["spec"].(map[string]any)["rules"] = rules
		p := gatewayapi.HTTPRoute()
		_, err := p.Render(trafficrouting.Objects{Route: full}, providertest.CheckoutOwner, []trafficrouting.Split{split})
		require.ErrorContains(t, err, "16 is the most")
		back := render(t, full, providertest.CheckoutOwner, trafficrouting.AllStable("checkout"))
		require.False(t, p.Names(trafficrouting.Objects{Route: strip(t, back, providertest.CheckoutOwner)}, "checkout-canary"))
	})
}

func stepOf(matches ...v1alpha1.Match) v1alpha1.Step { return v1alpha1.Step{Match: matches} }

// An annotation that splits nothing is no part of ours: a foreign hand wrote it.
func TestGuardOfAPartThatSplitsNothing(t *testing.T) {
	live := stored(userRoutes["one rule"])
	live.SetAnnotations(map[string]string{"split.crossfade.io/checkout": `{"v":1,"splits":[]}`})
	edited := live.DeepCopy()
	edited.SetLabels(map[string]string{"team": "shop"})
	got, err := gatewayapi.HTTPRoute().Guard(trafficrouting.Objects{Route: live}, trafficrouting.Objects{Route: edited})
	require.NoError(t, err)
	providertest.SameJSON(t, edited, got.Route)
}
