package deployment

import (
	"fmt"
	"sort"

	corev1 "k8s.io/api/core/v1"

	"crossfade.io/crossfade/workload"
)

// crashesUntilHopeless is how often a container may have been restarted before its CrashLoopBackOff
// counts as beyond healing. Two restarts are what a slow dependency costs a healthy application; with
// the kubelet's back-off the third comes after about a minute.
const crashesUntilHopeless = 3

// failures maps the kubelet's reasons for a waiting container to whether they are beyond healing by
// waiting: a name that is wrong stays wrong, whereas a registry, a quota or a ConfigMap may come back.
// CrashLoopBackOff is judged by restarts. Other reasons, such as ContainerCreating, are no failures.
var failures = map[string]bool{
	"ImagePullBackOff":           false,
	"ErrImagePull":               false,
	"ImageInspectError":          false,
	"RegistryUnavailable":        false,
	"SignatureValidationFailed":  false,
	"ErrImageNeverPull":          true,
	"InvalidImageName":           true,
	"CreateContainerConfigError": false,
	"CreateContainerError":       false,
	"RunContainerError":          false,
	"PreStartHookError":          false,
	"PostStartHookError":         false,
	"CrashLoopBackOff":           false,
}

// failing names what keeps pods of r from being ready, hopeless ones first, then by name.
func (r *revision) failing() []workload.Failure {
	var out []workload.Failure
	if f, ok := r.replicaFailure(); ok {
		out = append(out, f)
	}
	for _, pod := range r.pods {
		if _, ready := readySince(pod); ready || pod.DeletionTimestamp != nil {
			continue
		}
		if f, ok := podFailure(pod); ok {
			out = append(out, f)
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].Hopeless != out[j].Hopeless {
			return out[i].Hopeless
		}
		return out[i].Pod < out[j].Pod
	})
	return out
}

// replicaFailure is why pods cannot be made at all, such as a quota or an admission webhook.
func (r *revision) replicaFailure() (workload.Failure, bool) {
	conditions, _ := child(r.obj.Object, "status")["conditions"].([]any)
	for _, c := range conditions {
		condition, ok := c.(map[string]any)
		if !ok || text(condition, "type") != "ReplicaFailure" || text(condition, "status") != "True" {
			continue
		}
		return workload.Failure{Reason: text(condition, "reason"), Message: text(condition, "message")}, true
	}
	return workload.Failure{}, false
}

// podFailure returns the worst reason of a pod, containers before scheduling.
func podFailure(pod *corev1.Pod) (workload.Failure, bool) {
	var worst workload.Failure
	found := false
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			f, ok := containerFailure(pod.Name, &statuses[i])
			if ok && (!found || f.Hopeless && !worst.Hopeless) {
				worst, found = f, true
			}
		}
	}
	if found {
		return worst, true
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return workload.Failure{Pod: pod.Name, Reason: c.Reason, Message: c.Message}, true
		}
	}
	return workload.Failure{}, false
}

func containerFailure(pod string, status *corev1.ContainerStatus) (workload.Failure, bool) {
	waiting := status.State.Waiting
	if waiting == nil {
		return workload.Failure{}, false
	}
	hopeless, known := failures[waiting.Reason]
	if !known {
		return workload.Failure{}, false
	}
	f := workload.Failure{Pod: pod, Reason: waiting.Reason, Message: waiting.Message, Hopeless: hopeless}
	if waiting.Reason == "CrashLoopBackOff" {
		f.Hopeless = status.RestartCount >= crashesUntilHopeless
		if last := status.LastTerminationState.Terminated; last != nil {
			f.Message = fmt.Sprintf("container %s ended with code %d (%s), %d restarts", status.Name, last.ExitCode, last.Reason, status.RestartCount)
		}
	}
	return f, true
}
