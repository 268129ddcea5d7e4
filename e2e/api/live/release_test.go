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

const quick = strategy + "  timing: {settle: 300ms, drain: 0s}\n"

// TestLive plays stories beside one another under one controller, each in a namespace of its own.
func TestLive(t *testing.T) {
	c := controlplane.Start(t)
	for name, play := range map[string]func(*testing.T, *controlplane.Controller){
		"AbortPastNoReturn": abortPastNoReturn,
		"LateGate":          lateGate,
		"BreakGlass":        breakGlass,
		"TheSameTemplateMayBeTriedAnewAfterStable": theSameTemplateMayBeTriedAnewAfterStable,
		"RestSurvivesZero":                         restSurvivesZero,
		"NoConflictAfterwards":                     noConflictAfterwards,
		"RestartRollsNatively":                     restartRollsNatively,
		"HelmWaits":                                helmWaits,
		"PoliciesOnceArmed":                        policiesOnceArmed,
		"RouteKindGoesMidWay":                      routeKindGoesMidWay,
		"AnalysisIsCheckedAndKept":                 analysisIsCheckedAndKept,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, c)
		})
	}
}

// abortPastNoReturn: the promotion finishes, and a Release of its own takes the old version back.
func abortPastNoReturn(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "back")
	c.Deploy(t, namespace, "app", 2, quick)
	c.AwaitArmed(t, namespace, "app")
	c.SetImage(t, namespace, "app", "app:v2")
	await(t, c, namespace, "app-1", "the old pods go", func(release *unstructured.Unstructured) bool {
		stage, _, _ := unstructured.NestedString(release.Object, "status", "progress", "stage")
		return stage == "Retiring" || stage == "Returning" || stage == "Restoring"
	})
	abort(t, c, namespace, "app-1")
	awaitOutcome(t, c, namespace, "app-1", "Promoted")
	awaitOutcome(t, c, namespace, "app-2", "Promoted")
	c.AwaitArmed(t, namespace, "app")
	require.Equal(t, "app:v1", image(t, c, namespace))
	requireNative(t, c, namespace)
}

// lateGate: a template that came past the gate, and has no ready pod yet, is caught and released. Of
// several workloads, some have both ReplicaSets made within one second, which their age does not tell
// apart then.
func lateGate(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "late")
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		c.Deploy(t, namespace, name, 2, quick)
	}
	for _, name := range names {
		c.AwaitArmed(t, namespace, name)
		// The controller's own user is exempt from the gate, as everybody is while the policy is missing.
		body := `{"spec":{"template":{"spec":{"nodeSelector":{"nowhere":"yes"}}}}}`
		_, err := c.Own.Resource(controlplane.Deployments).Namespace(namespace).Patch(t.Context(), name, types.StrategicMergePatchType, []byte(body), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	for _, name := range names {
		await(t, c, namespace, name+"-1", "it runs one canary pod beside both stable ones", func(release *unstructured.Unstructured) bool {
			stable, _, _ := unstructured.NestedString(release.Object, "status", "stable", "pods")
			canary, _, _ := unstructured.NestedString(release.Object, "status", "canary", "pods")
			return stable == "2/2" && canary == "0/1"
		})
		abort(t, c, namespace, name+"-1")
		awaitOutcome(t, c, namespace, name+"-1", "Aborted")
	}
}

// breakGlass: the label disarms the workload at once; a new template rolls out natively.
func breakGlass(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "glass")
	c.Deploy(t, namespace, "app", 2, quick)
	c.AwaitArmed(t, namespace, "app")
	_, err := c.In(namespace, controlplane.Deployments).Patch(t.Context(), "app", types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"crossfade.io/break-glass":"incident-7"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	c.SetImage(t, namespace, "app", "app:v2")
	controlplane.Await(t, "app:v2 runs natively", func(ctx context.Context) (bool, string) {
		deployment, err := c.In(namespace, controlplane.Deployments).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		updated, _, _ := unstructured.NestedInt64(deployment.Object, "status", "updatedReplicas")
		all, _, _ := unstructured.NestedInt64(deployment.Object, "status", "replicas")
		return updated == 2 && all == 2, fmt.Sprintf("%d of %d pods are new", updated, all)
	})
	controlplane.Await(t, "the Rollout says so", func(ctx context.Context) (bool, string) {
		rollout, err := c.In(namespace, controlplane.Rollouts).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		armed, message := controlplane.Condition(rollout, "Armed")
		return armed == "False", armed + " " + message
	})
}

// theSameTemplateMayBeTriedAnewAfterStable: rejected, it rests; once stable was applied it is news.
func theSameTemplateMayBeTriedAnewAfterStable(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "anew")
	reject(t, c, namespace)
	rests := func(ctx context.Context) (bool, string) {
		rollout, err := c.In(namespace, controlplane.Rollouts).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		held, message := controlplane.Condition(rollout, "Held")
		release, _, _ := unstructured.NestedString(rollout.Object, "status", "release")
		return held == "True" && release == "", message
	}
	controlplane.Await(t, "the rejected template rests", rests)
	c.SetImage(t, namespace, "app", "app:v1")
	controlplane.Await(t, "the stable template is let go", func(ctx context.Context) (bool, string) {
		held, message := rests(ctx)
		return !held, message
	})
	c.AwaitArmed(t, namespace, "app")
	requireNative(t, c, namespace)
	c.SetImage(t, namespace, "app", "app:v2")
	await(t, c, namespace, "app-2", "it holds", func(release *unstructured.Unstructured) bool {
		held, _ := controlplane.Condition(release, "Held")
		return held == "True"
	})
}

// restSurvivesZero: scaled to 0 and back while a rejected template rests, stable comes back.
func restSurvivesZero(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "zero")
	reject(t, c, namespace)
	for _, replicas := range []int{0, 3} {
		_, err := c.In(namespace, controlplane.Deployments).Patch(t.Context(), "app", types.MergePatchType,
			fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas), metav1.PatchOptions{}, "scale")
		require.NoError(t, err)
		controlplane.Await(t, fmt.Sprintf("%d pods of app:v1 and none of app:v2", replicas), func(ctx context.Context) (bool, string) {
			pods, err := c.In(namespace, controlplane.Pods).List(ctx, metav1.ListOptions{})
			require.NoError(t, err)
			counts := map[string]int{}
			for _, p := range pods.Items {
				containers, _, _ := unstructured.NestedSlice(p.Object, "spec", "containers")
				counts[fmt.Sprint(containers[0].(map[string]any)["image"])]++
			}
			return counts["app:v1"] == replicas && counts["app:v2"] == 0, fmt.Sprint(counts)
		})
	}
	controlplane.Await(t, "the user's own fields", func(ctx context.Context) (bool, string) {
		deployment, err := c.In(namespace, controlplane.Deployments).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		surge, _, _ := unstructured.NestedString(deployment.Object, "spec", "strategy", "rollingUpdate", "maxSurge")
		_, inflated, _ := unstructured.NestedInt64(deployment.Object, "spec", "minReadySeconds")
		_, noted := deployment.GetAnnotations()["crossfade.io/original"]
		return surge == "25%" && !inflated && !noted, fmt.Sprint(deployment.Object["spec"], deployment.GetAnnotations())
	})
}

// restartRollsNatively: kubectl rollout restart is no new version. It is left to the native controller, also while none of
// its pods is ready, and the next template takes the steps.
func restartRollsNatively(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "restart")
	c.Deploy(t, namespace, "app", 2, quick)
	c.AwaitArmed(t, namespace, "app")
	_, err := c.In(namespace, controlplane.Deployments).Patch(t.Context(), "app", types.MergePatchType,
		[]byte(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-11-26T00:00:00Z"}}}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	controlplane.Await(t, "all pods are restarted", func(ctx context.Context) (bool, string) {
		pods, err := c.In(namespace, controlplane.Pods).List(ctx, metav1.ListOptions{})
		require.NoError(t, err)
		restarted := 0
		for _, pod := range pods.Items {
			if pod.GetAnnotations()["kubectl.kubernetes.io/restartedAt"] != "" {
				restarted++
			}
		}
		return restarted == 2 && len(pods.Items) == 2, fmt.Sprintf("%d of %d", restarted, len(pods.Items))
	})
	releases, err := c.In(namespace, controlplane.Releases).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, releases.Items)
	c.AwaitArmed(t, namespace, "app")
	c.SetImage(t, namespace, "app", "app:v2")
	awaitOutcome(t, c, namespace, "app-1", "Promoted")
}

func await(t *testing.T, c *controlplane.Controller, namespace, release, what string, holds func(*unstructured.Unstructured) bool) {
	t.Helper()
	controlplane.Await(t, release+": "+what, func(ctx context.Context) (bool, string) {
		got, err := c.In(namespace, controlplane.Releases).Get(ctx, release, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return holds(got), fmt.Sprint(got.Object["status"])
	})
}

// awaitOutcome waits until a Release has ended so and the controller has let go of it: the outcome is written before the
// last deletions, the finalizer goes after them.
func awaitOutcome(t *testing.T, c *controlplane.Controller, namespace, release, outcome string) {
	t.Helper()
	await(t, c, namespace, release, "it is "+outcome+" and let go", func(got *unstructured.Unstructured) bool {
		ended, _, _ := unstructured.NestedString(got.Object, "status", "outcome")
		return ended == outcome && len(got.GetFinalizers()) == 0
	})
}

// reject makes an application whose app:v2 was aborted at half, so that it rests.
func reject(t *testing.T, c *controlplane.Controller, namespace string) {
	t.Helper()
	c.Deploy(t, namespace, "app", 2, approved)
	c.AwaitArmed(t, namespace, "app")
	c.SetImage(t, namespace, "app", "app:v2")
	await(t, c, namespace, "app-1", "it holds", func(release *unstructured.Unstructured) bool {
		held, _ := controlplane.Condition(release, "Held")
		return held == "True"
	})
	abort(t, c, namespace, "app-1")
	awaitOutcome(t, c, namespace, "app-1", "Aborted")
}

// abort asks a Release to go back.
func abort(t *testing.T, c *controlplane.Controller, namespace, release string) {
	t.Helper()
	_, err := c.In(namespace, controlplane.Releases).Patch(t.Context(), release, types.MergePatchType,
		[]byte(`{"spec":{"control":{"desiredOutcome":"Abort"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
}

func image(t *testing.T, c *controlplane.Controller, namespace string) string {
	t.Helper()
	deployment, err := c.In(namespace, controlplane.Deployments).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	require.NoError(t, err)
	return fmt.Sprint(containers[0].(map[string]any)["image"])
}

// requireNative requires that the workload has its own values again and nothing is held.
func requireNative(t *testing.T, c *controlplane.Controller, namespace string) {
	t.Helper()
	deployment, err := c.In(namespace, controlplane.Deployments).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	spec, _, err := unstructured.NestedMap(deployment.Object, "spec")
	require.NoError(t, err)
	require.NotContains(t, spec, "paused")
	require.NotContains(t, spec, "minReadySeconds")
	require.EqualValues(t, 600, spec["progressDeadlineSeconds"])
	require.Equal(t, map[string]any{"maxSurge": "25%", "maxUnavailable": "25%"}, spec["strategy"].(map[string]any)["rollingUpdate"])
	require.NotContains(t, spec["template"].(map[string]any)["metadata"], "annotations")
}
