package suite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

func TestImageThatNeverStarts(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{steps: []v1alpha1.Step{world.Weighted("half", 50, nil)}})
	s.app.Image = "crossfade.io/app:missing"
	s.ship("v2")
	s.requireFailedBy(v1alpha1.CausePodsFailing)
	native := func(n *twin) {
		n.app.Image = s.app.Image
		holdsV2()(n)
	}
	s.requireLikeTwin(true, native)
}

func TestImageThatNeverBecomesReady(t *testing.T) {
	t.Parallel()
	neverReady(t)
}

// neverReady is a release whose pods do not become ready before its deadline.
func neverReady(t *testing.T) {
	t.Helper()
	s := begin(t, setting{
		steps:  []v1alpha1.Step{world.Weighted("half", 50, nil)},
		policy: func(r *v1alpha1.Rollout) { r.Spec.ProgressDeadline = world.Seconds(15) },
	})
	s.ship("v2", "--ready=false")
	s.requireFailedBy(v1alpha1.CauseDeadline)
	s.requireLikeTwin(true, holdsV2("--ready=false"))
}

// requireFailedBy requires that the first Release fails for a cause before its canary has had a request.
func (s *scenario) requireFailedBy(cause string) {
	s.t.Helper()
	release := s.awaitOutcome(1, v1alpha1.OutcomeFailed)
	require.Equal(s.t, cause, release.Status.Progress.Cause)
	s.requireShare("all the time", s.requireNoneFailed(), "v2", 0, 1000)
}

func TestReadinessSwitchedOffAtHalf(t *testing.T) {
	t.Parallel()
	s := atHalf(t)
	for _, pod := range s.podsOf("v2") {
		s.set(pod, `{"ready": false}`)
	}
	s.awaitOutcome(1, v1alpha1.OutcomeFailed)
	s.requireCollapsed()
	s.requireLikeTwin(true, holdsV2())
}

func TestCanaryPodsKilledAtHalf(t *testing.T) {
	t.Parallel()
	s := atHalf(t)
	killed := time.Now()
	for _, pod := range s.podsOf("v2") {
		require.NoError(t, shared.Client.Delete(s.ctx, &pod, client.GracePeriodSeconds(0)))
	}
	s.requireRecoveredOrCollapsed(2, killed)
	s.requireLikeTwin(true, holdsV2())
}

// requireRecoveredOrCollapsed ends the first Release, all of whose canary pods were lost, with an abort once so many
// others are ready, unless it has collapsed before; and requires that no request failed outside that time.
func (s *scenario) requireRecoveredOrCollapsed(pods int, lost time.Time) {
	s.t.Helper()
	s.awaitRelease(1, "recovery or collapse", func(release *v1alpha1.Release) bool {
		return release.Status.Outcome != "" || release.Status.Progress.BareSince == nil && s.replaced("v2", pods, lost)
	})
	recovered := time.Now()
	if s.story.last(1).Status.Outcome == "" {
		s.abort()
	}
	ended := s.awaitRelease(1, "an outcome", func(release *v1alpha1.Release) bool { return release.Status.Outcome != "" })
	if ended.Status.Outcome == v1alpha1.OutcomeAborted {
		s.logf("recovered after %s", recovered.Sub(lost))
		// The data plane has to follow, as it has with weights.
		s.requireFailedOnlyBetween(lost, recovered.Add(ended.Spec.Policy.Timing.Settle.Duration.Duration))
	} else {
		s.requireCollapsed()
	}
}

// set changes a pod's settings while it runs.
func (s *scenario) set(pod corev1.Pod, settings string) {
	s.t.Helper()
	require.NoError(s.t, shared.Kube.CoreV1().RESTClient().Put().Namespace(pod.Namespace).Resource("pods").Name(pod.Name+":8081").
		SubResource("proxy").Suffix("settings").Body([]byte(settings)).Do(s.ctx).Error())
}

// replaced tells whether so many pods of a version are ready, all of them made after a time.
func (s *scenario) replaced(version string, wanted int, after time.Time) bool {
	s.t.Helper()
	ready := 0
	for _, pod := range s.podsOf(version) {
		if pod.CreationTimestamp.Time.Before(after.Truncate(time.Second)) {
			return false
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				ready++
			}
		}
	}
	return ready == wanted
}

// requireCollapsed requires that rule Collapsed took the traffic back by the clock and not by the next event, and that
// no request failed from when stable was in effect.
func (s *scenario) requireCollapsed() {
	s.t.Helper()
	release := s.story.last(1)
	require.Equal(s.t, v1alpha1.CauseCollapsed, release.Status.Progress.Cause, release.Status.Message)
	var bare *metav1.MicroTime
	for _, state := range s.story.of(1) {
		if progress := state.Status.Progress; progress.Cause == "" {
			bare = progress.BareSince
		}
	}
	require.NotNil(s.t, bare, "since when the canary had no endpoint")
	fired := s.story.enteredStage(1, v1alpha1.StageWithdrawing)
	after := release.Spec.Policy.Timing.CollapseAfter.Duration.Duration
	// The stage is left when stable is in effect, and settled in the data plane.
	stable := s.story.enteredStage(1, v1alpha1.StageWithdrawnDraining)
	s.logf("collapsed after %s without endpoint (due after %s); stable in effect and settled %s later",
		fired.Sub(bare.Time), after, stable.Sub(fired))
	require.Less(s.t, fired.Sub(bare.Time), 3*after)
	s.requireFailedOnlyBetween(bare.Add(-soon), stable)
}

// requireFailedOnlyBetween requires that no request failed that was sent outside a span, prints how many did within,
// and that none of them was to the ClusterIP.
func (s *scenario) requireFailedOnlyBetween(from, until time.Time) {
	s.t.Helper()
	records := s.countedAll()
	within := records.Between(from, until).Failed()
	s.logf("%d of %d requests failed until %s: %v", len(within), len(records), until.Format("15:04:05.000"), within.Faults())
	if failed := records.Failed(); len(failed) > len(within) {
		require.Fail(s.t, "requests failed outside", "from %s to %s: %s", from, until, toJSON(failed))
	}
	require.Empty(s.t, serviceOnly(records).Failed(), "requests to the ClusterIP failed")
}
