package release_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// withMobile is a world whose Service has a second route, mobile, behind the first one.
func withMobile(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, options{change: func(p *v1alpha1.RolloutSpec) {
		second := p.RouteRefs[0]
		second.Name = "mobile"
		p.RouteRefs = append(p.RouteRefs, second)
	}})
	w.wish(parse(t, strings.Replace(routeYAML, "{name: checkout,", "{name: mobile,", 1)))
	for w.others() {
	}
	return w
}

// weights are those of the canary by both routes.
func (w *world) weights() (checkout, mobile int32) {
	w.t.Helper()
	checkout, _ = canaryWeight(w.store.get(kindRoute, "checkout"), "checkout")
	mobile, _ = canaryWeight(w.store.get(kindRoute, "mobile"), "checkout")
	return checkout, mobile
}

// refusing goes on for a while in which nobody can write a route.
func (w *world) refusing(route string, ticks int) {
	w.t.Helper()
	w.refused = keyOf(kindRoute, route)
	for range ticks {
		w.tick()
	}
	w.refused = ""
}

// TestRouteThatNobodyCanWriteHoldsNoOtherBack: whichever of two routes can't be written, the other one goes back at once.
func TestRouteThatNobodyCanWriteHoldsNoOtherBack(t *testing.T) {
	for _, stuck := range []string{"checkout", "mobile"} {
		t.Run(stuck, func(t *testing.T) {
			w := withMobile(t)
			begin(w)
			w.at("half")
			checkout, mobile := w.weights()
			require.Equal(t, []int32{500_000, 500_000}, []int32{checkout, mobile})
			w.abort()
			w.refusing(stuck, 20)
			checkout, mobile = w.weights()
			if stuck == "mobile" {
				checkout, mobile = mobile, checkout
			}
			require.Equal(t, []int32{500_000, 0}, []int32{checkout, mobile}, w.tale.String())
			require.NotEmpty(t, w.canaryPods(), "requests still come to the canary")
			w.end(v1alpha1.OutcomeAborted)
		})
	}
}

// TestRefusedForLong: what a webhook refused for long is no fight over a route: it goes back as soon as it can.
func TestRefusedForLong(t *testing.T) {
	w := withMobile(t)
	begin(w)
	w.at("half")
	w.abort()
	w.refusing("mobile", 30)
	w.tick()
	w.tick()
	checkout, mobile := w.weights()
	require.Equal(t, []int32{0, 0}, []int32{checkout, mobile}, w.tale.String())
	w.end(v1alpha1.OutcomeAborted)
}

// TestRefusedOnTheWayBackBySteps: where one of two routes can't be written, the other one goes back whole, by no step.
func TestRefusedOnTheWayBackBySteps(t *testing.T) {
	w := withMobile(t)
	w.policy.Rollback.Traffic = "BySteps"
	begin(w)
	w.at("half")
	w.abort()
	w.refusing("mobile", 20)
	checkout, _ := w.weights()
	require.Zero(t, checkout, w.tale.String())
	w.end(v1alpha1.OutcomeAborted)
}

// TestOneErrorOnTheWayBackBySteps: a single mishap hurries nothing.
func TestOneErrorOnTheWayBackBySteps(t *testing.T) {
	w := withMobile(t)
	w.policy.Rollback.Traffic = "BySteps"
	begin(w)
	w.at("half")
	w.abort()
	w.refusing("mobile", 1)
	w.stage(v1alpha1.StageDescending)
	w.until("ten everywhere", func() bool { checkout, mobile := w.weights(); return checkout == 100_000 && mobile == 100_000 })
	w.end(v1alpha1.OutcomeAborted)
}

// TestRoutesGoUpTogether: one that can't be written holds the step, with the other as it may be and the canary's pods all there.
func TestRoutesGoUpTogether(t *testing.T) {
	w := withMobile(t)
	begin(w)
	w.until("step ten", func() bool { return w.status.StepName == "ten" })
	w.refusing("mobile", 90)
	_, mobile := w.weights()
	require.Zero(t, mobile)
	require.Equal(t, "ten", w.status.StepName, "half waits until ten is in effect everywhere")
	w.pass(time.Minute)
	w.at("half")
	w.approve("half")
	w.end(v1alpha1.OutcomePromoted)
}
