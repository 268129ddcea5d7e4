package suite_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestNewTemplateInEachPhase ships another version as soon as a Release has got somewhere: before its canary serves,
// while all goes over to it, past the point of no return, and on its way back.
func TestNewTemplateInEachPhase(t *testing.T) {
	t.Parallel()
	at := func(stages ...v1alpha1.Stage) func(*v1alpha1.Release) bool {
		return func(r *v1alpha1.Release) bool { return slices.Contains(stages, r.Status.Progress.Stage) }
	}
	for name, phase := range map[string]struct {
		reached func(*v1alpha1.Release) bool
		abort   bool
		ends    []v1alpha1.Outcome
	}{
		"CanaryStarts": {
			reached: func(r *v1alpha1.Release) bool { return r.Status.Progress.Canary != "" },
			ends:    []v1alpha1.Outcome{v1alpha1.OutcomeSuperseded},
		},
		"StableFills": {
			reached: at(v1alpha1.StageFilling, v1alpha1.StageFlipping, v1alpha1.StageUnpinning),
			ends:    []v1alpha1.Outcome{v1alpha1.OutcomeSuperseded, v1alpha1.OutcomePromoted},
		},
		"PastNoReturn": {
			reached: at(v1alpha1.StageRetiring, v1alpha1.StageReturning, v1alpha1.StageRestoring, v1alpha1.StageCleaning),
			ends:    []v1alpha1.Outcome{v1alpha1.OutcomePromoted},
		},
		"OnTheWayBack": {
			abort:   true,
			reached: at(v1alpha1.StageWithdrawing, v1alpha1.StageWithdrawnDraining, v1alpha1.StageRetreating),
			ends:    []v1alpha1.Outcome{v1alpha1.OutcomeAborted},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, setting{steps: []v1alpha1.Step{world.Weighted("half", 50, nil)}})
			s.ship("v2")
			if phase.abort {
				s.awaitStep(1, "half")
				s.abort()
			}
			s.awaitRelease(1, "phase "+name, phase.reached)
			s.ship("v3")
			ended := s.awaitRelease(1, "an outcome", func(r *v1alpha1.Release) bool { return r.Status.Outcome != "" })
			require.Contains(t, phase.ends, ended.Status.Outcome, ended.Status.Message)
			s.requireSteps(s.awaitOutcome(2, v1alpha1.OutcomePromoted), "half")
			s.requireNoneFailed()
			require.Empty(t, s.podsOf("v2"), "pods of the version in between")
			s.requireLikeTwin(false, ships("v2"), ships("v3"))
		})
	}
}
