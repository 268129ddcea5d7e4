package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/control"
)

// TestApproveOfTest: the report of an A/B test is approved like any step, also while the test still runs, and then by name.
func TestApproveOfTest(t *testing.T) {
	over := clitest.Reported()
	running := with(clitest.Reported(), func(r *v1alpha1.Release) {
		clitest.Set(&r.Status.Conditions, v1alpha1.ConditionHeld, true, v1alpha1.ReasonHoldingEvidence, "the test runs for 7d at least")
	})
	for name, c := range map[string]struct {
		step string
		rel  v1alpha1.Release
		says string
	}{
		"once it has ended":        {"", over, "Approved step test of Release shop/checkout-4: it goes on to the promotion"},
		"by name while it is open": {"test", running, "Approved step test of Release shop/checkout-4: it goes on to the promotion once its test has run for 7d"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := control.Approve(c.step)(&c.rel)
			require.NoError(t, err)
			require.Equal(t, v1alpha1.Control{Approvals: approvals("test")}, answer.Control)
			require.Equal(t, c.says, answer.Message)
		})
	}
	_, err := control.Approve("")(&running)
	require.EqualError(t, err, "approve Release shop/checkout-4: it is not waiting for approval: it goes on to the promotion once the hold of step test is over; "+
		"approve step test ahead of time with: kubectl crossfade approve checkout --step test -n shop")
}
