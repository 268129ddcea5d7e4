package istio_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/istio"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

var half = []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)}

var back = []trafficrouting.Split{trafficrouting.AllStable(providertest.Checkout)}

func withPolicy(manifests ...string) trafficrouting.Objects {
	out := trafficrouting.Objects{Route: stored(subsets)}
	for _, manifest := range append([]string{policy}, manifests...) {
		out.Beside = append(out.Beside, stored(manifest))
	}
	return out
}

func render(t *testing.T, live trafficrouting.Objects, splits []trafficrouting.Split) trafficrouting.Objects {
	t.Helper()
	out, err := istio.New().Render(live, providertest.CheckoutOwner, splits)
	require.NoError(t, err)
	return out
}

// named finds a DestinationRule.
func named(t *testing.T, live trafficrouting.Objects, name string) *unstructured.Unstructured {
	t.Helper()
	for _, obj := range live.Beside {
		if obj.GetName() == name {
			return obj
		}
	}
	require.Fail(t, "no DestinationRule "+name)
	return nil
}

// TestCopyOfAPolicy has what the user's says of pods, and nothing of who manages that.
func TestCopyOfAPolicy(t *testing.T) {
	copied := named(t, render(t, withPolicy(), back), "checkout-canary-checkout")
	providertest.SameJSON(t, providertest.Parse(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: checkout-canary-checkout, namespace: shop, labels: {crossfade.io/rollout: checkout}}
spec:
  host: checkout-canary.shop.svc.cluster.local
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, outlierDetection: {consecutive5xxErrors: 5}}
  subsets:
  - {name: eu}
  - {name: us, trafficPolicy: {loadBalancer: {simple: RANDOM}}}`), copied)
}

func TestPolicyEditedMidWay(t *testing.T) {
	live := render(t, withPolicy(), half)
	own := named(t, live, "checkout")
	require.NoError(t, unstructured.SetNestedField(own.Object, "LEAST_REQUEST", "spec", "trafficPolicy", "loadBalancer", "simple"))
	observed := istio.New().Observe(live, providertest.CheckoutOwner, half)
	require.True(t, observed.Drifted, "the copy is to follow")
	simple, _, _ := unstructured.NestedString(named(t, *observed.Rendered, "checkout-canary-checkout").Object, "spec", "trafficPolicy", "loadBalancer", "simple")
	require.Equal(t, "LEAST_REQUEST", simple)
}

func TestCopyWithoutItsLabel(t *testing.T) {
	live := render(t, withPolicy(), half)
	copied := named(t, live, "checkout-canary-checkout")
	copied.SetLabels(nil)
	copied.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: providertest.Checkout}})
	again := render(t, live, half)
	require.Equal(t, "checkout", named(t, again, "checkout-canary-checkout").GetLabels()[v1alpha1.LabelRollout])
}

// TestCopyOfAnotherRollout is left alone, also without its label.
func TestCopyOfAnotherRollout(t *testing.T) {
	live := render(t, withPolicy(), half)
	copied := named(t, live, "checkout-canary-checkout")
	copied.SetLabels(nil)
	copied.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: providertest.Checkout}})
	live.Route = stored(userRoutes["two Services, two rules"])
	out, err := istio.New().Render(live, providertest.CartOwner, []trafficrouting.Split{trafficrouting.Between(providertest.Cart, 500_000)})
	require.NoError(t, err)
	require.Equal(t, copied, named(t, out, copied.GetName()))
}

// TestPoliciesOfOthers stay: those that people wrote for the canary's host, and what bears a copy's name without being one.
func TestPoliciesOfOthers(t *testing.T) {
	const theirs = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mine, namespace: shop}
spec: {host: checkout-canary, trafficPolicy: {loadBalancer: {simple: RANDOM}}}`
	user := withPolicy(theirs)
	live := render(t, user, half)
	require.Len(t, live.Beside, 3)
	providertest.SameObjects(t, user, providertest.Ended(t, istio.New(), live, providertest.CheckoutOwner))

	for _, squatter := range []string{"elsewhere", "checkout-canary"} { // the second as exported into Git once
		user = withPolicy(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: checkout-canary-checkout, namespace: shop}
spec: {host: ` + squatter + `}`)
		require.Equal(t, "split VirtualService shop/shop: DestinationRule checkout-canary-checkout exists and is not this Rollout's; rename or delete it",
			istio.New().Check(user, providertest.CheckoutOwner, half))
		live = render(t, user, back)
		require.Len(t, live.Beside, 2, "the way back is open")
	}
}

// TestCopiesOutlastTheRoute: a proxy may still send to the canary Service when the VirtualService names it no more, and
// where somebody deleted that the copies go all the same.
func TestCopiesOutlastTheRoute(t *testing.T) {
	live := render(t, withPolicy(), half)
	stripped, err := istio.New().Strip(live, providertest.CheckoutOwner)
	require.NoError(t, err)
	changes := live.Changes(stripped)
	require.Len(t, changes, 1)
	require.Equal(t, "VirtualService", changes[0].Want.GetKind())
	require.False(t, istio.New().Observe(stripped, providertest.CheckoutOwner, nil).Drifted)
	copied := []*unstructured.Unstructured{named(t, live, "checkout-canary-checkout")}
	require.Equal(t, copied, istio.New().Leftovers(stripped, providertest.CheckoutOwner))
	require.Equal(t, copied, istio.New().Leftovers(trafficrouting.Objects{Beside: live.Beside}, providertest.CheckoutOwner))
}

// TestWaysBackFromWhatOthersWrote: whatever a user makes of a VirtualService that Istio admits, it can be led back.
func TestWaysBackFromWhatOthersWrote(t *testing.T) {
	for name, edit := range map[string]func(http []any) []any{
		"a weight beyond ours": func(http []any) []any {
			http[0].(object)["route"].([]any)[0].(object)["weight"] = int64(2_000_000_000)
			return http
		},
		"more rules than ours": func(http []any) []any {
			for range 300 {
				http = append(http, object{"redirect": object{"uri": "/"}})
			}
			return http
		},
		"many destinations": func(http []any) []any {
			rule := http[0].(object)
			for range 100 {
				rule["route"] = append(rule["route"].([]any), object{"destination": object{"host": "legacy"}, "weight": int64(1)})
			}
			return http
		},
	} {
		live := render(t, trafficrouting.Objects{Route: stored(userRoutes["several rules"])}, half)
		live.Route.Object["spec"].(object)["http"] = edit(rulesOf(live.Route))
		again := render(t, live, back)
		require.Zero(t, istio.New().Observe(again, providertest.CheckoutOwner, back).CanaryPPM, name)
		_, err := istio.New().Strip(again, providertest.CheckoutOwner)
		require.NoError(t, err, name)
	}
}
