package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/rollout"
	"crossfade.io/crossfade/trafficrouting/providers"
	"crossfade.io/crossfade/workload"
	"crossfade.io/crossfade/workload/deployment"
)

// lagging is a client whose cache has yet to see any Release.
type lagging struct{ client.Client }

func (l lagging) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if releases, ok := list.(*v1alpha1.ReleaseList); ok {
		releases.Items = nil
		return nil
	}
	return l.Client.List(ctx, list, opts...)
}

// TestOpensOneRelease: a held template gets one Release, also from a controller whose cache of Releases
// lags behind: two at a time would fight over the workload.
func TestOpensOneRelease(t *testing.T) {
	direct, namespace := withCheckout(t)
	hold(t, direct, namespace)
	reconciler := reconcilerOf(t, lagging{direct}, direct)
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: "checkout"}}
	var releases v1alpha1.ReleaseList
	for range 3 {
		_, err := reconciler.Reconcile(t.Context(), request)
		require.NoError(t, err)
		require.NoError(t, direct.List(t.Context(), &releases, client.InNamespace(namespace)))
		require.Len(t, releases.Items, 1)
	}
	require.Equal(t, "checkout-1", releases.Items[0].Name)

	// No controller follows it: its finalizer would keep the namespace, and another test's controller find it.
	opened := releases.Items[0].DeepCopy()
	opened.Finalizers = nil
	require.NoError(t, direct.Update(t.Context(), opened))
	require.NoError(t, direct.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
}

// withCheckout makes a namespace with a Rollout and all that it names, and returns a client without a cache.
func withCheckout(t *testing.T) (direct client.Client, namespace string) {
	t.Helper()
	installCRDs(t)
	scheme := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(scheme))
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	direct, err := client.New(config(t), client.Options{Scheme: scheme})
	require.NoError(t, err)
	namespace = newNamespace(t)
	for kind, text := range map[schema.GroupVersionKind]string{
		services: `{spec: {selector: {app: checkout}, ports: [{port: 80}]}}`,
		routes:   `{spec: {rules: [{backendRefs: [{name: checkout, port: 80}]}]}}`,
		v1alpha1.GroupVersion.WithKind("Rollout"): goodRollout,
		deploymentKind: `{metadata: {labels: {crossfade.io/rollout: checkout}}, spec: {replicas: 1, selector: {matchLabels: {app: checkout}},
			template: {metadata: {labels: {app: checkout}}, spec: {containers: [{name: a, image: "a:1"}]}}}}`,
	} {
		obj := decoded(t, text)
		obj.SetGroupVersionKind(kind)
		obj.SetNamespace(namespace)
		obj.SetName("checkout")
		require.NoError(t, direct.Create(t.Context(), obj))
	}
	return direct, namespace
}

func reconcilerOf(t *testing.T, cached, direct client.Client) *rollout.Reconciler {
	t.Helper()
	lenses := lensesOf(t)
	return &rollout.Reconciler{
		Client: cached, Reader: direct, Lenses: lenses, Mapper: lenses.Mapper, Sparing: lenses.Mapper, Recorder: events.NewFakeRecorder(100),
		Kinds:     map[schema.GroupKind]workload.Kind{deploymentKind.GroupKind(): deployment.Kind{}},
		Providers: providers.Registry(),
		Clock:     time.Now, Gate: []client.Object{&admissionv1.MutatingAdmissionPolicy{}},
	}
}

// hold waits until the Deployment stands, and gives it a new template as the gate would hold it.
func hold(t *testing.T, c client.Client, namespace string) {
	t.Helper()
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(deploymentKind)
	key := types.NamespacedName{Namespace: namespace, Name: "checkout"}
	require.Eventually(t, func() bool {
		require.NoError(t, c.Get(t.Context(), key, obj))
		ready, _, _ := unstructured.NestedInt64(obj.Object, "status", "readyReplicas")
		return ready == 1
	}, patience, 50*time.Millisecond)
	body := []byte(`{"spec":{"paused":true,"template":{"metadata":{"annotations":{"crossfade.io/pending":"held"}},"spec":{"containers":[{"name":"a","image":"a:2"}]}}}}`)
	require.NoError(t, c.Patch(t.Context(), obj, client.RawPatch(types.StrategicMergePatchType, body), &client.PatchOptions{FieldManager: "user"}))
	require.Eventually(t, func() bool {
		require.NoError(t, c.Get(t.Context(), key, obj))
		seen, _, _ := unstructured.NestedInt64(obj.Object, "status", "observedGeneration")
		return seen == obj.GetGeneration()
	}, patience, 50*time.Millisecond)
}
