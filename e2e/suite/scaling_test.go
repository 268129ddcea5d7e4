package suite_test

import (
	"fmt"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/e2e/suite/world"
)

// theApp is what an autoscaler scales.
var theApp = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: world.AppName}

// autoscale creates an autoscaler of the app that scales at once, up and down, between least and most pods.
func (s *scenario) autoscale(least, most int32, metric autoscalingv2.MetricSpec) *autoscalingv2.HorizontalPodAutoscaler {
	s.t.Helper()
	autoscaler := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.app.Namespace, Name: world.AppName},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: theApp, MinReplicas: &least, MaxReplicas: most,
			Metrics: []autoscalingv2.MetricSpec{metric},
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{
				ScaleUp: &autoscalingv2.HPAScalingRules{Policies: []autoscalingv2.HPAScalingPolicy{
					{Type: autoscalingv2.PodsScalingPolicy, Value: most, PeriodSeconds: 1},
				}},
				ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](0)},
			},
		},
	}
	s.create(autoscaler)
	s.eventually(soon, "autoscaler at work", func() (string, bool) {
		require.NoError(s.t, shared.Client.Get(s.ctx, s.key(), autoscaler))
		return toJSON(autoscaler.Status), conditionOf(autoscaler, autoscalingv2.ScalingActive).Status == corev1.ConditionTrue
	})
	return autoscaler
}

// requireAsWritten requires that nobody but its user has changed the autoscaler.
func (s *scenario) requireAsWritten(written *autoscalingv2.HorizontalPodAutoscaler) {
	s.t.Helper()
	live := &autoscalingv2.HorizontalPodAutoscaler{}
	require.NoError(s.t, shared.Client.Get(s.ctx, s.key(), live))
	require.Equal(s.t, written.Spec, live.Spec)
	require.Equal(s.t, written.Labels, live.Labels)
	require.Equal(s.t, written.Annotations, live.Annotations)
}

// scaling is every state of the autoscaler of a namespace.
type scaling struct {
	mu     sync.Mutex
	states []scalingState
}

// scalingState is one state of an autoscaler, and whether the cluster had measured what anything uses just then.
type scalingState struct {
	autoscalingv2.HorizontalPodAutoscaler
	measured bool
}

func (s *scenario) followScaling() *scaling {
	all := &scaling{}
	watchAll(s.t, &autoscalingv2.HorizontalPodAutoscalerList{}, s.app.Namespace, func(obj runtime.Object) {
		if state, ok := obj.(*autoscalingv2.HorizontalPodAutoscaler); ok {
			var nodes metricsv1beta1.NodeMetricsList
			err := shared.Client.List(s.ctx, &nodes)
			all.mu.Lock()
			all.states = append(all.states, scalingState{*state, err == nil && len(nodes.Items) > 0})
			all.mu.Unlock()
		}
	})
	return all
}

// requireWanted requires that the autoscaler was at work all the time, and wanted these replicas one after the other
// and no others. It prints what it saw and wanted. An autoscaler does nothing while the cluster has no measurements of
// any node: metrics-server drops all that it had when a busy kubelet answers it late.
func (all *scaling) requireWanted(s *scenario, replicas ...int32) {
	s.t.Helper()
	all.mu.Lock()
	defer all.mu.Unlock()
	var seen []int32
	told := ""
	for _, state := range all.states {
		for _, kind := range []autoscalingv2.HorizontalPodAutoscalerConditionType{autoscalingv2.ScalingActive, autoscalingv2.AbleToScale} {
			condition := conditionOf(&state.HorizontalPodAutoscaler, kind)
			if condition.Reason == "FailedGetResourceMetric" && !state.measured {
				s.logf("autoscaler without measurements: %s", condition.Message)
				continue
			}
			require.Equal(s.t, corev1.ConditionTrue, condition.Status, "%s: %s %s", kind, condition.Reason, condition.Message)
		}
		if text := describeScaling(state.Status); text != told {
			s.logf("autoscaler: %s", text)
			told = text
		}
		if desired := state.Status.DesiredReplicas; len(seen) == 0 || seen[len(seen)-1] != desired {
			seen = append(seen, desired)
		}
	}
	require.Equal(s.t, replicas, seen, "replicas that the autoscaler wanted")
}

func describeScaling(status autoscalingv2.HorizontalPodAutoscalerStatus) string {
	var seen []string
	for _, metric := range status.CurrentMetrics {
		switch {
		case metric.External != nil:
			seen = append(seen, fmt.Sprintf("%s %s per pod", metric.External.Metric.Name, metric.External.Current.AverageValue))
		case metric.Resource != nil:
			seen = append(seen, fmt.Sprintf("%s %d %%", metric.Resource.Name, ptr.Deref(metric.Resource.Current.AverageUtilization, 0)))
		}
	}
	return fmt.Sprintf("%d pods, wants %d, %s", status.CurrentReplicas, status.DesiredReplicas, strings.Join(seen, ", "))
}

func conditionOf(autoscaler *autoscalingv2.HorizontalPodAutoscaler, kind autoscalingv2.HorizontalPodAutoscalerConditionType) autoscalingv2.HorizontalPodAutoscalerCondition {
	for _, condition := range autoscaler.Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return autoscalingv2.HorizontalPodAutoscalerCondition{}
}
