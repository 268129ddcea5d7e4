package suite_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// endsAtHalf are those of a release at half, of a route that is not like a twin's.
var endsAtHalf = map[string]func(*scenario){
	"Promoted": func(s *scenario) {
		s.t.Helper()
		s.approve(1, "half")
		s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "half")
	},
	"Aborted": func(s *scenario) {
		s.t.Helper()
		s.abort()
		s.awaitOutcome(1, v1alpha1.OutcomeAborted)
	},
}

// TestRouteElsewhere releases by a route of another namespace, which ReferenceGrants permit to send to the Services. The step
// also matches by what is extended in Gateway API, which the gateway's class says it supports.
func TestRouteElsewhere(t *testing.T) {
	t.Parallel()
	for name, ends := range endsAtHalf {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			half := v1alpha1.Step{
				Name: "half", Weight: ptr.To(intstr.FromInt32(50)), Hold: approval(),
				Match: []v1alpha1.Match{{Method: ptr.To("POST"), QueryParams: []v1alpha1.ValueMatch{{Name: "v", Exact: ptr.To("2")}}}},
			}
			s := begin(t, setting{elsewhere: true, steps: []v1alpha1.Step{half}})
			before := s.routeElsewhere()
			s.ship("v2")
			s.requireHalf()
			require.NotEqual(t, before, s.routeElsewhere())
			ends(s)
			s.requireNoneFailed()
			require.Equal(t, before, s.routeElsewhere())
			s.requireNothingLeft()
		})
	}
}

// routeElsewhere is what is compared of the route, as text.
func (s *scenario) routeElsewhere() string {
	s.t.Helper()
	route := &unstructured.Unstructured{}
	route.SetGroupVersionKind(s.app.Route().GroupVersionKind())
	require.NoError(s.t, shared.Client.Get(s.ctx, client.ObjectKey{Namespace: s.app.RoutesIn, Name: world.AppName}, route))
	setAside(route)
	return toJSON(route.Object)
}
