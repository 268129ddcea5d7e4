package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const patience = 60 * time.Second

// testNative shows that the native controller moves no pod for a template that is held.
func testNative(t *testing.T, w *world) {
	t.Run("a new template that is held, and the stable one after it, move no pod", func(t *testing.T) {
		name := w.idle(t)
		w.awaitPods(t, name, 2)
		before := w.pods(t, name)
		for _, image := range []string{canary, newer, stable} {
			w.apply(t, manifest(name, image), metav1.ApplyOptions{FieldManager: tool})
			w.awaitObserved(t, name)
			requireHeld(t, typed(t, w.get(t, name)), image)
			require.Equal(t, before, w.pods(t, name))
		}
	})
	for tool, write := range ways() {
		t.Run("stable and canary pods stay when "+tool+" brings the stable template back mid-release", func(t *testing.T) {
			name := w.idle(t)
			w.awaitPods(t, name, 2)
			w.apply(t, manifest(name, canary), metav1.ApplyOptions{FieldManager: "gitops"})
			w.borrow(t, name)
			w.awaitPods(t, name, 3)
			before := w.pods(t, name)
			write(t, w, name, stable)
			w.awaitObserved(t, name)
			requireHeld(t, typed(t, w.get(t, name)), stable)
			require.Equal(t, before, w.pods(t, name))
		})
	}
}

// pods maps the names of a workload's ReplicaSets to their sizes, and of its pods to their images.
func (w *world) pods(t *testing.T, name string) map[string]string {
	t.Helper()
	standing := map[string]string{}
	for _, rs := range w.list(t, "apps", "replicasets", name) {
		standing["ReplicaSet "+rs.GetName()] = encode(t, rs.Object["spec"].(map[string]any)["replicas"])
	}
	for _, pod := range w.list(t, "", "pods", name) {
		containers, _, err := unstructured.NestedSlice(pod.Object, "spec", "containers")
		require.NoError(t, err)
		image := containers[0].(map[string]any)["image"].(string)
		if pod.GetDeletionTimestamp() != nil {
			image += ", going"
		}
		standing["Pod "+pod.GetName()] = image
	}
	return standing
}

func (w *world) list(t *testing.T, group, resource, app string) []unstructured.Unstructured {
	t.Helper()
	list, err := w.user.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}).
		Namespace(w.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	require.NoError(t, err)
	return list.Items
}

func (w *world) awaitPods(t *testing.T, name string, ready int32) {
	t.Helper()
	require.Eventually(t, func() bool {
		d := typed(t, w.get(t, name))
		return d.Status.ObservedGeneration == d.Generation && d.Status.ReadyReplicas == ready && d.Status.Replicas == ready
	}, patience, 50*time.Millisecond)
}

// awaitObserved waits until the native controller has acted on the latest spec. It says so after it
// has sized the ReplicaSets.
func (w *world) awaitObserved(t *testing.T, name string) {
	t.Helper()
	require.Eventually(t, func() bool {
		d := typed(t, w.get(t, name))
		return d.Status.ObservedGeneration == d.Generation
	}, patience, 50*time.Millisecond)
}
