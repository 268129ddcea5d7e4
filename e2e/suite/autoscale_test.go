package suite_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/metricsadapter"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestAutoscaledAtHalf: HorizontalPodAutoscalers go on through releases, one by a metric from outside and beside it one
// by what the pods use. Both are on at once, each over a workload of its own: Kubernetes refuses two over one.
func TestAutoscaledAtHalf(t *testing.T) {
	t.Parallel()
	metrics, err := metricsadapter.Install(t.Context(), shared)
	if metrics != nil {
		t.Cleanup(func() { require.NoError(t, metrics.Remove(context.WithoutCancel(t.Context()))) })
	}
	require.NoError(t, err)
	t.Run("ByExternalMetric", func(t *testing.T) { autoscaledByExternalMetric(t, metrics) })
	t.Run("ByCPU", autoscaledByCPU)
}

func autoscaledByExternalMetric(t *testing.T, metrics *metricsadapter.Installation) {
	t.Parallel()
	s := begin(t, setting{replicas: 4, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())}})
	const metric, perPod = "queue", 10
	metrics.External.Set(s.app.Namespace, metric, 4*perPod)
	asWritten := s.autoscale(2, 12, autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: metric},
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewQuantity(perPod, resource.DecimalSI)},
	}})
	scaling := s.followScaling()
	s.ship("v2")
	s.restAtHalf(1)
	for _, size := range []struct{ replicas, canary int }{{9, 5}, {3, 2}} {
		metrics.External.Set(s.app.Namespace, metric, int64(size.replicas)*perPod)
		s.requireHalfAt(size.replicas, size.canary)
	}
	s.approve(1, "half")
	s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "half")
	s.requireNoneFailed()
	scaling.requireWanted(s, 4, 9, 3)
	s.requireAsWritten(asWritten)
	s.requireLikeTwin(false, resized(9), resized(3), ships("v2"))
}

// autoscaledByCPU has an autoscaler to which its least pods are enough, and whose target is then lowered while a step
// rests. What the release adds, canary pods, lowers what each pod uses, but not what all do. A busy machine measures
// unevenly, so what is needed is far from where the autoscaler would do otherwise, and it never scales down.
func autoscaledByCPU(t *testing.T) {
	t.Parallel()
	const request, least, most = 100, 4, 6 // request in millicores
	s := begin(t, setting{
		gateway: 45, replicas: least, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())},
		flags: []string{"--work=2ms"}, cpu: fmt.Sprintf("%dm", request),
	})
	used := s.awaitUse(least)
	// neededFor is the target at which so many pods are just enough.
	neededFor := func(pods int64) *int32 {
		percent := int32(100 * used / pods / request)
		s.logf("the target at which %d pods are enough is %d %%", pods, percent)
		return &percent
	}
	asWritten := s.autoscale(least, most, byCPU(neededFor(least-1)))
	scaling := s.followScaling()
	s.ship("v2")
	s.restAtHalf(1)
	s.awaitUse(least + least/2)
	scaling.requireWanted(s, least)

	before := asWritten.DeepCopy()
	asWritten.Spec.Metrics = []autoscalingv2.MetricSpec{byCPU(neededFor(most + 2))}
	asWritten.Spec.Behavior.ScaleDown.SelectPolicy = ptr.To(autoscalingv2.DisabledPolicySelect)
	require.NoError(t, shared.Client.Patch(s.ctx, asWritten, client.MergeFrom(before)))
	s.requireHalfAt(most, most/2)
	s.awaitUse(most + most/2)
	s.approve(1, "half")
	s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "half")
	scaling.requireWanted(s, least, most)
	s.requireAsWritten(asWritten)
	require.NoError(t, shared.Client.Delete(s.ctx, asWritten)) // before the load ends, which it would follow
	s.requireNoneFailed()
	s.requireLikeTwin(false, resized(most), ships("v2"))
}

func byCPU(utilization *int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: utilization},
	}}
}

// awaitUse waits until each of so many pods has been measured anew and bears a fair part of the load, and returns the
// processor time that all of them use, in millicores.
func (s *scenario) awaitUse(pods int) (used int64) {
	s.t.Helper()
	since, each := time.Now(), ""
	s.eventually(aWhile, fmt.Sprintf("use of %d pods", pods), func() (string, bool) {
		var measured metricsv1beta1.PodMetricsList
		require.NoError(s.t, shared.Client.List(s.ctx, &measured, client.InNamespace(s.app.Namespace)))
		all, least := len(measured.Items) == pods && pods == len(s.podsOf("v1"))+len(s.podsOf("v2")), int64(math.MaxInt64)
		used, each = 0, ""
		for _, pod := range measured.Items {
			own := pod.Containers[0].Usage.Cpu().MilliValue()
			used, least, each = used+own, min(least, own), fmt.Sprintf("%s %d", each, own)
			all = all && pod.Timestamp.Add(-pod.Window.Duration).After(since)
		}
		return each, all && least*int64(pods)*3 >= used
	})
	s.logf("%d pods use %d millicores:%s", pods, used, each)
	return used
}

func TestTwoAutoscalersOfOneWorkload(t *testing.T) {
	t.Parallel()
	s := bare(t)
	for _, name := range []string{"one", "other"} {
		s.create(&autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.app.Namespace, Name: name},
			Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: theApp, MaxReplicas: 2},
		})
	}
	for _, name := range []string{"one", "other"} {
		s.eventually(soon, "refusal of "+name, func() (string, bool) {
			live := &autoscalingv2.HorizontalPodAutoscaler{}
			require.NoError(t, shared.Client.Get(s.ctx, client.ObjectKey{Namespace: s.app.Namespace, Name: name}, live))
			active := conditionOf(live, autoscalingv2.ScalingActive)
			return active.Reason + " " + active.Message, active.Status == corev1.ConditionFalse && active.Reason == "AmbiguousSelector"
		})
	}
}
