package rollout

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
)

// TestCopiesAreHeldAgainstRoutesOfAllNamespaces: a Gateway may take routes of any namespace, of which those with rules that a
// copy would win over refuse the step. They are not read for shares alone.
func TestCopiesAreHeldAgainstRoutesOfAllNamespaces(t *testing.T) {
	group := schema.GroupVersion{Group: gatewayapi.Group, Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{group})
	objects := map[string]*unstructured.Unstructured{}
	builder := fake.NewClientBuilder().WithScheme(runtime.NewScheme())
	for name, text := range map[string]string{
		"class": `{kind: GatewayClass, metadata: {name: traefik}, spec: {controllerName: traefik.io/gateway-controller}}`,
		"gateway": `{kind: Gateway, metadata: {name: web, namespace: edge}, spec: {gatewayClassName: traefik,
			listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}}`,
		"route": `{kind: HTTPRoute, metadata: {name: shop, namespace: shop}, spec: {parentRefs: [{name: web, namespace: edge}], hostnames: ["*.example.com"],
			rules: [{backendRefs: [{name: checkout, port: 80}]}]}}`,
		"admin": `{kind: HTTPRoute, metadata: {name: admin, namespace: admin}, spec: {parentRefs: [{name: web, namespace: edge}], hostnames: [admin.example.com],
			rules: [{backendRefs: [{name: admin, port: 80}]}]}}`,
	} {
		obj := &unstructured.Unstructured{Object: parsed[map[string]any](t, text)}
		obj.SetGroupVersionKind(group.WithKind(obj.GetKind()))
		mapper.Add(obj.GroupVersionKind(), meta.RESTScopeNamespace)
		objects[name] = obj
		builder.WithObjects(obj)
	}
	r := &Reconciler{Reader: builder.Build(), Mapper: mapper, Sparing: mapper}
	rollout := parsed[*v1alpha1.Rollout](t, `{metadata: {name: checkout, namespace: shop}, spec: {workloadRef: {name: checkout}, serviceRefs: [{name: checkout}],
		strategy: {steps: [{name: insiders, replicas: 1, match: [{headers: [{name: x-canary, exact: "yes"}]}]}]}}}`)
	refused := func() string {
		live := trafficrouting.Objects{Route: objects["route"]}
		var err error
		live.About, err = r.about(t.Context(), rollout, gatewayapi.HTTPRoute(), live)
		require.NoError(t, err)
		return carries(rollout, gatewayapi.HTTPRoute(), live)
	}
	require.Equal(t, "step insiders: HTTPRoute shop/shop: GatewayClass traefik is Traefik's, which adds up all that a rule asks for, so that a copy of its rule 1 (PathPrefix /) would take requests from rule 1 (PathPrefix /) of HTTPRoute admin/admin; take match, mirror and stickiness out, match by less, or give the route a Gateway of another controller", refused())

	rollout.Spec.Strategy = *parsed[*v1alpha1.Strategy](t, `{steps: [{name: some, weight: 5}]}`)
	require.Empty(t, refused())
}
