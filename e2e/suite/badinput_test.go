package suite_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

func TestRefusedRollouts(t *testing.T) {
	t.Parallel()
	s := bare(t)
	set := func(value any, path ...string) func(map[string]any) {
		return func(obj map[string]any) { require.NoError(t, unstructured.SetNestedField(obj, value, path...)) }
	}
	steps := func(steps ...any) func(map[string]any) {
		return set(append([]any{}, steps...), "spec", "strategy", "steps")
	}
	half := map[string]any{"name": "half", "weight": int64(50)}
	for name, bad := range map[string]struct {
		change func(map[string]any)
		says   []string
	}{
		"unknown field":               {set("x", "spec", "strategie"), []string{`unknown field "spec.strategie"`}},
		"unknown field of a step":     {steps(map[string]any{"name": "half", "wait": int64(50)}), []string{`unknown field "spec.strategy.steps[0].wait"`}},
		"weight over 100":             {steps(map[string]any{"name": "half", "weight": int64(101)}), []string{"spec.strategy.steps[0].weight", "0 to 100"}},
		"weight over 100 as text":     {steps(map[string]any{"name": "half", "weight": "100.5%"}), []string{"spec.strategy.steps[0].weight", "0 to 100"}},
		"negative weight":             {steps(map[string]any{"name": "half", "weight": int64(-1)}), []string{"spec.strategy.steps[0].weight", "0 to 100"}},
		"step named twice":            {steps(half, half), []string{"spec.strategy.steps[1]", "Duplicate"}},
		"match step without replicas": {steps(map[string]any{"name": "insiders", "match": []any{map[string]any{"method": "GET"}}}), []string{"spec.strategy.steps[0]", "add replicas"}},
		"no step":                     {steps(), []string{"spec.strategy.steps", "at least 1"}},
		"a kind of route that comes later": {
			set([]any{map[string]any{"group": "networking.istio.io", "kind": "Gateway", "name": "app"}}, "spec", "routeRefs"),
			[]string{"spec.routeRefs[0]", "HTTPRoute, GRPCRoute, TCPRoute and TLSRoute", "VirtualService"},
		},
		"a field that comes later": {set("Shrink", "spec", "strategy", "stableScale"), []string{"spec.strategy.stableScale", "not yet supported"}},
	} {
		t.Run(name, func(t *testing.T) {
			fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s.app.Rollout(world.Weighted("half", 50, nil)))
			require.NoError(t, err)
			bad.change(fields)
			err = shared.Client.Create(s.ctx, &unstructured.Unstructured{Object: fields}, client.FieldValidation(metav1.FieldValidationStrict))
			require.True(t, apierrors.IsInvalid(err) || apierrors.IsBadRequest(err), "refused with: %v", err)
			for _, words := range bad.says {
				require.ErrorContains(t, err, words)
			}
			t.Log(err)
		})
	}
}

// bare sets an app up without Rollout and load.
func bare(t *testing.T) *scenario {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("Test", "", "/", "-", "_", "-").Replace(t.Name()))
	s := newScenario(t, world.App{Namespace: name, Host: name + ".test", Version: "v1", Replicas: 1})
	t.Cleanup(s.explain)
	s.createNamespace(name)
	s.apply(s.app)
	s.awaitComplete(s.app)
	return s
}

func TestRolloutsThatCannotBeArmed(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]struct {
		reason string
		says   string
		// before changes the app, rollout the Rollout.
		before  func(*scenario)
		rollout func(*v1alpha1.Rollout)
	}{
		"Recreate": {
			reason: v1alpha1.ReasonWorkloadUnsupported, says: "Recreate",
			before: func(s *scenario) {
				recreate := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`))
				require.NoError(s.t, shared.Client.Patch(s.ctx, s.deployment(s.app.Namespace), recreate))
			},
		},
		"NoHistory": {
			reason: v1alpha1.ReasonWorkloadUnsupported, says: "revisionHistoryLimit 0",
			before: func(s *scenario) { s.patchSpec(s.deployment(s.app.Namespace), `{"revisionHistoryLimit": 0}`) },
		},
		"ServiceOfNoPods": {
			reason: v1alpha1.ReasonServiceUnsupported, says: "does not select the workload's pods",
			before: func(s *scenario) { s.change(s.app.Service(), map[string]any{"app": "none"}, "spec", "selector") },
		},
		"ServiceOfOtherPods": {
			reason: v1alpha1.ReasonServiceUnsupported, says: "neighbour",
			before: (*scenario).addNeighbour,
		},
		"ForeignCanaryService": {
			reason: v1alpha1.ReasonServiceUnsupported, says: "app-canary",
			before: func(s *scenario) {
				foreign := s.app.Service()
				foreign.SetName("app-canary")
				s.create(foreign)
			},
		},
		"RouteToAnotherService": {
			reason: v1alpha1.ReasonRouteUnsupported, says: "app",
			before: func(s *scenario) {
				other := []any{map[string]any{"backendRefs": []any{map[string]any{"name": "other", "port": int64(80)}}}}
				s.change(s.app.Route(), other, "spec", "rules")
			},
		},
		"NoRoute": {
			reason: v1alpha1.ReasonRouteNotFound, says: "HTTPRoute none",
			rollout: func(r *v1alpha1.Rollout) { r.Spec.RouteRefs[0].Name = "none" },
		},
		"NoRuleOfTheName": {
			reason: v1alpha1.ReasonRouteUnsupported, says: "no rule is called api; give a rule that name, or take it out of rules in spec.routeRefs",
			rollout: func(r *v1alpha1.Rollout) { r.Spec.RouteRefs[0].Rules = []string{"api"} },
		},
		"NoService": {
			reason: v1alpha1.ReasonServiceNotFound, says: "Service none",
			rollout: func(r *v1alpha1.Rollout) { r.Spec.ServiceRefs[0].Name = "none" },
		},
		"NoWorkload": {
			reason: v1alpha1.ReasonWorkloadNotFound, says: "Deployment none",
			rollout: func(r *v1alpha1.Rollout) { r.Spec.WorkloadRef.Name = "none" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bare(t)
			if bad.before != nil {
				bad.before(s)
			}
			rollout := s.app.Rollout(world.Weighted("half", 50, nil))
			if bad.rollout != nil {
				bad.rollout(rollout)
			}
			s.requireStalled(rollout, bad.reason, bad.says)
			require.NotContains(t, s.deployment(s.app.Namespace).Labels, v1alpha1.LabelRollout, "arming label")
		})
	}
}

func TestTwoRolloutsForOneWorkload(t *testing.T) {
	t.Parallel()
	s := bare(t)
	s.create(s.app.Rollout(world.Weighted("half", 50, nil)))
	s.awaitArmed()
	second := s.app.Rollout(world.Weighted("half", 50, nil))
	second.Name = "second"
	s.requireStalled(second, v1alpha1.ReasonWorkloadTaken, "Rollout app already releases Deployment app")
	s.awaitArmed()
}

// requireStalled creates a Rollout and requires that it says why it cannot be armed, and that nothing was touched.
func (s *scenario) requireStalled(rollout *v1alpha1.Rollout, reason, says string) {
	s.t.Helper()
	before := s.stateOf(s.app.Namespace, "")
	s.create(rollout)
	s.eventually(soon, "Rollout stalled with reason "+reason, func() (string, bool) {
		require.NoError(s.t, shared.Client.Get(s.ctx, client.ObjectKeyFromObject(rollout), rollout))
		stalled := meta.FindStatusCondition(rollout.Status.Conditions, v1alpha1.ConditionStalled)
		return describe(rollout.Status.Conditions), stalled != nil && stalled.Status == metav1.ConditionTrue &&
			stalled.Reason == reason && strings.Contains(stalled.Message, says)
	})
	require.False(s.t, meta.IsStatusConditionTrue(rollout.Status.Conditions, v1alpha1.ConditionArmed), "armed")
	s.logf("%s: %s", reason, meta.FindStatusCondition(rollout.Status.Conditions, v1alpha1.ConditionStalled).Message)
	require.Equal(s.t, before, s.stateOf(s.app.Namespace, ""), "something was touched")
}

// change applies a manifest with one field set to another value.
func (s *scenario) change(manifest *unstructured.Unstructured, value any, path ...string) {
	s.t.Helper()
	require.NoError(s.t, unstructured.SetNestedField(manifest.Object, value, path...))
	require.NoError(s.t, shared.Apply(s.ctx, manifest))
}

// addNeighbour adds a Deployment whose pods the app's Service selects too.
func (s *scenario) addNeighbour() {
	s.t.Helper()
	neighbour := s.app.Deployment()
	neighbour.SetName("neighbour")
	labels := map[string]any{"app": "app", "part": "neighbour"}
	require.NoError(s.t, unstructured.SetNestedMap(neighbour.Object, labels, "spec", "selector", "matchLabels"))
	require.NoError(s.t, unstructured.SetNestedMap(neighbour.Object, labels, "spec", "template", "metadata", "labels"))
	require.NoError(s.t, shared.Apply(s.ctx, neighbour))
	s.eventually(soon, "a pod of the neighbour", func() (string, bool) {
		pods := s.podsOf("v1")
		return toJSON(pods), len(pods) == 2
	})
}
