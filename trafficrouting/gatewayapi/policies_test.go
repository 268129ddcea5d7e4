package gatewayapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// userPolicies are for both Services, for one port of one of them, and for others.
var userPolicies = []string{`
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls, namespace: shop, labels: {team: shop}}
spec:
  targetRefs: [{group: "", kind: Service, name: checkout}, {group: "", kind: Service, name: cart}, {group: "", kind: Service, name: legacy}]
  validation: {hostname: shop.internal, wellKnownCACertificates: System}`, `
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: port, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: checkout, sectionName: admin}]
  validation: {hostname: admin.shop.internal, wellKnownCACertificates: System}`, `
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: another, namespace: shop}
spec:
  targetRefs: [{group: example.com, kind: Service, name: checkout}]
  validation: {hostname: another.internal, wellKnownCACertificates: System}`, `
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: retries, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: checkout}]
  retryConstraint: {budget: {percent: 20, interval: 10s}, minRetryRate: {count: 10, interval: 1s}}`, `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mesh, namespace: shop}
spec: {host: checkout.shop.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}`}

// withPolicies is one of the user's routes with all policies, and more.
func withPolicies(route string, more ...string) trafficrouting.Objects {
	out := trafficrouting.Objects{Route: accepted(stored(userRoutes[route]), "istio.io/gateway-controller", 2)}
	for _, manifest := range append(slices.Clone(userPolicies), more...) {
		out.Beside = append(out.Beside, parse(manifest))
	}
	return out
}

// underPolicies tells of each share, too, which policies say how its Service is called.
func underPolicies(live trafficrouting.Objects, shares providertest.Shares) providertest.Shares {
	out := providertest.Shares{}
	for key, share := range shares {
		service, _, _ := strings.Cut(key, "|")
		var said []string
		for _, obj := range live.Beside {
			spec := obj.Object["spec"].(map[string]any)
			refs, _ := spec["targetRefs"].([]any)
			for _, ref := range refs {
				if ref := ref.(map[string]any); ref["group"] == "" && ref["name"] == service {
					said = append(said, tell(spec, "targetRefs")+text(ref, "sectionName", ""))
				}
			}
			if host, _, _ := strings.Cut(text(spec, "host", ""), "."); host == service {
				said = append(said, tell(spec, "host"))
			}
		}
		slices.Sort(said)
		out[key+strings.Join(said, "")] = share
	}
	return out
}

// TestPoliciesAreCopied for the canary Service alone, under names of its own, before the route names it.
func TestPoliciesAreCopied(t *testing.T) {
	user := withPolicies("one rule")
	live, err := gatewayapi.HTTPRoute().Render(user, providertest.CheckoutOwner, []trafficrouting.Split{trafficrouting.AllStable(providertest.Checkout)})
	require.NoError(t, err)
	changes := user.Changes(live)
	require.Len(t, changes, 5)
	var made []string
	for _, c := range changes[:4] {
		require.Nil(t, c.Live)
		made = append(made, c.Want.GetKind()+" "+c.Want.GetName())
	}
	require.Equal(t, []string{
		"BackendTLSPolicy checkout-canary-port", "BackendTLSPolicy checkout-canary-tls",
		"XBackendTrafficPolicy checkout-canary-retries", "DestinationRule checkout-canary-mesh",
	}, made)
	providertest.SameJSON(t, parse(`
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: checkout-canary-tls, namespace: shop, labels: {crossfade.io/rollout: checkout}}
spec:
  targetRefs: [{group: "", kind: Service, name: checkout-canary}]
  validation: {hostname: shop.internal, wellKnownCACertificates: System}`), changes[1].Want)
}

func TestPoliciesThatContend(t *testing.T) {
	half := []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)}
	live := withPolicies("one rule", `
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: older, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: checkout, sectionName: admin}]
  validation: {hostname: older.internal, wellKnownCACertificates: System}`)
	require.Equal(t, "HTTPRoute shop/shop: BackendTLSPolicy older and port are both for Service checkout, and the older one counts, which copies cannot be told by; join them into one",
		gatewayapi.HTTPRoute().Check(live, providertest.CheckoutOwner, half))
}

// TestPoliciesOfAnotherDataPlane are not copied, nor refused: two DestinationRules are nothing to Traefik.
func TestPoliciesOfAnotherDataPlane(t *testing.T) {
	half := []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)}
	live := withPolicies("one rule", `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: other, namespace: shop}
spec: {host: checkout, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}`)
	require.Contains(t, gatewayapi.HTTPRoute().Check(live, providertest.CheckoutOwner, half), "DestinationRule other has callers keep the address")
	live.Route = accepted(stored(userRoutes["one rule"]), "traefik.io/gateway-controller", 2)
	require.Empty(t, gatewayapi.HTTPRoute().Check(live, providertest.CheckoutOwner, half))
	out, err := gatewayapi.HTTPRoute().Render(live, providertest.CheckoutOwner, half)
	require.NoError(t, err)
	for _, c := range live.Changes(out) {
		require.NotEqual(t, "DestinationRule", c.Want.GetKind())
	}
}

// TestHeadlessServiceOfAMesh cannot be shared.
func TestHeadlessServiceOfAMesh(t *testing.T) {
	route, service := stored(userRoutes["one rule"]), parse(`{apiVersion: v1, kind: Service, metadata: {name: checkout, namespace: shop}, spec: {clusterIP: None}}`)
	require.Empty(t, gatewayapi.HTTPRoute().Misfit(trafficrouting.Objects{Route: route}, service, nil))
	require.NoError(t, unstructured.SetNestedSlice(route.Object, []any{map[string]any{"group": "", "kind": "Service", "name": "checkout"}}, "spec", "parentRefs"))
	require.Equal(t, "Service checkout is headless, and proxies of the mesh then leave each request at the pod that its caller chose; give it a cluster IP, or HTTPRoute shop/shop a Gateway for its parent",
		gatewayapi.HTTPRoute().Misfit(trafficrouting.Objects{Route: route}, service, nil))
}

// TestPolicyEditedMidWay: the copy follows, by the part of the release's owner alone.
func TestPolicyEditedMidWay(t *testing.T) {
	half := []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)}
	live, err := gatewayapi.HTTPRoute().Render(withPolicies("one rule"), providertest.CheckoutOwner, half)
	require.NoError(t, err)
	hostname := func(of trafficrouting.Objects, name string) string {
		for _, obj := range of.Beside {
			if obj.GetName() == name {
				value, _, _ := unstructured.NestedString(obj.Object, "spec", "validation", "hostname")
				return value
			}
		}
		require.Fail(t, "no policy "+name)
		return ""
	}
	for _, obj := range live.Beside {
		if obj.GetName() == "tls" {
			require.NoError(t, unstructured.SetNestedField(obj.Object, "new.internal", "spec", "validation", "hostname"))
		}
	}
	observed := gatewayapi.HTTPRoute().Observe(live, providertest.CheckoutOwner, half)
	require.True(t, observed.Drifted)
	require.Equal(t, "BackendTLSPolicy shop/checkout-canary-tls is not as Crossfade would write it", observed.Message)
	require.Equal(t, "new.internal", hostname(*observed.Rendered, "checkout-canary-tls"))
	require.Equal(t, "admin.shop.internal", hostname(*observed.Rendered, "checkout-canary-port"))
}
