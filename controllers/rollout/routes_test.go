package rollout

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providers"
	"crossfade.io/crossfade/workload"
)

// rivalry is a Reconciler in a cluster where another team's route would lose requests to copies of rules, with the objects there
// and how many lists were read.
type rivalry struct {
	*Reconciler
	objects map[string]*unstructured.Unstructured
	lists   int
	now     time.Time
}

func rivalryOf(t *testing.T, releases ...client.Object) *rivalry {
	t.Helper()
	group := schema.GroupVersion{Group: gatewayapi.Group, Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{group})
	r := &rivalry{objects: map[string]*unstructured.Unstructured{}, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(releases...)
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
		r.objects[name] = obj
		builder.WithObjects(obj)
	}
	reader := interceptor.NewClient(builder.Build(), interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		r.lists++
		return c.List(ctx, list, opts...)
	}})
	r.Reconciler = &Reconciler{
		Reader: reader, Mapper: mapper, Sparing: mapper, Clock: func() time.Time { return r.now },
		Providers: providers.Registry(),
	}
	return r
}

// matching is a Rollout whose first step matches, by which another route would lose requests.
const matching = `{metadata: {name: checkout, namespace: shop}, spec: {workloadRef: {name: checkout}, serviceRefs: [{name: checkout}],
	routeRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop}], rollback: {window: 24h},
	strategy: {steps: [{name: insiders, replicas: 1, match: [{headers: [{name: x-canary, exact: "yes"}]}]}]}}}`

// TestCopiesAreHeldAgainstRoutesOfAllNamespaces: a Gateway may take routes of any namespace, of which those with rules that a
// copy would win over refuse the step. They are not read for shares alone.
func TestCopiesAreHeldAgainstRoutesOfAllNamespaces(t *testing.T) {
	r, rollout := rivalryOf(t), parsed[*v1alpha1.Rollout](t, matching)
	refused := func() string {
		live := trafficrouting.Objects{Route: r.objects["route"]}
		var err error
		live.About, err = r.about(t.Context(), rollout, gatewayapi.HTTPRoute(), live)
		require.NoError(t, err)
		return carries(rollout, gatewayapi.HTTPRoute(), live)
	}
	require.Equal(t, "step insiders: HTTPRoute shop/shop: GatewayClass traefik is Traefik's, which adds up all that a rule asks for, so that a copy of its rule 1 (PathPrefix /) would take requests from rule 1 (PathPrefix /) of HTTPRoute admin/admin; take match, mirror and stickiness out, match by less, or give the route a Gateway of another controller", refused())

	refused()
	require.Equal(t, 1, r.lists, "they are read once for all that are looked at within some seconds")
	r.now = r.now.Add(stale)
	refused()
	require.Equal(t, 2, r.lists)

	rollout.Spec.Strategy = *parsed[*v1alpha1.Strategy](t, `{steps: [{name: some, weight: 5}]}`)
	require.Empty(t, refused())
}

// TestWaysBackAreNotHeldByOthers: what another team attaches to the same Gateway keeps a new version from being released, and none
// that served before from coming back.
func TestWaysBackAreNotHeldByOthers(t *testing.T) {
	const ended = `{metadata: {name: checkout-1, namespace: shop, labels: {crossfade.io/rollout: checkout}},
		status: {outcome: Promoted, endedAt: "2026-02-28T12:00:00Z", progress: {stable: before, canary: now}}}`
	for name, c := range map[string]struct {
		pods    workload.Pods
		window  time.Duration
		refused bool
	}{
		"a new version":                         {workload.Pods{Pending: true, Template: workload.TemplateOther}, 24 * time.Hour, true},
		"the version before, within the window": {workload.Pods{Pending: true, Template: workload.TemplateCanary, Canary: workload.Revision{UID: "before"}}, 24 * time.Hour, false},
		"the version before, after the window":  {workload.Pods{Pending: true, Template: workload.TemplateCanary, Canary: workload.Revision{UID: "before"}}, time.Hour, true},
		"the stable one":                        {workload.Pods{Pending: true, Template: workload.TemplateStable}, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, rollout := rivalryOf(t, parsed[*v1alpha1.Release](t, ended)), parsed[*v1alpha1.Rollout](t, matching)
			rollout.Spec.Rollback.Window = &v1alpha1.Duration{Duration: metav1.Duration{Duration: c.window}}
			found, refused, err := r.refusal(t.Context(), rollout, world{pods: c.pods}, true)
			require.NoError(t, err)
			require.Equal(t, c.refused, refused, found.message)
		})
	}
}
