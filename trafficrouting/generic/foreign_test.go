package generic_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/generic"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

var insiders = []trafficrouting.Split{providertest.ForStep(providertest.Checkout, v1alpha1.Step{Match: canary("yes")})}

func render(t *testing.T, p generic.Route, live trafficrouting.Objects, splits []trafficrouting.Split) trafficrouting.Objects {
	t.Helper()
	out, err := p.Render(live, providertest.CheckoutOwner, splits)
	require.NoError(t, err)
	return out
}

// TestCopiesAreWrittenJustAbove: what a step with a match makes of an IngressRoute, and how it is known again.
func TestCopiesAreWrittenJustAbove(t *testing.T) {
	p := shipped(t, "ingressroute.traefik.io")
	user := trafficrouting.Objects{Route: stored(ingressRouteHead + `
  - {match: PathPrefix("/"), middlewares: [{name: auth}], services: [{name: checkout, port: 80}]}`)}
	live := render(t, p, user, insiders)
	require.Equal(t, []any{
		object{
			"match": `(PathPrefix("/")) && Header("x-canary", "yes")`, "priority": int64(16), "middlewares": []any{object{"name": "auth"}},
			"services": []any{object{"name": "checkout-canary", "port": int64(80), "weight": int64(100)}},
		},
		object{
			"match": `PathPrefix("/")`, "middlewares": []any{object{"name": "auth"}},
			"services": []any{object{"name": "checkout", "port": int64(80)}},
		},
	}, rulesOf(live.Route, "routes"), "a canary without a share is not named where the data plane would drop the rule for it")

	copied := rulesOf(live.Route, "routes")[0].(object)
	copied["services"].([]any)[0].(object)["port"] = int64(8080)
	copied["middlewares"] = []any{}
	require.True(t, p.Observe(live, providertest.CheckoutOwner, insiders).Drifted)
	providertest.SameObjects(t, render(t, p, user, insiders), render(t, p, live, insiders), "what somebody made of a copy goes")
	providertest.SameObjects(t, user, providertest.Ended(t, p, live, providertest.CheckoutOwner))
}

// TestRuleWithoutItsOwnService: somebody takes the user's Service out of a split rule, to send all to the canary by hand.
// The rule is the user's, and keeps a backend.
func TestRuleWithoutItsOwnService(t *testing.T) {
	for _, splits := range [][]trafficrouting.Split{insiders, {trafficrouting.Between(providertest.Checkout, 500_000)}} {
		p := shipped(t, "ingressroute.traefik.io")
		user := trafficrouting.Objects{Route: stored(userIngressRoutes["one rule"])}
		live := render(t, p, user, []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)})
		rule := rulesOf(live.Route, "routes")[0].(object)
		rule["services"] = rule["services"].([]any)[1:]
		require.Equal(t, "checkout-canary", rule["services"].([]any)[0].(object)["name"])
		require.Len(t, rulesOf(render(t, p, live, splits).Route, "routes"), 1+len(splits[0].Rules))
		stripped := providertest.Ended(t, p, live, providertest.CheckoutOwner)
		services, _, _ := unstructured.NestedSlice(rulesOf(stripped.Route, "routes")[0].(object), "services")
		require.Len(t, services, 1)
		require.Equal(t, "checkout", services[0].(object)["name"])
	}
}

// TestAnnotationThatIsLost: copies are known by what the splits make of the user's rules, and weights go to percent.
func TestAnnotationThatIsLost(t *testing.T) {
	p := shipped(t, "ingressroute.traefik.io")
	splits := []trafficrouting.Split{providertest.ForStep(providertest.Checkout, v1alpha1.Step{Weight: ptr.To(intstr.FromInt32(25)), Match: canary("yes")})}
	live := render(t, p, trafficrouting.Objects{Route: stored(userIngressRoutes["one rule"])}, splits)
	require.Len(t, rulesOf(live.Route, "routes"), 2)
	live.Route.SetAnnotations(nil)
	again := render(t, p, live, splits)
	require.Len(t, rulesOf(again.Route, "routes"), 2)
	stripped := providertest.Ended(t, p, again, providertest.CheckoutOwner)
	require.Len(t, rulesOf(stripped.Route, "routes"), 1)
	require.False(t, p.Names(stripped, "checkout-canary"))
}

// TestWayBackFromWhatCannotBeSplit: a route that its description refuses by now is led back all the same.
func TestWayBackFromWhatCannotBeSplit(t *testing.T) {
	p := shipped(t, "httpproxy.projectcontour.io")
	half := []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)}
	live := render(t, p, trafficrouting.Objects{Route: stored(userHTTPProxies["one rule"])}, half)
	rule := rulesOf(live.Route, "routes")[0].(object)
	rule["services"] = append(rule["services"].([]any), object{"name": "audit", "port": int64(80), "mirror": true})
	require.Contains(t, p.Observe(live, providertest.CheckoutOwner, half).Message, "take the mirror out")
	back := []trafficrouting.Split{trafficrouting.AllStable(providertest.Checkout)}
	again := render(t, p, live, back)
	require.Zero(t, p.Observe(again, providertest.CheckoutOwner, back).CanaryPPM)
	require.False(t, p.Names(providertest.Ended(t, p, again, providertest.CheckoutOwner), "checkout-canary"))
}

// TestAccepted is what Contour says of the generation that was written.
func TestAccepted(t *testing.T) {
	p := shipped(t, "httpproxy.projectcontour.io")
	half := []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)}
	for name, of := range map[string]struct {
		conditions []any
		says       string
	}{
		"nothing yet": {nil, "HTTPProxy shop/shop: Contour has not taken notice of it yet"},
		"of an older generation": {
			[]any{object{"type": "Valid", "status": "True", "observedGeneration": int64(2), "message": "ok"}},
			"HTTPProxy shop/shop: Contour has yet to see this generation",
		},
		"refused": {
			[]any{object{"type": "Valid", "status": "False", "observedGeneration": int64(3), "message": "service not found"}},
			"HTTPProxy shop/shop: Contour says Valid=False: service not found",
		},
		"accepted": {[]any{object{"type": "Valid", "status": "True", "observedGeneration": int64(3), "message": "ok"}}, ""},
	} {
		live := render(t, p, trafficrouting.Objects{Route: stored(userHTTPProxies["one rule"])}, half)
		_ = unstructured.SetNestedSlice(live.Route.Object, of.conditions, "status", "conditions")
		observed := p.Observe(live, providertest.CheckoutOwner, half)
		require.Equal(t, of.says, observed.Message, name)
		require.Equal(t, of.says == "", observed.InEffect, name)
	}
}
