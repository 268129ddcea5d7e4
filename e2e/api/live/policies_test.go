package live_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/e2e/controlplane"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// policiesOnceArmed: what others attach to a Service between two releases is looked at before the next one begins. Once it
// can be copied that goes on, and leaves no copy behind.
func policiesOnceArmed(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "policies")
	c.Deploy(t, namespace, "app", 1, quick)
	c.AwaitArmed(t, namespace, "app")
	policies := c.In(namespace, controlplane.BackendTLSPolicies)
	for _, name := range []string{"one", "other"} {
		c.Create(t, namespace, providertest.Parse(`
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: `+name+`}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  validation: {hostname: app.internal, wellKnownCACertificates: System}`))
	}
	c.SetImage(t, namespace, "app", "app:v2")
	controlplane.Await(t, "the Rollout says that two policies contend", func(ctx context.Context) (bool, string) {
		rollout, err := c.In(namespace, controlplane.Rollouts).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		stalled, message := controlplane.Condition(rollout, "Stalled")
		return stalled == "True" && message == "step half: HTTPRoute "+namespace+"/app: BackendTLSPolicy one and other are both for Service app, and the older one counts, which copies cannot be told by; join them into one", message
	})
	releases, err := c.In(namespace, controlplane.Releases).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, releases.Items)

	require.NoError(t, policies.Delete(t.Context(), "other", metav1.DeleteOptions{}))
	awaitOutcome(t, c, namespace, "app-1", "Promoted")
	left, err := policies.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, left.Items, 1)
	require.Equal(t, "one", left.Items[0].GetName())
}
