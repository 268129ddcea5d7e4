package live_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/e2e/controlplane"
)

// TestProbesThatAreSwitchedOff: whoever installs without them has no Rollout send requests, and no release that would wait
// for them in vain.
func TestProbesThatAreSwitchedOff(t *testing.T) {
	c := controlplane.Start(t)
	namespace := c.Namespace(t, "probes")
	for _, obj := range controlplane.Objects(t, namespace, "app", 1, quick) {
		if obj.GetKind() == "Rollout" {
			refs, _, err := unstructured.NestedSlice(obj.Object, "spec", "routeRefs")
			require.NoError(t, err)
			refs[0].(map[string]any)["probes"] = []any{map[string]any{
				"name": "plain", "url": "http://gateway.edge.svc/", "identifiedBy": map[string]any{"header": "X-Version"},
			}}
			require.NoError(t, unstructured.SetNestedSlice(obj.Object, refs, "spec", "routeRefs"))
		}
		c.Create(t, namespace, obj)
	}
	controlplane.Await(t, "the Rollout says so", func(ctx context.Context) (bool, string) {
		rollout, err := c.In(namespace, controlplane.Rollouts).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		stalled, message := controlplane.Condition(rollout, "Stalled")
		return stalled == "True" && message == "HTTPRoute app has probes, which are switched off in this installation; have its operator set probes.enabled, or leave them out", message
	})
	deployment, err := c.In(namespace, controlplane.Deployments).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, deployment.GetLabels(), "it is not armed")
}
