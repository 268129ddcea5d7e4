package suite_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestGRPCPromoteBySteps shares calls through a GRPCRoute. On kept connections too each call goes its own way.
func TestGRPCPromoteBySteps(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{
		grpc: true, gateway: 120,
		extra: []load.Target{
			{Name: "header", Headers: map[string]string{"x-canary": "yes"}},
			{Name: "cookie", Cookies: map[string]string{"group": "insider"}},
			{Name: "other-header", Headers: map[string]string{"x-canary": "no"}},
		},
		steps: []v1alpha1.Step{
			world.Weighted("five", 5, approval()),
			{Name: "quarter", Weight: ptr.To(intstr.FromInt32(25)), Match: insiders, Hold: approval()},
			world.Weighted("half", 50, approval()),
			world.Weighted("all", 100, approval()),
		},
	})
	s.ship("v2")
	s.approveAfterEnough("five", "quarter", "half", "all")
	release := s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.requireSteps(release, "five", "quarter", "half", "all")
	records := s.requireNoneFailed()
	for name, want := range map[string]float64{"five": 0.05, "quarter": 0.25, "half": 0.50, "all": 1} {
		s.requireSharesIn(name, want, name == "quarter", release, records)
	}
	s.requireLikeTwin(false, ships("v2"))
}

func TestGRPCGoesBack(t *testing.T) {
	for name, goes := range map[string]func(*scenario){
		"Aborted": func(s *scenario) {
			s.abort()
			s.awaitOutcome(1, v1alpha1.OutcomeAborted)
			s.requireNoneFailed()
			s.requireLikeTwin(true, holdsV2())
		},
		"Superseded": func(s *scenario) {
			s.ship("v3")
			s.awaitOutcome(1, v1alpha1.OutcomeSuperseded)
			s.restAtHalf(2)
			s.approve(2, "half")
			s.awaitOutcome(2, v1alpha1.OutcomePromoted)
			s.requireNoneFailed()
			s.requireLikeTwin(false, ships("v2"), ships("v3"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, setting{grpc: true, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())}})
			s.ship("v2")
			s.restAtHalf(1)
			goes(s)
		})
	}
}
