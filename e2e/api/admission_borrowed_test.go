package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
)

func testBorrowed(t *testing.T, w *world) {
	for title, test := range map[string]struct {
		patches []string
		wanted  string
	}{
		"a write that names other fields wants nothing": {
			[]string{`{"spec":{"replicas":3,"revisionHistoryLimit":4}}`}, ``,
		},
		"a write of the original values adds nothing": {
			[]string{`{"spec":{"minReadySeconds":1,"progressDeadlineSeconds":600,"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":1}}}}`}, ``,
		},
		"another minReadySeconds is recorded": {
			[]string{`{"spec":{"minReadySeconds":7}}`}, `{"minReadySeconds":7}`,
		},
		"a dropped minReadySeconds is recorded as null": {
			[]string{`{"spec":{"minReadySeconds":null}}`}, `{"minReadySeconds":null}`,
		},
		"another progressDeadlineSeconds, far below the inflated minReadySeconds, is recorded and not refused": {
			[]string{`{"spec":{"progressDeadlineSeconds":300}}`}, `{"progressDeadlineSeconds":300}`,
		},
		"a dropped progressDeadlineSeconds is recorded as the default": {
			[]string{`{"spec":{"progressDeadlineSeconds":300}}`, `{"spec":{"progressDeadlineSeconds":null}}`}, `{"progressDeadlineSeconds":600}`,
		},
		"another maxSurge is recorded beside the original maxUnavailable": {
			[]string{`{"spec":{"strategy":{"rollingUpdate":{"maxSurge":2}}}}`},
			`{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":2}}}`,
		},
		"another maxUnavailable is recorded beside the recorded maxSurge": {
			[]string{`{"spec":{"strategy":{"rollingUpdate":{"maxSurge":2}}}}`, `{"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":"10%"}}}}`},
			`{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"10%","maxSurge":2}}}`,
		},
		"Recreate is recorded": {
			[]string{`{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`}, `{"strategy":{"type":"Recreate"}}`,
		},
		"bounds after Recreate mean that it rolls again": {
			[]string{`{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`, `{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":3}}}}`},
			`{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":3}}}`,
		},
		"a dropped strategy is recorded as the default": {
			[]string{`{"spec":{"strategy":null}}`}, `{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":"25%"}}}`,
		},
		"records of several writes are merged": {
			[]string{`{"spec":{"minReadySeconds":7}}`, `{"spec":{"progressDeadlineSeconds":900}}`, `{"spec":{"strategy":{"rollingUpdate":{"maxSurge":2}}}}`, `{"spec":{"minReadySeconds":8}}`},
			`{"minReadySeconds":8,"progressDeadlineSeconds":900,"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":2}}}`,
		},
		"going back to the original after something else is recorded": {
			[]string{`{"spec":{"minReadySeconds":7}}`, `{"spec":{"minReadySeconds":1}}`}, `{"minReadySeconds":1}`,
		},
	} {
		t.Run(title, func(t *testing.T) {
			name := w.borrowed(t)
			for _, body := range test.patches {
				w.patch(t, w.user, name, types.MergePatchType, body)
			}
			d := typed(t, w.get(t, name))
			requireRunning(t, d, canary)
			requireBorrowed(t, d)
			require.Equal(t, test.wanted, d.Annotations[v1alpha1.AnnotationWanted])
		})
	}
	t.Run("an original in another order of keys is read as well", func(t *testing.T) {
		name := w.borrowed(t)
		w.patch(t, w.ours, name, types.MergePatchType, encode(t, map[string]any{"metadata": map[string]any{"annotations": map[string]any{
			v1alpha1.AnnotationOriginal: `{"release":"checkout-1/0001","progressDeadlineSeconds":600,"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":1},"type":"RollingUpdate"},"minReadySeconds":1}`,
		}}}))
		w.patch(t, w.user, name, types.MergePatchType, encode(t, map[string]any{"spec": manifest(name, canary).Object["spec"]}))
		require.Empty(t, w.get(t, name).GetAnnotations()[v1alpha1.AnnotationWanted])
	})
	t.Run("our controller's writes record nothing", func(t *testing.T) {
		name := w.borrowed(t)
		d := typed(t, w.patch(t, w.ours, name, types.MergePatchType, `{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"75%"}}}}`))
		require.Equal(t, "75%", d.Spec.Strategy.RollingUpdate.MaxSurge.String())
		require.NotContains(t, d.Annotations, v1alpha1.AnnotationWanted)
	})
}

func testMetadata(t *testing.T, w *world) {
	t.Run("a replace without labels and annotations loses only the user's own", func(t *testing.T) {
		name := w.borrowed(t)
		w.patch(t, w.user, name, types.MergePatchType, `{"spec":{"minReadySeconds":7}}`)
		m := manifest(name, canary)
		m.SetLabels(nil)
		m.SetAnnotations(nil)
		answer, err := w.deployments(w.user).Update(t.Context(), m, metav1.UpdateOptions{})
		require.NoError(t, err)
		d := typed(t, answer)
		requireBorrowed(t, d)
		require.Equal(t, map[string]string{v1alpha1.LabelRollout: name}, d.Labels)
		require.Equal(t, `{"minReadySeconds":1}`, d.Annotations[v1alpha1.AnnotationWanted])
		require.Len(t, d.Annotations, 3)
	})
	t.Run("our label and annotations can't be taken off or changed", func(t *testing.T) {
		name := w.borrowed(t)
		for _, value := range []any{nil, "other"} {
			w.patch(t, w.user, name, types.MergePatchType, encode(t, map[string]any{"metadata": map[string]any{
				"labels":      map[string]any{v1alpha1.LabelRollout: value},
				"annotations": map[string]any{v1alpha1.AnnotationOriginal: value, v1alpha1.AnnotationRelease: value},
			}}))
			d := typed(t, w.get(t, name))
			requireBorrowed(t, d)
			require.Equal(t, name, d.Labels[v1alpha1.LabelRollout])
		}
	})
	stale := map[string]any{
		v1alpha1.AnnotationOriginal: `{"minReadySeconds":99}`, v1alpha1.AnnotationRelease: "checkout-0/0000",
		v1alpha1.AnnotationWanted: `{"minReadySeconds":99}`,
	}
	undo := func(t *testing.T, name string) {
		t.Helper()
		w.patch(t, w.user, name, types.JSONPatchType, encode(t, []any{
			map[string]any{"op": "replace", "path": "/metadata/annotations", "value": stale},
		}))
	}
	t.Run("an undo to a revision that remembers an older release revives nothing of it in an idle workload", func(t *testing.T) {
		name := w.idle(t)
		undo(t, name)
		for key := range stale {
			require.NotContains(t, w.get(t, name).GetAnnotations(), key)
		}
	})
	t.Run("nor in a release, whose record stays", func(t *testing.T) {
		name := w.borrowed(t)
		undo(t, name)
		requireBorrowed(t, typed(t, w.get(t, name)))
		require.NotContains(t, w.get(t, name).GetAnnotations(), v1alpha1.AnnotationWanted)
		w.patch(t, w.user, name, types.MergePatchType, `{"spec":{"minReadySeconds":7}}`)
		undo(t, name)
		require.Equal(t, `{"minReadySeconds":7}`, w.get(t, name).GetAnnotations()[v1alpha1.AnnotationWanted])
	})
	t.Run("labels and annotations of the user's own are free", func(t *testing.T) {
		name := w.borrowed(t)
		d := typed(t, w.patch(t, w.user, name, types.MergePatchType, `{"metadata":{"labels":{"team":null,"tier":"web"},"annotations":{"docs":null}}}`))
		require.Equal(t, map[string]string{v1alpha1.LabelRollout: name, "tier": "web"}, d.Labels)
		require.NotContains(t, d.Annotations, "docs")
	})
}

func testGitOps(t *testing.T, w *world) {
	dry := metav1.ApplyOptions{FieldManager: tool, Force: true, DryRun: []string{metav1.DryRunAll}}
	for state, make := range map[string]func(*testing.T) string{"held": w.held, "in a release": w.borrowed} {
		t.Run("a forced dry run of the manifest shows no difference while the workload is "+state, func(t *testing.T) {
			name := make(t)
			before := w.get(t, name)
			require.Equal(t, content(before), content(w.apply(t, manifest(name, canary), dry)))
			w.apply(t, manifest(name, canary), metav1.ApplyOptions{FieldManager: tool, Force: true})
			after := w.get(t, name)
			require.Equal(t, content(before), content(after))
			require.Equal(t, before.GetGeneration(), after.GetGeneration())
		})
	}
	t.Run("a manifest that changed shows a difference once, and none when its wish is recorded", func(t *testing.T) {
		name := w.borrowed(t)
		m := manifest(name, canary)
		require.NoError(t, unstructured.SetNestedField(m.Object, int64(7), "spec", "minReadySeconds"))
		require.NotEqual(t, content(w.get(t, name)), content(w.apply(t, m, dry)))
		w.apply(t, m, metav1.ApplyOptions{FieldManager: tool, Force: true})
		require.Equal(t, content(w.get(t, name)), content(w.apply(t, m, dry)))
	})
	t.Run("a manifest that names borrowed fields conflicts if it isn't forced, until we own them no more", func(t *testing.T) {
		name := w.borrowed(t)
		_, err := w.deployments(w.user).Apply(t.Context(), name, manifest(name, canary), metav1.ApplyOptions{FieldManager: tool})
		require.True(t, apierrors.IsConflict(err), "%v", err)
		w.update(t, w.ours, name, func(live *unstructured.Unstructured) {
			var others []metav1.ManagedFieldsEntry
			for _, entry := range live.GetManagedFields() {
				if entry.Manager == tool {
					others = append(others, entry)
				}
			}
			live.SetManagedFields(others)
		})
		before := content(w.get(t, name))
		w.apply(t, manifest(name, canary), metav1.ApplyOptions{FieldManager: tool})
		require.Equal(t, before, content(w.get(t, name)))
	})
}
