package live_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/e2e/controlplane"
)

// noConflictAfterwards: a tool that applies server-side without force, as Helm 4 does, may change what a Release has
// written to: also after an abort, over which the workload stays held.
func noConflictAfterwards(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	for _, outcome := range []string{"Promoted", "Aborted"} {
		namespace := c.Namespace(t, "helm")
		objects := controlplane.Objects(t, namespace, "app", 2, quick)
		own := objects[:3] // Deployment, Service, HTTPRoute
		setBorrowed(t, own[0], 0, 600, "25%")
		helm(t, c, namespace, own...)
		c.Create(t, namespace, objects[3])
		c.AwaitArmed(t, namespace, "app")
		setImage(t, own[0], "app:v2")
		helm(t, c, namespace, own...)
		if outcome == "Aborted" {
			await(t, c, namespace, "app-1", "it has pods", func(release *unstructured.Unstructured) bool {
				canary, _, _ := unstructured.NestedString(release.Object, "status", "progress", "canary")
				return canary != ""
			})
			abort(t, c, namespace, "app-1")
		}
		awaitOutcome(t, c, namespace, "app-1", outcome)
		c.AwaitArmed(t, namespace, "app")

		setImage(t, own[0], "app:v3")
		for _, obj := range own {
			live, err := c.In(namespace, resourceOf(obj)).Get(t.Context(), "app", metav1.GetOptions{})
			require.NoError(t, err)
			for _, entry := range live.GetManagedFields() {
				require.False(t, entry.Manager == "crossfade" && entry.Subresource == "", "%s after %s: %s", obj.GetKind(), outcome, entry.FieldsV1)
			}
		}
		setBorrowed(t, own[0], 1, 700, "50%")
		rule := map[string]any{"backendRefs": []any{map[string]any{"name": "app", "port": int64(80), "weight": int64(7)}}}
		require.NoError(t, unstructured.SetNestedSlice(own[2].Object, []any{rule}, "spec", "rules"))
		helm(t, c, namespace, own...)
	}
}

// helm applies the objects as Helm 4 does: a conflict is an error.
func helm(t *testing.T, c *controlplane.Controller, namespace string, objects ...*unstructured.Unstructured) {
	t.Helper()
	for _, obj := range objects {
		_, err := c.In(namespace, resourceOf(obj)).Apply(t.Context(), obj.GetName(), obj, metav1.ApplyOptions{FieldManager: "helm"})
		require.NoError(t, err, "apply %s", obj.GetKind())
	}
}

func resourceOf(obj *unstructured.Unstructured) schema.GroupVersionResource {
	return map[string]schema.GroupVersionResource{
		"Deployment": controlplane.Deployments, "Service": controlplane.Services, "HTTPRoute": controlplane.HTTPRoutes,
	}[obj.GetKind()]
}

// setBorrowed sets the fields that a Release borrows.
func setBorrowed(t *testing.T, deployment *unstructured.Unstructured, minReady, deadline int64, surge string) {
	t.Helper()
	rolling := map[string]any{"maxSurge": surge, "maxUnavailable": int64(0)}
	for field, value := range map[string]any{
		"minReadySeconds": minReady, "progressDeadlineSeconds": deadline,
		"strategy": map[string]any{"type": "RollingUpdate", "rollingUpdate": rolling},
	} {
		require.NoError(t, unstructured.SetNestedField(deployment.Object, value, "spec", field))
	}
}

func setImage(t *testing.T, deployment *unstructured.Unstructured, image string) {
	t.Helper()
	containers := []any{map[string]any{"name": "app", "image": image}}
	require.NoError(t, unstructured.SetNestedSlice(deployment.Object, containers, "spec", "template", "spec", "containers"))
}
