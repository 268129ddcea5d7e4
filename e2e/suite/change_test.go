package suite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

func TestScaledAtHalf(t *testing.T) {
	t.Parallel()
	s := atHalf(t)
	for _, size := range []struct{ replicas, canary int }{{9, 5}, {3, 2}} {
		s.scale(s.app.Namespace, size.replicas)
		s.requireHalfAt(size.replicas, size.canary)
	}
	s.approve(1, "half")
	release := s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.requireSteps(release, "half")
	s.requireNoneFailed()
	s.app.Replicas = 3
	s.requireLikeTwin(false, resized(9), resized(3), ships("v2"))
}

// requireHalfAt waits until the Release that rests at 50 % has followed another number of replicas, and requires that
// the share is still the step's.
func (s *scenario) requireHalfAt(replicas, canary int) {
	s.t.Helper()
	s.eventually(aWhile, fmt.Sprintf("%d stable and %d canary pods", replicas, canary), func() (string, bool) {
		stable, made := len(s.podsOf("v1")), len(s.podsOf("v2"))
		ready := int(s.deployment(s.app.Namespace).Status.ReadyReplicas)
		return fmt.Sprintf("%d and %d, %d ready", stable, made, ready), stable == replicas && made == canary && ready == stable+made
	})
	since := time.Now()
	s.awaitRequests(since, 500)
	s.requireShare(fmt.Sprintf("scaled to %d, gateway", replicas), gatewayOnly(s.records().Between(since, time.Now())), "v2", 0.5, 200)
}

// resized is a move that scales the Deployment.
func resized(replicas int) func(*twin) {
	return func(n *twin) {
		n.app.Replicas = replicas
		n.scale(n.app.Namespace, replicas)
		n.awaitComplete(n.app)
	}
}

// scale changes the replicas of a Deployment as an autoscaler does.
func (s *scenario) scale(namespace string, replicas int) {
	s.t.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	require.NoError(s.t, shared.Client.SubResource("scale").Patch(s.ctx, s.deployment(namespace), patch))
}

// TestScaledToZeroAtHalf: what scales to zero by itself, as KEDA does where nothing is asked of the app, ends the
// Release. Its template stays held, and stable comes back.
func TestScaledToZeroAtHalf(t *testing.T) {
	t.Parallel()
	s := atHalf(t)
	s.requireNoneFailed()
	s.scale(s.app.Namespace, 0)
	release := s.awaitOutcome(1, v1alpha1.OutcomeFailed)
	require.Equal(t, v1alpha1.CauseScaledToZero, release.Status.Progress.Cause)
	s.eventually(aWhile, "no pod", func() (string, bool) {
		stable, canary := len(s.podsOf("v1")), len(s.podsOf("v2"))
		return fmt.Sprintf("%d stable and %d canary pods", stable, canary), stable+canary == 0
	})
	s.scale(s.app.Namespace, 1)
	again := s.targets(serviceRate, nil)
	s.takePart(again)
	s.startLoad(again) // once it answers
	s.scale(s.app.Namespace, 4)
	s.eventually(aWhile, "4 stable pods", func() (string, bool) {
		status := s.deployment(s.app.Namespace).Status
		return toJSON(status), status.ReadyReplicas == 4 && status.Replicas == 4
	})
	s.requireShare("after zero", s.requireNoneFailed(), "v2", 0, 300)
	s.requireLikeTwin(true, resized(0), resized(1), resized(4), holdsV2())
}

func TestPromotePodsThatExitAtOnce(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{
		flags: []string{"--exit-at-once"},
		steps: []v1alpha1.Step{world.Weighted("ten", 10, nil), world.Weighted("half", 50, nil)},
	})
	s.ship("v2")
	release := s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.requireSteps(release, "ten", "half")
	records := s.countedAll()
	for _, target := range []string{"gateway", "gateway-fresh", "service-fresh", "service"} {
		failed := records.Of(target).Failed()
		s.logf("%s: %d of %d requests failed: %v", target, len(failed), len(records.Of(target)), failed.Faults())
	}
	require.Empty(t, gatewayOnly(records).Failed(), "requests through the gateway failed")
	s.requireLikeTwin(false, ships("v2"))
}

func TestRouteEditedAtHalf(t *testing.T) {
	t.Parallel()
	s := atHalf(t)
	path := "/added"
	split := func(rules int) func(*gatewayv1.HTTPRoute) bool {
		return func(route *gatewayv1.HTTPRoute) bool {
			for _, rule := range route.Spec.Rules {
				if len(rule.BackendRefs) != 2 {
					return false
				}
			}
			return len(route.Spec.Rules) == rules
		}
	}

	// A new rule, by somebody who knows nothing of releases.
	edited := s.route(s.app.Namespace)
	live := edited.DeepCopy()
	edited.Spec.Rules = append(edited.Spec.Rules, addedRule(path))
	require.NoError(t, shared.Client.Patch(s.ctx, edited, client.MergeFrom(live)))
	require.True(t, split(2)(edited), "a new rule is not guarded: %s", toJSON(edited.Spec))

	// The user's own manifest again, without a split.
	require.NoError(t, shared.Apply(s.ctx, s.app.Route()))
	route := s.route(s.app.Namespace)
	require.True(t, split(1)(route), "a reverted weight is not guarded: %s", toJSON(route.Spec))

	// Both again, past the webhook.
	s.label(route, v1alpha1.LabelBreakGlass, "true")
	edited = s.route(s.app.Namespace)
	live = edited.DeepCopy()
	edited.Spec.Rules = append(edited.Spec.Rules, addedRule(path))
	require.NoError(t, shared.Client.Patch(s.ctx, edited, client.MergeFrom(live)))
	s.requireRepaired("a new rule", split(2))
	require.NoError(t, shared.Apply(s.ctx, s.app.Route()))
	s.requireRepaired("a reverted weight", split(1))
	s.label(route, v1alpha1.LabelBreakGlass, "")

	s.awaitRelease(1, "traffic in effect and settled again", func(release *v1alpha1.Release) bool {
		barrier := release.Status.Barrier
		return barrier != nil && barrier.Name == "approval" && release.Status.Routes[0].InEffect == "50%"
	})
	since := time.Now()
	s.awaitRequests(since, 500)
	s.requireShare("repaired, gateway", gatewayOnly(s.records().Between(since, time.Now())), "v2", 0.5, 200)
	s.approve(1, "half")
	s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "half")
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"))
}

// label sets a label of an object, or takes it off if the value is empty.
func (s *scenario) label(obj client.Object, key, value string) {
	s.t.Helper()
	labels := map[string]any{key: value}
	if value == "" {
		labels[key] = nil
	}
	patch := client.RawPatch(types.MergePatchType, []byte(toJSON(map[string]any{"metadata": map[string]any{"labels": labels}})))
	require.NoError(s.t, shared.Client.Patch(s.ctx, obj, patch))
}

func addedRule(path string) gatewayv1.HTTPRouteRule {
	prefix, port := gatewayv1.PathMatchPathPrefix, gatewayv1.PortNumber(80)
	return gatewayv1.HTTPRouteRule{
		Matches: []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Type: &prefix, Value: &path}}},
		BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
			BackendObjectReference: gatewayv1.BackendObjectReference{Name: world.AppName, Port: &port},
		}}},
	}
}

func (s *scenario) route(namespace string) *gatewayv1.HTTPRoute {
	s.t.Helper()
	route := &gatewayv1.HTTPRoute{}
	require.NoError(s.t, shared.Client.Get(s.ctx, client.ObjectKey{Namespace: namespace, Name: world.AppName}, route))
	return route
}

// requireRepaired waits until the route has the edit and the split, and prints how long that took.
func (s *scenario) requireRepaired(what string, repaired func(*gatewayv1.HTTPRoute) bool) {
	s.t.Helper()
	edited := time.Now()
	s.eventually(soon, "repair of "+what, func() (string, bool) {
		route := s.route(s.app.Namespace)
		return toJSON(route.Spec), repaired(route)
	})
	s.logf("%s was repaired within %s", what, time.Since(edited).Round(time.Millisecond))
}
