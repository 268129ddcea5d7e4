package gatewayapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providers"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// named is how routes name their rules.
var named = providertest.Named{
	Routes: []string{"several rules", "a more special rule of another Service, listed late", "two Services, apart and together"},
	Name: func(route *unstructured.Unstructured) []string {
		var names []string
		for i, rule := range rulesOf(route) {
			rule := rule.(map[string]any)
			if rule["name"] == nil {
				rule["name"] = fmt.Sprintf("rule-%d", i)
			}
			names = append(names, rule["name"].(string))
		}
		return names
	},
	Aim: func(route *unstructured.Unstructured, name, service, instead string) {
		for _, rule := range rulesOf(route) {
			rule := rule.(map[string]any)
			if rule["name"] != name {
				continue
			}
			refs, _ := rule["backendRefs"].([]any)
			for _, ref := range refs {
				if ref := ref.(map[string]any); ref["name"] == service {
					ref["name"] = instead
				}
			}
		}
	},
}

func TestNamedRulesContract(t *testing.T) {
	providertest.RunNamed(t, gatewayapi.HTTPRoute(), fixtures(), named)
}

const threeRules = head + `
  - name: api
    matches: [{path: {type: PathPrefix, value: /api}}]
    backendRefs: [{name: checkout, port: 80, weight: 100}]
  - name: web
    matches: [{path: {type: PathPrefix, value: /web}}]
    backendRefs: [{name: checkout, port: 80, weight: 100}]
  - name: other
    matches: [{path: {type: PathPrefix, value: /other}}]
    backendRefs: [{name: other, port: 80}]`

func byRules(names ...string) trafficrouting.Provider {
	provider, _ := providers.Registry().For(v1alpha1.RouteRef{Group: gatewayapi.Group, Kind: "HTTPRoute", Rules: names})
	return provider
}

func TestNamesThatNoRuleHasAreRefused(t *testing.T) {
	live := trafficrouting.Objects{Route: stored(threeRules), About: able()}
	half := []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)}
	require.Empty(t, byRules("api", "web").Check(live, providertest.CheckoutOwner, half))
	require.Equal(t, "HTTPRoute shop/shop: no rule is called gone; give a rule that name, or take it out of rules in spec.routeRefs",
		byRules("api", "gone").Check(live, providertest.CheckoutOwner, half))
	require.Equal(t, "HTTPRoute shop/shop: rule other names no Service of spec.serviceRefs, such as checkout; add it to the rule's backendRefs, or take the rule out of rules in spec.routeRefs",
		byRules("api", "other").Check(live, providertest.CheckoutOwner, half))
}

// TestRulesThatLoseTheirNames are not split any more, whether others are or not, and the way back leads to the user's route.
func TestRulesThatLoseTheirNames(t *testing.T) {
	provider := byRules("api", "web")
	user := trafficrouting.Objects{Route: stored(threeRules)}
	step := []trafficrouting.Split{providertest.Steps(providertest.Checkout)[2]}
	live, err := provider.Render(user, providertest.CheckoutOwner, step)
	require.NoError(t, err)
	for _, lost := range [][]string{{"api"}, {"web"}, {"api", "web"}} {
		rename := func(route *unstructured.Unstructured) trafficrouting.Objects {
			route = route.DeepCopy()
			for _, rule := range rulesOf(route) {
				for _, name := range lost {
					if rule := rule.(map[string]any); rule["name"] == name {
						delete(rule, "name")
					}
				}
			}
			return trafficrouting.Objects{Route: route}
		}
		edited := rename(live.Route)
		again, err := provider.Render(edited, providertest.CheckoutOwner, step)
		require.NoError(t, err)
		fresh, err := provider.Render(rename(user.Route), providertest.CheckoutOwner, step)
		require.NoError(t, err)
		providertest.SameObjects(t, fresh, again, lost)
		require.Equal(t, len(lost) < 2, provider.Names(again, trafficrouting.CanaryOf(providertest.Checkout)))
		for _, from := range []trafficrouting.Objects{edited, again} {
			back, err := provider.Strip(from, providertest.CheckoutOwner)
			require.NoError(t, err)
			providertest.SameObjects(t, rename(user.Route), back, lost)
		}
		_, err = provider.Guard(live, edited)
		if len(lost) == 2 {
			require.ErrorContains(t, err, "no rule called api or web names Service checkout; give one its name back")
		} else {
			require.NoError(t, err)
		}
	}
}
