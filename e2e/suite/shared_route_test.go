package suite_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestTwoRolloutsShareARoute releases two apps of one HTTPRoute, a small letter for the start of a release and a capital for its
// end, in every order: a is promoted, and b aborted. It is for soak.
func TestTwoRolloutsShareARoute(t *testing.T) {
	for _, order := range []string{"aAbB", "abAB", "abBA", "bBaA", "baBA", "baAB"} {
		// One after the other: of two that each have a part of the load's budget for one app, none would get it for both.
		t.Run(order, func(t *testing.T) {
			apps := map[string]*scenario{}
			for _, app := range []string{"a", "b"} {
				apps[app] = begin(t, setting{
					suffix: "-" + app, among: []string{"-a", "-b"}, elsewhere: true, replicas: 2, gateway: 60,
					steps: []v1alpha1.Step{world.Weighted("half", 50, approval())},
				})
			}
			before := apps["a"].routeElsewhere()
			for _, turn := range strings.Split(order, "") {
				s, ends := apps[strings.ToLower(turn)], map[string]string{"A": "Promoted", "B": "Aborted"}[turn]
				if ends == "" {
					s.ship("v2")
					s.awaitStep(1, "half")
					continue
				}
				s.awaitEnough("half", gatewayOnly)
				endsAtHalf[ends](s)
			}
			for _, s := range apps {
				records := s.requireNoneFailed()
				sent := during(s.stepNamed(s.story.last(1), "half"), records)
				s.requireShare(s.app.Namespace+", half, gateway", gatewayOnly(sent), "v2", 0.5, enough)
				s.requireShare(s.app.Namespace+", half, ClusterIP", serviceOnly(sent), "v2", 0, 100)
				s.requireNothingLeft()
			}
			require.Equal(t, before, apps["a"].routeElsewhere())
		})
	}
}
