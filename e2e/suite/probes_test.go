package suite_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
	"crossfade.io/crossfade/trafficrouting"
)

// probed is where probes ask.
const probed = "/probed"

// probing are one probe that a step's match sends to the canary, and one that it does not.
func probing(host string) []v1alpha1.Probe {
	plain := v1alpha1.Probe{
		Name: "plain", URL: "http://" + world.GatewayAddress + probed, Host: &host,
		IdentifiedBy: v1alpha1.ProbeIdentity{Header: "X-Version"},
	}
	insider := plain
	insider.Name, insider.Headers = "insider", []v1alpha1.ProbeHeader{{Name: "X-Canary", Value: "yes"}}
	return []v1alpha1.Probe{plain, insider}
}

// byHeader is a step of those who ask for the canary.
func byHeader(hold *v1alpha1.Hold) v1alpha1.Step {
	return v1alpha1.Step{Name: "insiders", Replicas: ptr.To(intstr.FromInt32(1)), Match: insiders[:1], Hold: hold}
}

// TestProbedPromotion: the route counts as in effect once a request with the header was seen to reach the canary, and one
// without it not to; also where its objects tell nothing.
func TestProbedPromotion(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"HTTPRoute", "Ingress"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := begin(t, setting{
				kind:  kind,
				steps: []v1alpha1.Step{byHeader(approval())},
				extra: []load.Target{{Name: "header", Headers: map[string]string{"X-Canary": "yes"}}},
				policy: func(r *v1alpha1.Rollout) {
					r.Spec.RouteRefs[0].Probes = probing(hostOf(t))
				},
			})
			s.ship("v2")
			step := s.awaitStep(1, "insiders")
			release := s.awaitRelease(1, "probed", func(r *v1alpha1.Release) bool { return r.Status.StepName == "insiders" })
			require.Equal(t, trafficrouting.EvidenceProbed.String(), release.Status.Routes[0].Evidence)
			s.awaitRequests(step.StartedAt.Time, 500)
			s.approve(1, "insiders")
			release = s.awaitOutcome(1, v1alpha1.OutcomePromoted)
			records := s.requireNoneFailed()
			s.requireShare("insiders, header", during(s.stepNamed(release, "insiders"), records).Of("header"), "v2", 1, 50)
		})
	}
}

// TestProbeThatSomebodyElseAnswers: a route that Crossfade does not know of takes what probes ask, so that the split is
// not what requests meet: those that must reach the canary don't, or those that must not do. Objects alone would not tell; the
// probe does, and the deadline decides.
func TestProbeThatSomebodyElseAnswers(t *testing.T) {
	t.Parallel()
	for service, says := range map[string]string{
		world.AppName:                          `probe insider .* must reach the canary; stable answered, with X-Version: "v1"`,
		trafficrouting.CanaryOf(world.AppName): `probe plain .* must reach stable; the canary answered, with X-Version: "v2"`,
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			s := begin(t, setting{
				steps: []v1alpha1.Step{byHeader(nil)},
				policy: func(r *v1alpha1.Rollout) {
					r.Spec.RouteRefs[0].Probes = probing(hostOf(t))
					r.Spec.ProgressDeadline = world.Seconds(60)
				},
			})
			shadow := shadowing(s.app, service)
			s.create(shadow)
			s.ship("v2")
			release := s.awaitRelease(1, "held by a probe", func(r *v1alpha1.Release) bool {
				return r.Status.Barrier != nil && r.Status.Barrier.Name == "probe"
			})
			require.NotEqual(t, trafficrouting.EvidenceProbed.String(), release.Status.Routes[0].Evidence)
			s.awaitRelease(1, "on its way back", func(r *v1alpha1.Release) bool { return r.Status.Progress.Cause == v1alpha1.CauseDeadline })
			// As long as requests still come to the canary, it is kept for them.
			require.NoError(t, shared.Client.Delete(s.ctx, shadow))
			s.requireFailedBy(v1alpha1.CauseDeadline)
			release = s.awaitOutcome(1, v1alpha1.OutcomeFailed)
			s.logf("%s", release.Status.Progress.CauseMessage)
			require.Regexp(t, says, release.Status.Progress.CauseMessage)
		})
	}
}

// shadowing is a route for where probes ask, which leads to a Service.
func shadowing(app world.App, service string) *gatewayv1.HTTPRoute {
	port := gatewayv1.PortNumber(app.Port())
	prefix := gatewayv1.PathMatchPathPrefix
	return &gatewayv1.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: "shadowing"},
		Spec: gatewayv1.HTTPRouteSpec{
			CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{
				Name: "gateway", Namespace: ptr.To(gatewayv1.Namespace("crossfade-gateway")),
			}}},
			Hostnames: []gatewayv1.Hostname{gatewayv1.Hostname(app.Host)},
			Rules: []gatewayv1.HTTPRouteRule{{
				Matches: []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Type: &prefix, Value: ptr.To(probed)}}},
				BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{
					Name: gatewayv1.ObjectName(service), Port: &port,
				}}}},
			}},
		},
	}
}
