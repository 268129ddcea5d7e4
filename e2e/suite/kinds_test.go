package suite_test

import (
	"maps"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// quartered are the shares of steps, by name.
var quartered = map[string]float64{"five": 0.05, "quarter": 0.25, "half": 0.50, "all": 1}

// byQuarters are the steps of these shares, of which nothing else is asked.
func byQuarters() []v1alpha1.Step {
	return []v1alpha1.Step{
		world.Weighted("five", 5, approval()), world.Weighted("quarter", 25, approval()),
		world.Weighted("half", 50, approval()), world.Weighted("all", 100, approval()),
	}
}

// matched are targets of requests with the header or this cookie of a match, and with another header.
func matched(cookie string) []load.Target {
	return []load.Target{
		{Name: "header", Headers: map[string]string{"x-canary": "yes"}},
		{Name: "cookie", Cookies: map[string]string{"group": cookie}},
		{Name: "other-header", Headers: map[string]string{"x-canary": "yesno"}},
	}
}

// promoteByQuarters promotes by steps, of which one sends those with a header or this cookie to the canary besides, and
// requires of each step that each kind of request went where it belongs.
func promoteByQuarters(t *testing.T, with setting, cookie string) {
	t.Helper()
	with.extra = matched(cookie)
	with.steps = []v1alpha1.Step{
		world.Weighted("five", 5, approval()),
		{Name: "quarter", Weight: ptr.To(intstr.FromInt32(25)), Match: matching(cookie), Hold: approval()},
		world.Weighted("half", 50, approval()),
		world.Weighted("all", 100, approval()),
	}
	s := begin(t, with)
	s.ship("v2")
	release, records := s.promoted("five", "quarter", "half", "all")
	for name, want := range quartered {
		s.requireSharesIn(name, want, name == "quarter", release, records)
	}
	s.requireLikeTwin(false, ships("v2"))
}

// TestGRPCPromoteBySteps shares calls through a GRPCRoute. On kept connections too each call goes its own way. It is for soak.
func TestGRPCPromoteBySteps(t *testing.T) {
	t.Parallel()
	promoteByQuarters(t, setting{kind: "GRPCRoute", gateway: 80}, "insider")
}

// TestDescribedPromote shares requests by one of Traefik's own kinds, which Crossfade knows by its RouteKind alone. It is for
// soak.
func TestDescribedPromote(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{kind: "IngressRoute", gateway: 80, extra: matched("insider"), steps: []v1alpha1.Step{
		{Name: "quarter", Weight: ptr.To(intstr.FromInt32(25)), Match: matching("insider"), Hold: approval()},
	}})
	s.ship("v2")
	release, records := s.promoted("quarter")
	s.requireSharesIn("quarter", 0.25, true, release, records)
	s.requireLikeTwin(false, ships("v2"))
}

// TestDescribedPromoteBySteps shares requests by both of these kinds, and by all four shares. It is for soak.
func TestDescribedPromoteBySteps(t *testing.T) {
	t.Parallel()
	t.Run("IngressRoute", func(t *testing.T) {
		t.Parallel()
		promoteByQuarters(t, setting{kind: "IngressRoute", gateway: 80}, "insider")
	})
	t.Run("TraefikService", func(t *testing.T) {
		t.Parallel()
		s := begin(t, setting{kind: "TraefikService", gateway: 80, steps: byQuarters()})
		s.ship("v2")
		release, records := s.promoted("five", "quarter", "half", "all")
		for name, want := range quartered {
			s.requireSharesIn(name, want, false, release, records)
		}
		s.requireLikeTwin(false, ships("v2"))
	})
}

// TestConnectionsPromoteBySteps shares connections, which the gateway does not look into: a kept one stays where it is, so
// fresh ones tell the share. It is for soak.
func TestConnectionsPromoteBySteps(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"TCPRoute", "TLSRoute"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := begin(t, setting{kind: kind, tcpPort: 9001, extra: []load.Target{{Name: "more", Rate: 150, Fresh: true}}, steps: byQuarters()})
			fresh := func(records load.Records) load.Records {
				return append(records.Of("gateway-fresh"), records.Of("more")...)
			}
			s.ship("v2")
			release, records := s.promotedOnceTold(fresh, "five", "quarter", "half", "all")
			for name, want := range quartered {
				sent := during(s.stepNamed(release, name), records)
				s.requireShare(name+", gateway, fresh", fresh(sent), "v2", want, enough)
				s.requireShare(name+", ClusterIP", serviceOnly(sent), "v2", 0, 100)
			}
			s.requireLikeTwin(false, ships("v2"))
		})
	}
}

// waysBack are from a step that gives the canary half.
var waysBack = map[string]func(*scenario){
	"Aborted": func(s *scenario) {
		s.t.Helper()
		s.abort()
		s.awaitOutcome(1, v1alpha1.OutcomeAborted)
		s.requireNoneFailed()
		s.requireLikeTwin(true, holdsV2())
	},
	"Superseded": func(s *scenario) {
		s.t.Helper()
		s.ship("v3")
		s.awaitOutcome(1, v1alpha1.OutcomeSuperseded)
		s.awaitStep(2, "half")
		s.approve(2, "half")
		s.awaitOutcome(2, v1alpha1.OutcomePromoted)
		s.requireNoneFailed()
		s.requireLikeTwin(false, ships("v2"), ships("v3"))
	},
}

// promotedFromHalf ends a release at half as planned.
func promotedFromHalf(s *scenario) {
	s.t.Helper()
	s.approve(1, "half")
	s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "half")
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"))
}

// requireHalf waits for the step half, and requires that half of the fresh connections go to the canary.
func (s *scenario) requireHalf() {
	s.t.Helper()
	step := s.awaitStep(1, "half")
	s.awaitRequests(step.StartedAt.Time, 500)
	s.requireShare("half, gateway, fresh", s.records().Between(step.StartedAt.Time, time.Now()).Of("gateway-fresh"), "v2", 0.5, 50)
}

// TestBackendsBehindTLS: what a BackendTLSPolicy says of the user's Service holds for the canary's too, or the gateway would
// call the new pods in the clear, and get no answer.
func TestBackendsBehindTLS(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(*scenario){"Promoted": promotedFromHalf, "Aborted": waysBack["Aborted"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, setting{behindTLS: true, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())}})
			s.ship("v2")
			s.requireHalf()
			ends(s)
		})
	}
}

// TestOtherKindsFromHalf: those that share connections go on and back; nothing in being superseded is their own.
func TestOtherKindsFromHalf(t *testing.T) {
	t.Parallel()
	ends := maps.Clone(waysBack)
	ends["Promoted"] = promotedFromHalf
	ways := map[string][]string{
		"IngressRoute": {"Aborted"}, "TraefikService": {"Promoted", "Aborted"},
		"GRPCRoute": {"Aborted", "Superseded"}, "Ingress": {"Aborted", "Superseded"},
		"TCPRoute": {"Promoted", "Aborted"}, "TLSRoute": {"Promoted", "Aborted"},
	}
	for kind, names := range ways {
		for i, name := range names {
			t.Run(kind+name, func(t *testing.T) {
				t.Parallel()
				s := begin(t, setting{kind: kind, tcpPort: 9001 + i, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())}})
				s.ship("v2")
				s.requireHalf()
				ends[name](s)
			})
		}
	}
}
