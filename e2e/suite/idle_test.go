package suite_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestIdleRolloutDeletedWhileControllerIsDown runs alone: the controller is everybody's.
func TestIdleRolloutDeletedWhileControllerIsDown(t *testing.T) {
	s := begin(t, setting{steps: []v1alpha1.Step{world.Weighted("half", 50, nil)}})
	t.Cleanup(func() { s.scaleController(1) })
	s.scaleController(0)
	require.NoError(t, shared.Client.Delete(s.ctx, s.rollout()))
	s.eventually(soon, "deletion of the Rollout", func() (string, bool) {
		var rollouts v1alpha1.RolloutList
		require.NoError(t, shared.Client.List(s.ctx, &rollouts, client.InNamespace(s.app.Namespace)))
		return fmt.Sprintf("%d Rollouts", len(rollouts.Items)), len(rollouts.Items) == 0
	})
	// The gate still stands, so a new version is held until the controller is back and lets go.
	s.ship("v2")
	require.True(t, s.deployment(s.app.Namespace).Spec.Paused, "the new version is held")

	s.scaleController(1)
	s.awaitLetGo()
	s.awaitComplete(s.app)
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"))
}

// scaleController changes how many pods the controller has, and waits until it has them.
func (s *scenario) scaleController(replicas int32) {
	s.t.Helper()
	ctx := context.WithoutCancel(s.ctx) // also in a cleanup, when the test's own has ended
	controller := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: world.SystemNamespace, Name: "crossfade"}
	require.NoError(s.t, shared.Client.Get(ctx, key, controller))
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	require.NoError(s.t, shared.Client.SubResource("scale").Patch(ctx, controller, patch))
	s.eventually(soon, fmt.Sprintf("%d pods of the controller", replicas), func() (string, bool) {
		require.NoError(s.t, shared.Client.Get(ctx, key, controller))
		status := controller.Status
		return toJSON(status), status.ObservedGeneration == controller.Generation && status.Replicas == replicas && status.ReadyReplicas == replicas &&
			(status.TerminatingReplicas == nil || *status.TerminatingReplicas == 0)
	})
}
