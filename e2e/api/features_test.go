package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestFeatureThatTheGatewayLacks: a step that a GatewayClass says it cannot follow is refused before anything is touched,
// and once the class says that it can, it isn't.
func TestFeatureThatTheGatewayLacks(t *testing.T) {
	direct, namespace := withCheckout(t)
	class := decoded(t, `{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, spec: {controllerName: example.com/gateway}}`)
	class.SetName(namespace)
	require.NoError(t, direct.Create(t.Context(), class))
	t.Cleanup(func() { _ = direct.Delete(t.Context(), class) })
	publishes := func(names ...string) {
		var features []any
		for _, name := range names {
			features = append(features, map[string]any{"name": name})
		}
		require.NoError(t, direct.Get(t.Context(), client.ObjectKeyFromObject(class), class))
		require.NoError(t, unstructured.SetNestedSlice(class.Object, features, "status", "supportedFeatures"))
		require.NoError(t, direct.Status().Update(t.Context(), class))
	}
	gateway := decoded(t, `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: edge},
		spec: {listeners: [{name: http, protocol: HTTP, port: 80}]}}`)
	gateway.SetNamespace(newNamespace(t))
	require.NoError(t, unstructured.SetNestedField(gateway.Object, class.GetName(), "spec", "gatewayClassName"))
	require.NoError(t, direct.Create(t.Context(), gateway))
	for kind, merge := range map[schema.GroupVersionKind]string{
		routes: `{"spec":{"parentRefs":[{"name":"edge","namespace":"` + gateway.GetNamespace() + `"}]}}`,
		v1alpha1.GroupVersion.WithKind("Rollout"): `{"spec":{"strategy":{"steps":[{"name":"writers","replicas":1,"match":[{"method":"POST"}]}]}}}`,
	} {
		obj := &unstructured.Unstructured{}
		obj.SetGroupVersionKind(kind)
		obj.SetNamespace(namespace)
		obj.SetName("checkout")
		require.NoError(t, direct.Patch(t.Context(), obj, client.RawPatch(types.MergePatchType, []byte(merge))))
	}

	reconciler := reconcilerOf(t, direct, direct)
	ready := func(c require.TestingT) *metav1.Condition {
		key := types.NamespacedName{Namespace: namespace, Name: "checkout"}
		_, err := reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
		require.NoError(c, err)
		var live v1alpha1.Rollout
		require.NoError(c, direct.Get(t.Context(), key, &live))
		require.Equal(c, meta.IsStatusConditionTrue(live.Status.Conditions, v1alpha1.ConditionStalled),
			meta.IsStatusConditionFalse(live.Status.Conditions, v1alpha1.ConditionReady))
		return meta.FindStatusCondition(live.Status.Conditions, v1alpha1.ConditionReady)
	}
	publishes("Gateway", "HTTPRoute", "HTTPRouteQueryParamMatching")
	found := ready(t)
	require.Equal(t, v1alpha1.ReasonRouteUnsupported, found.Reason)
	require.Equal(t, "step writers: HTTPRoute "+namespace+"/checkout: the match by method POST needs the feature HTTPRouteMethodMatching, which GatewayClass "+
		class.GetName()+" does not name in status.supportedFeatures; match by header, or give the route a Gateway whose class names it",
		found.Message)

	publishes("Gateway", "HTTPRoute", "HTTPRouteMethodMatching")
	require.NotEqual(t, v1alpha1.ReasonRouteUnsupported, ready(t).Reason)

	t.Run("who may not read Gateways says so", func(t *testing.T) {
		reads := []string{"get", "list"}
		reconciler.Reader = readerOf(t, direct, namespace,
			rbacv1.PolicyRule{APIGroups: []string{"gateway.networking.k8s.io"}, Resources: []string{"httproutes", "backendtlspolicies"}, Verbs: reads},
			rbacv1.PolicyRule{APIGroups: []string{"gateway.networking.x-k8s.io", "networking.gke.io", "networking.istio.io"}, Resources: []string{"*"}, Verbs: reads})
		require.EventuallyWithT(t, func(c *assert.CollectT) { // the API server takes a role in a moment late
			message := ready(c).Message
			require.Contains(c, message, "read Gateway "+gateway.GetNamespace()+"/edge: ")
			require.Contains(c, message, "is forbidden")
			require.Contains(c, message, "; install the chart of this version, which permits it")
		}, patience, 100*time.Millisecond)
	})
	for _, name := range []string{namespace, gateway.GetNamespace()} {
		require.NoError(t, direct.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	}
}
