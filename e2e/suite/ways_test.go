package suite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// blueGreen has all pods in one batch, which only those see who ask for it, and keeps the old pods afterwards.
func blueGreen(keepOldFor time.Duration) setting {
	return setting{
		gateway: 30,
		extra:   []load.Target{{Name: "header", Headers: map[string]string{"X-Canary": "yes"}}},
		steps:   []v1alpha1.Step{{Name: "preview", Replicas: ptr.To(intstr.FromString("100%")), Match: insiders, Hold: approval()}},
		policy: func(r *v1alpha1.Rollout) {
			r.Spec.Strategy.KeepOldFor = &v1alpha1.Duration{Duration: metav1.Duration{Duration: keepOldFor}}
		},
	}
}

// previewed ships v2 and approves it once the preview has had requests: none but those who ask see it.
func (s *scenario) previewed() {
	s.t.Helper()
	s.ship("v2")
	step := s.awaitStep(1, "preview")
	s.awaitRequests(step.StartedAt.Time, 500)
	sent := s.records().Between(step.StartedAt.Time, time.Now())
	s.requireShare("preview, gateway", gatewayOnly(sent), "v2", 0, 200)
	s.requireShare("preview, ClusterIP", serviceOnly(sent), "v2", 0, 100)
	s.requireShare("preview, header", sent.Of("header"), "v2", 1, 50)
	require.Len(s.t, s.podsOf("v1"), s.app.Replicas, "pods of stable")
	require.Len(s.t, s.podsOf("v2"), s.app.Replicas, "pods of the canary")
	s.approve(1, "preview")
}

// awaitStage waits until the first Release is at a stage, and returns since when.
func (s *scenario) awaitStage(stage v1alpha1.Stage) time.Time {
	s.t.Helper()
	s.awaitRelease(1, "stage "+string(stage), func(release *v1alpha1.Release) bool { return release.Status.Progress.Stage == stage })
	return s.story.enteredStage(1, stage)
}

func TestBlueGreen(t *testing.T) {
	t.Parallel()
	s := begin(t, blueGreen(30*time.Second))
	s.previewed()
	kept := s.awaitStage(v1alpha1.StageKeeping)
	s.awaitRequests(kept, 500)
	sent := s.records().Between(kept, time.Now())
	s.requireShare("old pods kept, gateway", gatewayOnly(sent), "v2", 1, 200)
	// A kept connection to the ClusterIP stays where it is for as long as the old pod does.
	s.requireShare("old pods kept, ClusterIP", sent.Of("service-fresh"), "v2", 1, 30)
	require.Len(t, s.podsOf("v1"), s.app.Replicas, "old pods")
	s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "preview")
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"))
}

func TestBlueGreenTakenBack(t *testing.T) {
	t.Parallel()
	s := begin(t, blueGreen(10*time.Minute))
	s.previewed()
	s.awaitRequests(s.awaitStage(v1alpha1.StageKeeping), 300)
	asked := time.Now()
	s.abort()
	s.awaitStage(v1alpha1.StageWithdrawnDraining)
	s.logf("everything was back at the old pods %s after the abort", time.Since(asked).Round(time.Millisecond))
	release := s.awaitOutcome(1, v1alpha1.OutcomeAborted)
	records := s.requireNoneFailed()
	s.requireShare("after the abort", records.Between(release.Status.EndedAt.Time, time.Now()), "v2", 0, 100)
	s.requireLikeTwin(true, holdsV2())
}

func TestAbortBySteps(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{
		steps:  []v1alpha1.Step{world.Weighted("quarter", 25, nil), world.Weighted("half", 50, nil), world.Weighted("most", 75, approval())},
		policy: func(r *v1alpha1.Rollout) { r.Spec.Rollback.Traffic = "BySteps" },
	})
	s.ship("v2")
	s.awaitRequests(s.awaitStep(1, "most").StartedAt.Time, 300)
	canary := len(s.podsOf("v2"))
	s.abort()
	s.awaitStage(v1alpha1.StageWithdrawing)
	require.Len(t, s.podsOf("v2"), canary, "the pods stay until the traffic is back")
	var weights []string
	for _, state := range s.story.of(1) {
		if n := len(weights); state.Status.Progress.Stage == v1alpha1.StageDescending && state.Status.Weight != "75%" && (n == 0 || weights[n-1] != state.Status.Weight) {
			weights = append(weights, state.Status.Weight)
		}
	}
	require.Equal(t, []string{"50%", "25%"}, weights, "weights in effect on the way back")
	s.awaitOutcome(1, v1alpha1.OutcomeAborted)
	s.requireNoneFailed()
	s.requireLikeTwin(true, holdsV2())
}

// TestFullRollback: after an abort the canary is kept for a look; the stable template applied again undoes everything.
func TestFullRollback(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{
		steps:  []v1alpha1.Step{world.Weighted("half", 50, approval())},
		policy: func(r *v1alpha1.Rollout) { r.Spec.Rollback.Then = "Hold" },
	})
	s.ship("v2")
	s.restAtHalf(1)
	canary := len(s.podsOf("v2"))
	s.abort()
	looked := s.awaitStage(v1alpha1.StageObserving)
	s.awaitRequests(looked, 500)
	s.requireShare("under observation, gateway", gatewayOnly(s.records().Between(looked, time.Now())), "v2", 0, 200)
	require.Len(t, s.podsOf("v2"), canary, "pods kept for a look")
	s.ship("v1")
	s.awaitOutcome(1, v1alpha1.OutcomeReverted)
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"), ships("v1"))
}

// TestUndoAfterSuccess: the old version comes back as a release like any other.
func TestUndoAfterSuccess(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{steps: []v1alpha1.Step{world.Weighted("half", 50, nil)}})
	s.ship("v2")
	s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.ship("v1")
	s.awaitOutcome(2, v1alpha1.OutcomePromoted)
	records := s.requireNoneFailed()
	s.requireShare("after the undo", records.Between(s.story.last(2).Status.EndedAt.Time, time.Now()), "v1", 1, 100)
	s.requireLikeTwin(false, ships("v2"), ships("v1"))
}
