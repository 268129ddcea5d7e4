package suite_test

import (
	"testing"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// byMesh are the ways in which a VirtualService names the app's pods: by the Service's host, or a subset of it.
var byMesh = map[string]setting{"Host": {kind: "VirtualService"}, "Subset": {kind: "VirtualService", subset: "all"}}

// ofService are routes of Gateway API whose parent is the Service, by kind.
var ofService = map[string]setting{"HTTPRoute": {kind: "HTTPRoute", meshed: true}, "GRPCRoute": {kind: "GRPCRoute", meshed: true}}

// TestIstioPromoteBySteps shares calls by a VirtualService, which callers without a proxy follow by themselves.
func TestIstioPromoteBySteps(t *testing.T) { promoteInMesh(t, byMesh) }

// TestMeshRoutesPromoteBySteps does so by routes whose parent is the Service. It is for soak.
func TestMeshRoutesPromoteBySteps(t *testing.T) { promoteInMesh(t, ofService) }

func promoteInMesh(t *testing.T, settings map[string]setting) {
	for name, with := range settings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with.gateway = 80
			promoteByQuarters(t, with, "insider")
		})
	}
}

func TestIstioGoesBack(t *testing.T) { fromHalfInMesh(t, byMesh, waysBack) }

func TestIstioMeshRoutes(t *testing.T) {
	fromHalfInMesh(t, ofService, map[string]func(*scenario){"Promoted": promotedFromHalf, "Aborted": waysBack["Aborted"]})
}

func fromHalfInMesh(t *testing.T, settings map[string]setting, ways map[string]func(*scenario)) {
	t.Parallel()
	for way, with := range settings {
		for name, ends := range ways {
			t.Run(way+name, func(t *testing.T) {
				t.Parallel()
				with.steps = []v1alpha1.Step{world.Weighted("half", 50, approval())}
				s := begin(t, with)
				s.ship("v2")
				s.requireHalf()
				ends(s)
			})
		}
	}
}

// TestIstioBesideGateways releases through an HTTPRoute, an Ingress and a VirtualService at once: the share is in effect on
// all of them, or not yet.
func TestIstioBesideGateways(t *testing.T) {
	for name, ends := range map[string]func(*scenario){"Promoted": promotedFromHalf, "Aborted": waysBack["Aborted"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := world.App{Namespace: nameOf(t), Host: hostOf(t)}
			s := begin(t, setting{
				beside: []string{"Ingress", "VirtualService"}, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())},
				extra: []load.Target{{Name: "beside", Host: app.BesideHost(), Rate: 30}, {Name: "mesh", URL: app.MeshURL(), Rate: 30}},
			})
			s.ship("v2")
			step := s.awaitStep(1, "half")
			s.awaitRequests(step.StartedAt.Time, 2000)
			sent := s.records().Between(step.StartedAt.Time, time.Now())
			s.requireShare("half, HTTPRoute", gatewayOnly(sent), "v2", 0.5, 200)
			s.requireShare("half, Ingress", sent.Of("beside"), "v2", 0.5, 200)
			s.requireShare("half, VirtualService", sent.Of("mesh"), "v2", 0.5, 200)
			ends(s)
		})
	}
}
