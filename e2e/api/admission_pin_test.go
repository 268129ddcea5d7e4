package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
)

func testPin(t *testing.T, w *world) {
	requireSelector := func(t *testing.T, name string, want map[string]string) *unstructured.Unstructured {
		t.Helper()
		live, err := w.services(w.user).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		selector, _, err := unstructured.NestedStringMap(live.Object, "spec", "selector")
		require.NoError(t, err)
		require.Equal(t, want, selector)
		return live
	}
	pin := map[string]string{"app": "checkout", v1alpha1.LabelTemplateHash: "abc"}
	patch := func(t *testing.T, name, body string) {
		t.Helper()
		_, err := w.services(w.user).Patch(t.Context(), name, types.MergePatchType, []byte(body), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	t.Run("a forced dry run of the manifest shows no difference, and the apply makes none", func(t *testing.T) {
		name := w.pinned(t)
		before := requireSelector(t, name, pin)
		answer, err := w.services(w.user).Apply(t.Context(), name, serviceManifest(name),
			metav1.ApplyOptions{FieldManager: tool, Force: true, DryRun: []string{metav1.DryRunAll}})
		require.NoError(t, err)
		require.Equal(t, content(before), content(answer))
		_, err = w.services(w.user).Apply(t.Context(), name, serviceManifest(name), metav1.ApplyOptions{FieldManager: tool, Force: true})
		require.NoError(t, err)
		require.Equal(t, content(before), content(requireSelector(t, name, pin)))
	})
	t.Run("a replace keeps the pin and its label", func(t *testing.T) {
		name := w.pinned(t)
		m := serviceManifest(name)
		m.SetLabels(nil)
		_, err := w.services(w.user).Update(t.Context(), m, metav1.UpdateOptions{})
		require.NoError(t, err)
		live := requireSelector(t, name, pin)
		require.Equal(t, map[string]string{v1alpha1.LabelPinned: "checkout"}, live.GetLabels())
	})
	t.Run("another hash is put back and other keys pass", func(t *testing.T) {
		name := w.pinned(t)
		patch(t, name, `{"spec":{"selector":{"pod-template-hash":"def","tier":"web","app":null}}}`)
		requireSelector(t, name, map[string]string{"tier": "web", v1alpha1.LabelTemplateHash: "abc"})
	})
	t.Run("a selector dropped as a whole keeps the pin", func(t *testing.T) {
		name := w.pinned(t)
		patch(t, name, `{"spec":{"selector":null}}`)
		requireSelector(t, name, map[string]string{v1alpha1.LabelTemplateHash: "abc"})
	})
	t.Run("our controller takes pin and label off", func(t *testing.T) {
		name := w.pinned(t)
		_, err := w.services(w.ours).Patch(t.Context(), name, types.MergePatchType, []byte(fmt.Sprintf(
			`{"metadata":{"labels":{%q:null}},"spec":{"selector":{"pod-template-hash":null}}}`, v1alpha1.LabelPinned)), metav1.PatchOptions{})
		require.NoError(t, err)
		live := requireSelector(t, name, map[string]string{"app": "checkout"})
		require.Equal(t, content(live)["spec"].(map[string]any)["selector"], serviceManifest(name).Object["spec"].(map[string]any)["selector"])
		t.Run("and a manifest copied while it was pinned doesn't pin again", func(t *testing.T) {
			patch(t, name, fmt.Sprintf(`{"metadata":{"labels":{%q:"checkout"}},"spec":{"selector":{"pod-template-hash":"abc"}}}`, v1alpha1.LabelPinned))
			live := requireSelector(t, name, map[string]string{"app": "checkout"})
			require.NotContains(t, live.GetLabels(), v1alpha1.LabelPinned)
		})
	})
	t.Run("breaking the glass frees the selector", func(t *testing.T) {
		name := w.pinned(t)
		patch(t, name, fmt.Sprintf(`{"metadata":{"labels":{%q:""}},"spec":{"selector":{"pod-template-hash":null}}}`, v1alpha1.LabelBreakGlass))
		requireSelector(t, name, map[string]string{"app": "checkout"})
	})
	t.Run("a Service that isn't pinned is left alone", func(t *testing.T) {
		name := unique(t)
		_, err := w.services(w.user).Apply(t.Context(), name, serviceManifest(name), metav1.ApplyOptions{FieldManager: tool})
		require.NoError(t, err)
		patch(t, name, `{"spec":{"selector":{"pod-template-hash":"def"}}}`)
		requireSelector(t, name, map[string]string{"app": "checkout", v1alpha1.LabelTemplateHash: "def"})
	})
}
