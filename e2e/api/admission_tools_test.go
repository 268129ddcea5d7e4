package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	appsv1 "k8s.io/api/apps/v1"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// way is how a tool writes that a workload shall run an image.
type way func(t *testing.T, w *world, name, image string)

// ways are those of kubectl, Helm, Argo CD and Flux, as requests.
func ways() map[string]way {
	return map[string]way{
		"server-side apply, forced": func(t *testing.T, w *world, name, image string) {
			w.apply(t, manifest(name, image), metav1.ApplyOptions{FieldManager: tool, Force: true})
		},
		"server-side apply, not forced, of the template alone": func(t *testing.T, w *world, name, image string) {
			m := manifest(name, image)
			for _, field := range []string{"minReadySeconds", "progressDeadlineSeconds", "strategy"} {
				unstructured.RemoveNestedField(m.Object, "spec", field)
			}
			w.apply(t, m, metav1.ApplyOptions{FieldManager: tool})
		},
		"client-side apply": func(t *testing.T, w *world, name, image string) {
			w.clientSideApply(t, manifest(name, image))
		},
		"replace": func(t *testing.T, w *world, name, image string) {
			_, err := w.deployments(w.user).Update(t.Context(), manifest(name, image), metav1.UpdateOptions{})
			require.NoError(t, err)
		},
		"replace of what was read": func(t *testing.T, w *world, name, image string) {
			w.update(t, w.user, name, func(live *unstructured.Unstructured) {
				require.NoError(t, unstructured.SetNestedSlice(live.Object,
					[]any{map[string]any{"name": "app", "image": image}}, "spec", "template", "spec", "containers"))
			})
		},
		"JSON patch": func(t *testing.T, w *world, name, image string) {
			w.patch(t, w.user, name, types.JSONPatchType,
				`[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"`+image+`"}]`)
		},
		"merge patch of the template and all borrowed fields": func(t *testing.T, w *world, name, image string) {
			w.patch(t, w.user, name, types.MergePatchType, encode(t, map[string]any{"spec": manifest(name, image).Object["spec"]}))
		},
		"kubectl set image": func(t *testing.T, w *world, name, image string) {
			w.patch(t, w.user, name, types.StrategicMergePatchType,
				`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"`+image+`"}]}}}}`)
		},
		"kubectl rollout undo": func(t *testing.T, w *world, name, image string) {
			template, _, err := unstructured.NestedMap(manifest(name, image).Object, "spec", "template")
			require.NoError(t, err)
			w.patch(t, w.user, name, types.JSONPatchType, encode(t, []any{
				map[string]any{"op": "replace", "path": "/spec/template", "value": template},
				map[string]any{"op": "replace", "path": "/metadata/annotations", "value": map[string]any{"docs": "https://example.com"}},
			}))
		},
	}
}

// clientSideApply sends what kubectl apply would: a patch from last applied, wanted and live.
func (w *world) clientSideApply(t *testing.T, m *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	live := w.get(t, m.GetName())
	last := live.GetAnnotations()[lastApplied]
	if last == "" {
		last = encode(t, manifest(m.GetName(), stable).Object)
	}
	m = m.DeepCopy()
	annotations := m.GetAnnotations()
	annotations[lastApplied] = encode(t, m.Object)
	m.SetAnnotations(annotations)
	meta, err := strategicpatch.NewPatchMetaFromStruct(&appsv1.Deployment{})
	require.NoError(t, err)
	body, err := strategicpatch.CreateThreeWayMergePatch([]byte(last), []byte(encode(t, m.Object)), []byte(encode(t, live.Object)), meta, true)
	require.NoError(t, err)
	return w.patch(t, w.user, m.GetName(), types.StrategicMergePatchType, string(body))
}

// typed reads an unstructured Deployment.
func typed(t *testing.T, obj *unstructured.Unstructured) *appsv1.Deployment {
	t.Helper()
	d := &appsv1.Deployment{}
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, d))
	return d
}
