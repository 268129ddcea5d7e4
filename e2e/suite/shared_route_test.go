package suite_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestTwoRolloutsShareARoute releases two apps of one HTTPRoute, a small letter for the start of a release and a capital for its
// end, in every order. It is for soak.
func TestTwoRolloutsShareARoute(t *testing.T) {
	for _, order := range []string{"aAbB", "abAB", "abBA", "bBaA", "baBA", "baAB"} {
		for name, ends := range endsAtHalf {
			// One after the other: of two that each have a part of the load's budget for one app, none would get it for both.
			t.Run(order+name, func(t *testing.T) {
				apps := map[string]*scenario{}
				for _, app := range []string{"a", "b"} {
					apps[app] = begin(t, setting{
						suffix: "-" + app, among: []string{"-a", "-b"}, elsewhere: true, replicas: 2, gateway: 100,
						steps: []v1alpha1.Step{world.Weighted("half", 50, approval())},
					})
				}
				before := apps["a"].routeElsewhere()
				for _, turn := range strings.Split(order, "") {
					switch turn {
					case "A":
						apps["a"].awaitEnough("half", gatewayOnly)
						ends(apps["a"])
					case "B":
						apps["b"].awaitEnough("half", gatewayOnly)
						endsAtHalf["Promoted"](apps["b"])
					default:
						apps[turn].ship("v2")
						apps[turn].awaitStep(1, "half")
					}
				}
				for _, s := range apps {
					records := s.requireNoneFailed()
					sent := during(s.stepNamed(s.story.last(1), "half"), records)
					s.requireShare("half, gateway", gatewayOnly(sent), "v2", 0.5, enough)
					s.requireShare("half, ClusterIP", serviceOnly(sent), "v2", 0, 100)
					s.requireNothingLeft()
				}
				require.Equal(t, before, apps["a"].routeElsewhere())
			})
		}
	}
}
