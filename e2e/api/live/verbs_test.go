package live_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/e2e/controlplane"
)

// TestVerbs has people steer releases by kubectl crossfade, from version to version.
func TestVerbs(t *testing.T) {
	c, cli := controlplane.Start(t), controlplane.BuildCLI(t)
	for name, play := range map[string]func(*testing.T, *controlplane.Controller, controlplane.CLI){
		"RetryAndUndo": retryAndUndo,
		"UndoInFlight": undoInFlight,
		"Frozen":       shippedInAFreeze,
		"Refreshed":    refreshed,
		"BadFreeze":    badFreeze,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, c, cli)
		})
	}
}

// shows requires that a command succeeds and prints something.
func shows(t *testing.T, cli controlplane.CLI, namespace, says string, args ...string) {
	t.Helper()
	out, err := cli.Run(t, namespace, args...)
	require.NoError(t, err)
	require.Contains(t, out, says)
}

// refuses requires that a command fails and says why.
func refuses(t *testing.T, cli controlplane.CLI, namespace, says string, args ...string) {
	t.Helper()
	out, err := cli.Run(t, namespace, args...)
	require.Error(t, err)
	require.Contains(t, out, says)
}

func awaitHeld(t *testing.T, c *controlplane.Controller, namespace, release, reason string) {
	t.Helper()
	await(t, c, namespace, release, "it is held, "+reason, func(got *unstructured.Unstructured) bool {
		conditions, _, _ := unstructured.NestedSlice(got.Object, "status", "conditions")
		for _, condition := range conditions {
			if held := condition.(map[string]any); held["type"] == "Held" {
				return held["status"] == "True" && held["reason"] == reason
			}
		}
		return false
	})
}

func undoOf(t *testing.T, c *controlplane.Controller, namespace, release string) string {
	t.Helper()
	got, err := c.In(namespace, controlplane.Releases).Get(t.Context(), release, metav1.GetOptions{})
	require.NoError(t, err)
	undo, _, _ := unstructured.NestedString(got.Object, "spec", "undo", "release")
	return undo
}

// restsAtHalf makes an application whose app:v2 waits for approval at half.
func restsAtHalf(t *testing.T, c *controlplane.Controller, prefix string) string {
	t.Helper()
	namespace := c.Namespace(t, prefix)
	c.Deploy(t, namespace, "app", 2, approved)
	c.AwaitArmed(t, namespace, "app")
	c.SetImage(t, namespace, "app", "app:v2")
	awaitHeld(t, c, namespace, "app-1", "HoldingApproval")
	return namespace
}

// retryAndUndo: what was rejected is tried again and promoted, undone at once within the window, and takes the steps
// when it comes again after that.
func retryAndUndo(t *testing.T, c *controlplane.Controller, cli controlplane.CLI) {
	t.Helper()
	namespace := c.Namespace(t, "undo")
	c.Deploy(t, namespace, "app", 2, approved+"  rollback: {window: 1h}\n")
	c.AwaitArmed(t, namespace, "app")
	shows(t, cli, namespace, "All pods have it, and no Release is due.", "wait", "app")
	refuses(t, cli, namespace, "it has no earlier revision", "undo", "app")
	refuses(t, cli, namespace, "no rejected template is held", "retry", "app")

	c.SetImage(t, namespace, "app", "app:v2")
	refuses(t, cli, namespace, "not through within 2s: Release app-1", "wait", "app", "--timeout", "2s")
	awaitHeld(t, c, namespace, "app-1", "HoldingApproval")
	shows(t, cli, namespace, "Asked Release", "abort", "app")
	refuses(t, cli, namespace, "its Release app-1 ended as Aborted: an abort was asked for", "wait", "app")

	shows(t, cli, namespace, "another Release of what app-1 rejected", "retry", "app")
	awaitHeld(t, c, namespace, "app-2", "HoldingApproval")
	shows(t, cli, namespace, "Approved step half", "approve", "app")
	shows(t, cli, namespace, "Release app-2 promoted.", "wait", "app")
	require.Empty(t, undoOf(t, c, namespace, "app-2"))

	shows(t, cli, namespace, "Wrote the template of revision", "undo", "app")
	shows(t, cli, namespace, "Release app-3 promoted at once, since it was stable before app-2.", "wait", "app")
	require.Equal(t, "app:v1", image(t, c, namespace))
	requireNative(t, c, namespace)

	c.SetImage(t, namespace, "app", "app:v2")
	awaitHeld(t, c, namespace, "app-4", "HoldingApproval")
	require.Empty(t, undoOf(t, c, namespace, "app-4"), "what was undone takes the steps")
}

// undoInFlight: the stable template is written back while the Release is at half, and once what it rejected is held.
func undoInFlight(t *testing.T, c *controlplane.Controller, cli controlplane.CLI) {
	t.Helper()
	namespace := restsAtHalf(t, c, "back")
	shows(t, cli, namespace, "Release app-1 takes all traffic back to it at once", "undo", "app")
	awaitOutcome(t, c, namespace, "app-1", "Reverted")
	require.Equal(t, "app:v1", image(t, c, namespace))

	c.SetImage(t, namespace, "app", "app:v3")
	awaitHeld(t, c, namespace, "app-2", "HoldingApproval")
	shows(t, cli, namespace, "Asked Release", "abort", "app")
	awaitOutcome(t, c, namespace, "app-2", "Aborted")
	shows(t, cli, namespace, "what Release app-2 rejected is let go", "undo", "app")
	shows(t, cli, namespace, "no Release is due", "wait", "app")
	require.Equal(t, "app:v1", image(t, c, namespace))
	requireNative(t, c, namespace)
}

// shippedInAFreeze: in a freeze a new version has no pod, until it is shipped in an emergency.
func shippedInAFreeze(t *testing.T, c *controlplane.Controller, cli controlplane.CLI) {
	t.Helper()
	namespace := c.Namespace(t, "freeze")
	c.Deploy(t, namespace, "app", 2, approved+"  freezes: [{name: always, schedule: \"* * * * *\", for: 1h}]\n")
	c.AwaitArmed(t, namespace, "app")
	c.SetImage(t, namespace, "app", "app:v2")
	awaitHeld(t, c, namespace, "app-1", "Frozen")
	pods, err := c.In(namespace, controlplane.Pods).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, pod := range pods.Items {
		containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
		require.Equal(t, "app:v1", containers[0].(map[string]any)["image"])
	}
	shows(t, cli, namespace, "freeze always lasts until", "status", "app")
	shows(t, cli, namespace, "no freeze", "ship", "app", "--reason", "INC-42")
	shows(t, cli, namespace, "Release app-1 promoted in an emergency: INC-42.", "wait", "app")
	_, err = c.In(namespace, controlplane.Releases).Patch(t.Context(), "app-1", types.MergePatchType,
		[]byte(`{"spec":{"control":{"emergency":null}}}`), metav1.PatchOptions{})
	require.ErrorContains(t, err, "spec.control.emergency: stays in the record as it is")
}

// refreshed: a step that is added to the Rollout is taken by the Release in flight once it is asked to.
func refreshed(t *testing.T, c *controlplane.Controller, cli controlplane.CLI) {
	t.Helper()
	namespace := restsAtHalf(t, c, "refresh")
	_, err := c.In(namespace, controlplane.Rollouts).Patch(t.Context(), "app", types.MergePatchType,
		[]byte(`{"spec":{"strategy":{"steps":[{"name":"half","weight":50},{"name":"most","weight":90,"hold":{"approval":"Required"}}]}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	shows(t, cli, namespace, "to take the Rollout's steps", "refresh", "app")
	await(t, c, namespace, "app-1", "it has the new step", func(release *unstructured.Unstructured) bool {
		steps, _, _ := unstructured.NestedSlice(release.Object, "status", "progress", "steps")
		return len(steps) == 2
	})
	shows(t, cli, namespace, "it goes on to step most", "approve", "app")
	await(t, c, namespace, "app-1", "it holds at most", func(release *unstructured.Unstructured) bool {
		step, _, _ := unstructured.NestedString(release.Object, "status", "stepName")
		weight, _, _ := unstructured.NestedString(release.Object, "status", "weight")
		return step == "most" && weight == "90%"
	})
	shows(t, cli, namespace, "Asked Release", "promote", "app")
	shows(t, cli, namespace, "Release app-1 promoted.", "wait", "app")
}

// badFreeze: a Rollout whose freeze cannot be read arms nothing, and names it.
func badFreeze(t *testing.T, c *controlplane.Controller, _ controlplane.CLI) {
	t.Helper()
	namespace := c.Namespace(t, "bad")
	c.Deploy(t, namespace, "app", 2, approved+"  freezes: [{name: weekend, schedule: \"every friday\", for: 1h}]\n")
	controlplane.Await(t, "the Rollout is stalled", func(ctx context.Context) (bool, string) {
		rollout, err := c.In(namespace, controlplane.Rollouts).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		status, message := controlplane.Condition(rollout, "Stalled")
		want := `spec.freezes: weekend: schedule "every friday" is none of five fields`
		return status == "True" && len(message) > len(want) && message[:len(want)] == want, fmt.Sprint(status, " ", message)
	})
}
