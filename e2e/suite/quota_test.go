package suite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestQuotaLeavesNoRoom: a ResourceQuota refuses pods of the canary, of four stable ones and a step of half, and is not
// raised. The Release says so, fails by its deadline and goes back.
func TestQuotaLeavesNoRoom(t *testing.T) {
	t.Parallel()
	for name, room := range map[string]struct {
		pods int
		// share of the canary before the Release goes back.
		share float64
	}{
		"ForTheStep": {pods: 5},
		"ForAllPods": {pods: 6, share: 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, setting{
				replicas: 4,
				steps:    []v1alpha1.Step{world.Weighted("half", 50, approval())},
				// The pods that have room must be ready by then, on a busy machine too.
				policy: func(r *v1alpha1.Rollout) { r.Spec.ProgressDeadline = world.Seconds(90) },
			})
			s.createQuota(room.pods)
			s.ship("v2")
			if room.share > 0 {
				s.restAtHalf(1)
				s.approve(1, "half")
			}
			s.awaitQuotaNamed()
			release := s.awaitOutcome(1, v1alpha1.OutcomeFailed)
			require.Equal(t, v1alpha1.CauseDeadline, release.Status.Progress.Cause)
			require.Contains(t, release.Status.Progress.CauseMessage, "exceeded quota")
			records := s.requireNoneFailed()
			if room.share == 0 {
				s.requireShare("all the time", records, "v2", 0, 1000)
			}
			s.requireLikeTwin(true, holdsV2())
		})
	}
}

// TestQuotaRaisedInTime: what a quota keeps waiting goes on once there is room, at a step and where all goes over.
func TestQuotaRaisedInTime(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{replicas: 4, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())}})
	s.createQuota(4)
	s.ship("v2")
	s.awaitQuotaNamed()
	require.Empty(t, s.podsOf("v2"))
	s.raiseQuota(6)
	s.restAtHalf(1)
	s.approve(1, "half")
	s.awaitQuotaNamed()
	s.raiseQuota(8)
	s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "half")
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"))
}

// createQuota lets so many pods be in the scenario's namespace, and waits until that is in effect.
func (s *scenario) createQuota(pods int) {
	s.t.Helper()
	s.create(&corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.app.Namespace, Name: world.AppName},
		Spec:       corev1.ResourceQuotaSpec{Hard: podsAtMost(pods)},
	})
	s.awaitQuota(pods)
}

func (s *scenario) raiseQuota(pods int) {
	s.t.Helper()
	before := s.quota()
	raised := before.DeepCopy()
	raised.Spec.Hard = podsAtMost(pods)
	require.NoError(s.t, shared.Client.Patch(s.ctx, raised, client.MergeFrom(before)))
	s.awaitQuota(pods)
}

func (s *scenario) awaitQuota(pods int) {
	s.t.Helper()
	s.eventually(soon, fmt.Sprintf("quota of %d pods in effect", pods), func() (string, bool) {
		status := s.quota().Status
		return toJSON(status), status.Hard.Pods().Value() == int64(pods) && !status.Used.Pods().IsZero()
	})
}

func (s *scenario) quota() *corev1.ResourceQuota {
	s.t.Helper()
	quota := &corev1.ResourceQuota{}
	require.NoError(s.t, shared.Client.Get(s.ctx, s.key(), quota))
	return quota
}

func podsAtMost(pods int) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourcePods: *resource.NewQuantity(int64(pods), resource.DecimalSI)}
}

// awaitQuotaNamed waits until the first Release says that a quota keeps it waiting.
func (s *scenario) awaitQuotaNamed() {
	s.t.Helper()
	release := s.awaitRelease(1, "a quota named", func(release *v1alpha1.Release) bool {
		return strings.Contains(release.Status.Message, "exceeded quota")
	})
	s.logf("waits for %s: %s", release.Status.Barrier.Name, release.Status.Message)
}
