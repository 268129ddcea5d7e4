package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestRouteOfAnotherNamespace: a Rollout says what its route of another namespace lacks, with the mend: the route, what
// permits it to send to the Service, and the same for the canary Service.
func TestRouteOfAnotherNamespace(t *testing.T) {
	direct, namespace := withCheckout(t)
	edge := newNamespace(t)
	key := types.NamespacedName{Namespace: namespace, Name: "checkout"}
	reconciler := reconcilerOf(t, direct, direct)
	ready := func() *metav1.Condition {
		_, err := reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
		require.NoError(t, err)
		var live v1alpha1.Rollout
		require.NoError(t, direct.Get(t.Context(), key, &live))
		return meta.FindStatusCondition(live.Status.Conditions, v1alpha1.ConditionReady)
	}
	create := func(in, name, manifest string) {
		obj := decoded(t, manifest)
		obj.SetNamespace(in)
		obj.SetName(name)
		require.NoError(t, direct.Create(t.Context(), obj))
	}
	refs := func(list string) {
		rollout := &unstructured.Unstructured{}
		rollout.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Rollout"))
		rollout.SetNamespace(namespace)
		rollout.SetName("checkout")
		require.NoError(t, direct.Patch(t.Context(), rollout, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"routeRefs":[`+list+`]}}`))))
	}
	const route = `{"group":"gateway.networking.k8s.io","kind":"HTTPRoute","name":"checkout"`
	elsewhere := route + `,"namespace":"` + edge + `"}`

	refs(route + `},` + route + `,"namespace":"` + namespace + `"}`)
	require.Equal(t, "HTTPRoute checkout is named twice in spec.routeRefs; name each route once", ready().Message)
	refs(elsewhere)
	require.Equal(t, "HTTPRoute checkout does not exist in namespace "+edge+"; create it, or correct spec.routeRefs", ready().Message)

	create(edge, "checkout", `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, spec: {rules: [{backendRefs: [{name: checkout, port: 80}]}]}}`)
	require.Contains(t, ready().Message, "no rule names Service "+namespace+"/checkout; add it to a rule's backendRefs", "the Service of that name there is another one")
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(routes)
	obj.SetNamespace(edge)
	obj.SetName("checkout")
	require.NoError(t, direct.Patch(t.Context(), obj, client.RawPatch(types.MergePatchType,
		[]byte(`{"spec":{"rules":[{"backendRefs":[{"name":"checkout","namespace":"`+namespace+`","port":80}]}]}}`))))

	refusal := func(service string) string {
		return "step insiders: HTTPRoute " + edge + "/checkout may not send to Service " + namespace + "/" + service +
			", as no ReferenceGrant there permits it; add one from kind HTTPRoute of group gateway.networking.k8s.io and namespace " + edge +
			" to that Service, or to all (kind Service without a name)"
	}
	require.Equal(t, refusal("checkout"), ready().Message)
	create(namespace, "of-the-service", grantFrom(edge, `[{group: "", kind: Service, name: checkout}]`))
	require.Equal(t, refusal("checkout-canary"), ready().Message)
	create(namespace, "of-the-canary", grantFrom(edge, `[{group: "", kind: Service, name: checkout-canary}]`))
	require.NotContains(t, []string{v1alpha1.ReasonRouteUnsupported, v1alpha1.ReasonRouteNotFound}, ready().Reason)
	for _, name := range []string{namespace, edge} {
		require.NoError(t, direct.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	}
}

func grantFrom(namespace, to string) string {
	return `{apiVersion: gateway.networking.k8s.io/v1beta1, kind: ReferenceGrant, spec: {
		from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: ` + namespace + `}], to: ` + to + `}}`
}
