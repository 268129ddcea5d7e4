package suite_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	t.Parallel()
	for name, with := range settings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with.gateway, with.cpu = 80, "50m"
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

// TestIstioCallersByLabel: callers with a label get the canary, and all others what the weight gives them.
func TestIstioCallersByLabel(t *testing.T) {
	t.Parallel()
	team := []v1alpha1.Match{{SourceLabels: map[string]v1alpha1.LabelValue{"team": "insiders"}}}
	s := begin(t, setting{kind: "VirtualService", steps: []v1alpha1.Step{
		{Name: "insiders", Replicas: ptr.To(intstr.FromInt32(1)), Match: team, Hold: approval()},
		{Name: "half", Weight: ptr.To(intstr.FromInt32(50)), Match: team, Hold: approval()},
	}})
	target := load.Target{Name: "labelled", URL: s.app.MeshURL(), Rate: 30, Versions: []string{"v1", "v2"}}
	labelled, err := shared.StartCaller(map[string]string{"team": "insiders", "app": "web"}, s.node, t.TempDir(), target)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = labelled.Stop() })
	s.ship("v2")
	for _, want := range []struct {
		step   string
		others float64
	}{{"insiders", 0}, {"half", 0.5}} {
		step := s.awaitStep(1, want.step)
		s.awaitRequests(step.StartedAt.Time, 1000)
		until := time.Now()
		records, err := labelled.Records()
		require.NoError(t, err)
		s.requireShare(want.step+", callers with the label", records.Between(step.StartedAt.Time, until), "v2", 1, 100)
		s.requireShare(want.step+", others", s.records().Between(step.StartedAt.Time, until).Of("gateway-fresh"), "v2", want.others, 100)
		s.approve(1, want.step)
	}
	s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.requireNoneFailed()
	_, err = labelled.Stop()
	require.NoError(t, err)
	records, err := labelled.Records()
	require.NoError(t, err)
	require.Empty(t, records.Failed(), "%d of %d calls failed: %v", len(records.Failed()), len(records), records.Failed().Faults())
	s.logf("callers with the label: %d calls", len(records))
	s.requireLikeTwin(false, ships("v2"))
}

// TestIstioBesideGateways releases through an HTTPRoute, an Ingress and a VirtualService at once: the share is in effect on
// all of them, or not yet.
func TestIstioBesideGateways(t *testing.T) {
	t.Parallel()
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

// TestIstioDelegate releases by a VirtualService to which one in another namespace delegates, as where a platform team keeps
// the hosts. That one is never written, and a match, which its rules might be at odds with, is refused.
func TestIstioDelegate(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(*scenario){"Promoted": promotedFromHalf, "Aborted": waysBack["Aborted"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := client.ObjectKey{Namespace: nameOf(t) + "-edge", Name: nameOf(t)}
			newScenario(t, world.App{}).createNamespace(root.Namespace)
			s := begin(t, setting{
				kind: "VirtualService", write: delegates(root.Namespace), steps: []v1alpha1.Step{world.Weighted("half", 50, approval())},
				// The default is long for a control plane that may be busy; here it has little to do, and each stage waits for it.
				policy: func(r *v1alpha1.Rollout) { r.Spec.Timing.Settle = world.Seconds(5) },
			})
			before := s.virtualService(root)
			s.ship("v2")
			s.requireHalf()
			ends(s)
			require.Equal(t, before, s.virtualService(root), "the one that delegates")
			if name == "Promoted" {
				s.requireMatchRefused("it has no hosts, so that others delegate to it")
			}
		})
	}
}

// delegates is a tool that writes each VirtualService without hosts, and one in this namespace that has them and delegates to it.
func delegates(edge string) tool {
	return func(ctx context.Context, manifest *unstructured.Unstructured, dry bool) (*unstructured.Unstructured, error) {
		if manifest.GetKind() != "VirtualService" {
			return gitOps(ctx, manifest, dry)
		}
		name, namespace := manifest.GetName(), manifest.GetNamespace()
		root := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
			"hosts": []any{name + "." + namespace + ".svc.cluster.local"},
			"http": []any{map[string]any{
				"match":    []any{map[string]any{"uri": map[string]any{"prefix": "/"}}},
				"delegate": map[string]any{"name": name, "namespace": namespace},
			}},
		}}}
		root.SetGroupVersionKind(manifest.GroupVersionKind())
		root.SetNamespace(edge)
		root.SetName(namespace)
		if _, err := gitOps(ctx, root, dry); err != nil {
			return nil, err
		}
		delegate := manifest.DeepCopy()
		unstructured.RemoveNestedField(delegate.Object, "spec", "hosts")
		return gitOps(ctx, delegate, dry)
	}
}

// virtualService is all that the API server has of one.
func (s *scenario) virtualService(key client.ObjectKey) *unstructured.Unstructured {
	s.t.Helper()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(s.app.Route().GroupVersionKind())
	require.NoError(s.t, shared.Client.Get(s.ctx, key, live))
	return live
}

// requireMatchRefused gives the Rollout's step a match, and requires that the Rollout says why its route cannot have one.
func (s *scenario) requireMatchRefused(says string) {
	s.t.Helper()
	s.patchSpec(s.rollout(), `{"strategy": {"steps": [{"name": "half", "weight": 50, "match": [{"headers": [{"name": "x-canary", "exact": "yes"}]}]}]}}`)
	s.eventually(soon, "Rollout whose match is refused", func() (string, bool) {
		conditions := s.rollout().Status.Conditions
		stalled := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
		return describe(conditions), stalled != nil && stalled.Status == metav1.ConditionTrue &&
			stalled.Reason == v1alpha1.ReasonRouteUnsupported && strings.Contains(stalled.Message, says)
	})
}
