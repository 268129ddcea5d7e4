package suite_test

import (
	"testing"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestNamedRule splits one rule of a route by its name: what another rule takes gets stable until the promotion.
func TestNamedRule(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(*scenario){"Promoted": promotedFromHalf, "Aborted": waysBack["Aborted"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, setting{
				guarded: true, // its route has two rules
				policy:  func(r *v1alpha1.Rollout) { r.Spec.RouteRefs[0].Rules = []string{"more"} },
				extra:   []load.Target{{Name: "more", URL: world.App{}.URL(world.GatewayAddress) + "/more", Rate: 60}},
				steps:   []v1alpha1.Step{world.Weighted("half", 50, approval())},
			})
			s.ship("v2")
			step := s.awaitStep(1, "half")
			s.awaitRequests(step.StartedAt.Time, 1500)
			sent := s.records().Between(step.StartedAt.Time, time.Now())
			s.requireShare("half, the rule", sent.Of("more"), "v2", 0.5, 200)
			s.requireShare("half, the other rule", gatewayOnly(sent), "v2", 0, 200)
			ends(s)
		})
	}
}
