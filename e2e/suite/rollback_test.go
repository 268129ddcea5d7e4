package suite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// atHalf sets a scenario up, ships v2 and returns once its Release rests at 50 % and has had some requests there.
func atHalf(t *testing.T) *scenario {
	t.Helper()
	// Of 4 pods half is what native scaling leaves half; what it rounds up of 3 may stay.
	s := begin(t, setting{replicas: 4, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())}})
	s.ship("v2")
	s.restAtHalf(1)
	return s
}

// restAtHalf waits until a Release has had some requests at 50 %.
func (s *scenario) restAtHalf(number int64) {
	s.t.Helper()
	step := s.awaitStep(number, "half")
	s.awaitRequests(step.StartedAt.Time, 500)
	s.requireShare("half, gateway", gatewayOnly(s.records().Between(step.StartedAt.Time, time.Now())), s.app.Version, 0.5, 200)
}

func TestAbortAtHalf(t *testing.T) {
	t.Parallel()
	s := atHalf(t)
	s.abort()
	release := s.awaitOutcome(1, v1alpha1.OutcomeAborted)
	records := s.requireNoneFailed()
	s.requireShare("after the abort", records.Between(release.Status.EndedAt.Time, time.Now()), "v2", 0, 100)
	s.requireLikeTwin(true, holdsV2())
}

func TestStableTemplateReappliedAtHalf(t *testing.T) {
	t.Parallel()
	s := atHalf(t)
	s.ship("v1")
	s.awaitOutcome(1, v1alpha1.OutcomeReverted)
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"), ships("v1"))
}

func TestNewTemplateAtHalf(t *testing.T) {
	t.Parallel()
	s := atHalf(t)
	s.ship("v3")
	s.awaitOutcome(1, v1alpha1.OutcomeSuperseded)
	s.restAtHalf(2)
	s.approve(2, "half")
	s.awaitOutcome(2, v1alpha1.OutcomePromoted)
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"), ships("v3"))
}

func TestRolloutDeletedAtHalf(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]metav1.DeletionPropagation{
		"Background": metav1.DeletePropagationBackground,
		"Foreground": metav1.DeletePropagationForeground,
		"Orphan":     metav1.DeletePropagationOrphan,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := atHalf(t)
			require.NoError(t, shared.Client.Delete(s.ctx, s.rollout(), client.PropagationPolicy(policy)))
			s.awaitLetGo()
			s.requireNoneFailed()
			require.Empty(t, s.podsOf("v2"), "pods of the canary")
			s.requireLikeTwin(false, ships("v2"), ships("v1"))
			require.NotContains(t, s.deployment(s.app.Namespace).Labels, v1alpha1.LabelRollout, "arming label")
		})
	}
}

// awaitLetGo waits until the workload is nobody's and the Releases in flight are gone.
func (s *scenario) awaitLetGo() {
	s.t.Helper()
	s.eventually(aWhile, "end of the Rollout", func() (string, bool) {
		_, armed := s.deployment(s.app.Namespace).Labels[v1alpha1.LabelRollout]
		var active v1alpha1.ReleaseList
		require.NoError(s.t, shared.Client.List(s.ctx, &active, client.InNamespace(s.app.Namespace), client.HasLabels{v1alpha1.LabelActive}))
		seen := "still armed"
		for _, release := range active.Items {
			seen += ", " + release.Status.Rule + ": " + release.Status.Message
		}
		return seen, !armed && len(active.Items) == 0
	})
}
