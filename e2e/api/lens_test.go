package api_test

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"crossfade.io/crossfade/controllers/lens"
)

var routes = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}

// woken counts how often each Release was woken.
type woken struct {
	mu    sync.Mutex
	times map[string]int
}

func (w *woken) count(release string) func(client.Object) {
	return func(client.Object) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.times[release]++
	}
}

func (w *woken) so() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.times)
}

// TestLensWakesWhomItConcerns: of two Releases in one namespace, a change of a Service, a route, a
// workload's pod or an endpoint wakes the one that it belongs to, and neither once that has left.
func TestLensWakesWhomItConcerns(t *testing.T) {
	c, err := client.New(config(t), client.Options{})
	require.NoError(t, err)
	namespace := newNamespace(t)
	for _, app := range []string{"one", "two"} {
		for kind, text := range map[schema.GroupVersionKind]string{
			services:       `{spec: {selector: {app: %[1]s}, ports: [{port: 80}]}}`,
			routes:         `{spec: {hostnames: [%[1]s.test], rules: [{backendRefs: [{name: %[1]s, port: 80}]}]}}`,
			deploymentKind: `{spec: {replicas: 1, selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: a, image: "a:1"}]}}}}`,
		} {
			obj := decoded(t, fmt.Sprintf(text, app))
			obj.SetGroupVersionKind(kind)
			obj.SetNamespace(namespace)
			obj.SetName(app)
			require.NoError(t, c.Create(t.Context(), obj))
		}
	}
	lenses := lensesOf(t)
	view, err := lenses.Open(t.Context(), namespace)
	require.NoError(t, err)
	again, err := lenses.Open(t.Context(), namespace)
	require.NoError(t, err)
	require.Same(t, view, again, "one lens for each namespace")
	_, err = view.KindOf(t.Context(), routes.GroupKind())
	require.NoError(t, err)

	seen := &woken{times: map[string]int{}}
	for _, app := range []string{"one", "two"} {
		view.Follow(releaseOf(namespace, app), []lens.Subject{
			{Kind: deploymentKind.GroupKind(), Name: app}, {Kind: services.GroupKind(), Name: app}, {Kind: routes.GroupKind(), Name: app},
		}, seen.count(app))
	}
	awaitQuiet(t, view, seen, namespace)
	for what, change := range map[string]func(){
		"its Service":   func() { touch(t, c, services, namespace, "one") },
		"its route":     func() { touch(t, c, routes, namespace, "one") },
		"its pod":       func() { touch(t, c, podKind, namespace, podOf(t, c, namespace, "one")) },
		"its endpoints": func() { touch(t, c, sliceKind, namespace, sliceOf(t, c, namespace, "one")) },
	} {
		before := seen.so()
		change()
		require.Eventually(t, func() bool { return seen.so()["one"] > before["one"] }, patience, 20*time.Millisecond, what)
		require.Equal(t, before["two"], seen.so()["two"], "%s is not the other's", what)
	}
	require.Equal(t, types.UID("uid-of-one"), lenses.Leave(types.NamespacedName{Namespace: namespace, Name: "one"}))
	elsewhere, err := lenses.Open(t.Context(), newNamespace(t))
	require.NoError(t, err)
	for _, of := range []*lens.Lens{view, elsewhere} {
		of.Follow(releaseOf(namespace, "one"), []lens.Subject{{Kind: services.GroupKind(), Name: "one"}}, seen.count("one"))
	}
	require.Equal(t, types.UID("uid-of-one"), lenses.Leave(types.NamespacedName{Namespace: namespace, Name: "one"}), "all namespaces that it follows")
	require.Empty(t, lenses.Leave(types.NamespacedName{Namespace: namespace, Name: "one"}))
	before := seen.so()
	touch(t, c, services, namespace, "one")
	touch(t, c, services, namespace, "two")
	require.Eventually(t, func() bool { return seen.so()["two"] > before["two"] }, patience, 20*time.Millisecond)
	require.Equal(t, before["one"], seen.so()["one"], "it has left")
}

// lensesOf reads as the administrator.
func lensesOf(t *testing.T) *lens.Lenses {
	t.Helper()
	web, err := rest.HTTPClientFor(config(t))
	require.NoError(t, err)
	mapper, err := apiutil.NewDynamicRESTMapper(config(t), web)
	require.NoError(t, err)
	return &lens.Lenses{
		Config: config(t), HTTP: web, Scheme: clientgoscheme.Scheme, Mapper: mapper,
	}
}

func releaseOf(namespace, name string) client.Object {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-of-" + name)}}
}

// awaitQuiet waits until both workloads stand, with their endpoints, and nothing has woken anybody for a
// while.
func awaitQuiet(t *testing.T, view *lens.Lens, seen *woken, namespace string) {
	t.Helper()
	before, since := seen.so(), time.Now()
	require.Eventually(t, func() bool {
		var pods corev1.PodList
		require.NoError(t, view.List(t.Context(), &pods, client.InNamespace(namespace)))
		ready := 0
		for _, pod := range pods.Items {
			for _, condition := range pod.Status.Conditions {
				if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		if now := seen.so(); ready < 2 || !maps.Equal(now, before) {
			before, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	}, patience, 50*time.Millisecond)
}

var (
	deploymentKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	podKind        = corev1.SchemeGroupVersion.WithKind("Pod")
	sliceKind      = schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}
)

func podOf(t *testing.T, c client.Client, namespace, app string) string {
	t.Helper()
	return only(t, c, podKind, namespace, client.MatchingLabels{"app": app})
}

func sliceOf(t *testing.T, c client.Client, namespace, service string) string {
	t.Helper()
	return only(t, c, sliceKind, namespace, client.MatchingLabels{"kubernetes.io/service-name": service})
}

func only(t *testing.T, c client.Client, kind schema.GroupVersionKind, namespace string, with client.MatchingLabels) string {
	t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	require.NoError(t, c.List(t.Context(), list, client.InNamespace(namespace), with))
	require.Len(t, list.Items, 1)
	return list.Items[0].GetName()
}

// touch changes an object in a way that matters and that nobody else answers.
func touch(t *testing.T, c client.Client, kind schema.GroupVersionKind, namespace, name string) {
	t.Helper()
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(kind)
	obj.SetNamespace(namespace)
	obj.SetName(name)
	body := fmt.Appendf(nil, `{"metadata":{"labels":{"touched":"%d"}}}`, time.Now().UnixNano())
	require.NoError(t, c.Patch(t.Context(), obj, client.RawPatch(types.MergePatchType, body)))
}
