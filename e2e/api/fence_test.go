package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/controllers/apply"
	"crossfade.io/crossfade/intent"
)

// TestFence: a write that was decided on another version, or another object, of the same name is
// refused by the API server, whatever its verb.
func TestFence(t *testing.T) {
	c, err := client.New(config(t), client.Options{})
	require.NoError(t, err)
	namespace := newNamespace(t)
	made := func(t *testing.T, gvk schema.GroupVersionKind, name string) *unstructured.Unstructured {
		return makeAlone(t, c, gvk, namespace, name)
	}
	// touched changes the object behind the decision's back.
	touched := func(t *testing.T, obj *unstructured.Unstructured) {
		now := obj.DeepCopy()
		now.SetLabels(map[string]string{"touched": "yes"})
		require.NoError(t, c.Update(t.Context(), now))
	}
	// replaced deletes the object and makes another one of its name.
	replaced := func(t *testing.T, obj *unstructured.Unstructured) {
		require.NoError(t, c.Delete(t.Context(), obj))
		require.Eventually(t, func() bool {
			return apierrors.IsNotFound(c.Get(t.Context(), client.ObjectKeyFromObject(obj), obj.DeepCopy()))
		}, patience, 50*time.Millisecond)
		made(t, obj.GroupVersionKind(), obj.GetName())
	}
	writes := map[string]func(*testing.T, string) (*unstructured.Unstructured, intent.Write){
		"patch": func(t *testing.T, name string) (*unstructured.Unstructured, intent.Write) {
			live := made(t, services, name)
			want := live.DeepCopy()
			require.NoError(t, unstructured.SetNestedField(want.Object, "b", "spec", "selector", "app"))
			w, differs, err := intent.PatchTo(live, want, "select b")
			require.NoError(t, err)
			require.True(t, differs)
			return live, w
		},
		"scale": func(t *testing.T, name string) (*unstructured.Unstructured, intent.Write) {
			live := made(t, revisions, name)
			w := intent.Of(intent.Scale, live, "scale to 0")
			return live, w
		},
		"delete": func(t *testing.T, name string) (*unstructured.Unstructured, intent.Write) {
			live := made(t, services, name)
			return live, intent.Of(intent.Delete, live, "delete it")
		},
	}
	n := 0
	for verb, prepare := range writes {
		for what, disturb := range map[string]func(*testing.T, *unstructured.Unstructured){"an object that was touched": touched, "another object of that name": replaced} {
			n++
			name := fmt.Sprintf("fence-%d", n)
			t.Run(verb+" of "+what+" is refused", func(t *testing.T) {
				live, w := prepare(t, name)
				disturb(t, live)
				_, err := apply.Send(t.Context(), c, w)
				require.True(t, apierrors.IsConflict(err), "%v", err)
			})
		}
		t.Run(verb+" of what was observed is done", func(t *testing.T) {
			_, w := prepare(t, "fence-fresh-"+verb)
			_, err := apply.Send(t.Context(), c, w)
			require.NoError(t, err)
		})
	}
	t.Run("create of what exists is refused", func(t *testing.T) {
		live := made(t, services, "fence-create")
		w := intent.Of(intent.Create, live, "make it")
		w.Object = live.DeepCopy()
		for _, path := range [][]string{{"metadata", "resourceVersion"}, {"spec", "clusterIP"}, {"spec", "clusterIPs"}} {
			unstructured.RemoveNestedField(w.Object.Object, path...)
		}
		_, err := apply.Send(t.Context(), c, w)
		require.True(t, apierrors.IsAlreadyExists(err), "%v", err)
	})
}

var (
	revisions = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")
	services  = corev1.SchemeGroupVersion.WithKind("Service")
)

// makeAlone makes an object and waits until the native controllers have had their first look, so that
// nobody else writes from there on.
func makeAlone(t *testing.T, c client.Client, gvk schema.GroupVersionKind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	text := map[schema.GroupVersionKind]string{
		revisions: `{spec: {replicas: 0, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: "a:1"}]}}}}`,
		services:  `{spec: {selector: {app: a}, ports: [{port: 80}]}}`,
	}[gvk]
	obj := decoded(t, text)
	obj.SetGroupVersionKind(gvk)
	obj.SetNamespace(namespace)
	obj.SetName(name)
	require.NoError(t, c.Create(t.Context(), obj))
	require.Eventually(t, func() bool {
		require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(obj), obj))
		_, seen, _ := unstructured.NestedInt64(obj.Object, "status", "observedGeneration")
		return gvk == services || seen
	}, patience, 50*time.Millisecond)
	return obj
}

// TestStatusIsAFence: an update of a status that changes nothing is refused if it is stale, and writes
// nothing if it is fresh. On that rests that a stale cache or a deposed leader moves nothing.
func TestStatusIsAFence(t *testing.T) {
	releases := installCRDs(t).Resource(releasesResource).Namespace(newNamespace(t))
	release := decoded(t, goodRollout)
	release = &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "crossfade.io/v1alpha1", "kind": "Release", "metadata": map[string]any{"name": "checkout-1"},
		"spec": map[string]any{"rollout": map[string]any{"name": "checkout", "uid": "u"}, "number": int64(1), "policy": release.Object["spec"]},
	}}
	first, err := releases.Create(t.Context(), release, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, unstructured.SetNestedField(first.Object, "Holding", "status", "rule"))
	second, err := releases.UpdateStatus(t.Context(), first, metav1.UpdateOptions{})
	require.NoError(t, err)
	same, err := releases.UpdateStatus(t.Context(), second, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.Equal(t, second.GetResourceVersion(), same.GetResourceVersion(), "a fresh update that changes nothing writes nothing")
	stale := second.DeepCopy()
	stale.SetResourceVersion(first.GetResourceVersion())
	_, err = releases.UpdateStatus(t.Context(), stale, metav1.UpdateOptions{})
	require.True(t, apierrors.IsConflict(err), "a stale update is refused though it changes nothing: %v", err)
}
