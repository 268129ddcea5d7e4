package lens

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/intent"
)

// Objects are kept without what no decision depends on: that costs memory, and a change of it would wake
// a Release for nothing.

// SlimManagers leaves all managers of an object's fields only where somebody applies it server-side: then our name is to
// be taken off in the end. Elsewhere it leaves who wrote the template of a workload.
func SlimManagers(obj any) (any, error) {
	if o, ok := obj.(*unstructured.Unstructured); ok && !intent.Applied(o) {
		intent.KeepWriters(o, "template")
	}
	return obj, nil
}

// slimPod leaves of a pod whose it is and how it stands.
func slimPod(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	pod.ManagedFields, pod.Annotations, pod.Spec = nil, nil, corev1.PodSpec{}
	pod.Status = corev1.PodStatus{
		Phase: pod.Status.Phase, Conditions: telling(pod.Status.Conditions),
		InitContainerStatuses: standing(pod.Status.InitContainerStatuses), ContainerStatuses: standing(pod.Status.ContainerStatuses),
	}
	return pod, nil
}

// telling leaves whether a pod is ready, and why it has no node.
func telling(conditions []corev1.PodCondition) []corev1.PodCondition {
	var out []corev1.PodCondition
	for _, c := range conditions {
		if c.Type == corev1.PodReady || c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			c.LastProbeTime = metav1.Time{}
			out = append(out, c)
		}
	}
	return out
}

// standing leaves why a container waits and how it ended.
func standing(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var out []corev1.ContainerStatus
	for _, s := range statuses {
		if s.State.Waiting != nil {
			out = append(out, corev1.ContainerStatus{
				Name: s.Name, State: corev1.ContainerState{Waiting: s.State.Waiting},
				LastTerminationState: s.LastTerminationState, RestartCount: s.RestartCount,
			})
		}
	}
	return out
}

// slimRevision leaves out the counts of a ReplicaSet's pods that are counted by themselves.
func slimRevision(obj any) (any, error) {
	revision, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return obj, nil
	}
	revision.SetManagedFields(nil)
	if status, ok := revision.Object["status"].(map[string]any); ok {
		for _, count := range []string{"replicas", "readyReplicas", "fullyLabeledReplicas", "terminatingReplicas"} {
			delete(status, count)
		}
	}
	return revision, nil
}

// slimEndpoints leaves where requests to a Service go.
func slimEndpoints(obj any) (any, error) {
	if slice, ok := obj.(*discoveryv1.EndpointSlice); ok {
		slice.ManagedFields, slice.Annotations = nil, nil
	}
	return obj, nil
}

// Material says whether two versions of an object differ in more than their version.
func Material(before, after any) bool {
	switch then := before.(type) {
	case *corev1.Pod:
		now, ok := after.(*corev1.Pod)
		return !ok || (then.DeletionTimestamp == nil) != (now.DeletionTimestamp == nil) ||
			!equality.Semantic.DeepEqual(then.Labels, now.Labels) || !equality.Semantic.DeepEqual(then.Status, now.Status)
	case *discoveryv1.EndpointSlice:
		now, ok := after.(*discoveryv1.EndpointSlice)
		return !ok || !equality.Semantic.DeepEqual(then.Labels, now.Labels) || !equality.Semantic.DeepEqual(then.Endpoints, now.Endpoints)
	case *unstructured.Unstructured:
		now, ok := after.(*unstructured.Unstructured)
		return !ok || !equality.Semantic.DeepEqual(telltales(then), telltales(now))
	}
	return true
}

// telltales are an object's parts by which two versions of it are told apart: not its version, and of a
// spec that has generations only that.
func telltales(obj *unstructured.Unstructured) map[string]any {
	out := maps.Clone(obj.Object)
	if metadata, ok := out["metadata"].(map[string]any); ok {
		metadata = maps.Clone(metadata)
		delete(metadata, "resourceVersion")
		delete(metadata, "managedFields")
		out["metadata"] = metadata
	}
	if obj.GetGeneration() > 0 {
		delete(out, "spec")
	}
	return out
}
