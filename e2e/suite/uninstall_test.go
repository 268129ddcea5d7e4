package suite_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestUninstalledAtHalf is alone in the cluster: the other scenarios run side by side once this one is done.
func TestUninstalledAtHalf(t *testing.T) {
	s := atHalf(t)
	ctx := context.WithoutCancel(s.ctx) // by the time of the clean-up the test's own has ended
	t.Cleanup(func() { require.NoError(t, shared.Install(ctx)) })
	require.NoError(t, shared.Uninstall(s.ctx))
	require.NotContains(t, s.deployment(s.app.Namespace).Labels, v1alpha1.LabelRollout, "arming label")
	s.awaitOutcome(1, v1alpha1.OutcomeSuspended)
	s.requireNoneFailed()
	require.Empty(t, s.podsOf("v2"), "pods of the canary")
	s.requireLikeTwin(false, ships("v2"), ships("v1"))
}
