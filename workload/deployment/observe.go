package deployment

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"crossfade.io/crossfade/workload"
)

// Observe says what runs now.
func (Kind) Observe(o workload.Objects) workload.Pods {
	if o.Workload == nil {
		return workload.Pods{Template: workload.TemplateOther}
	}
	v := look(o)
	minReady := time.Duration(v.ownMinReady()) * time.Second
	out := workload.Pods{
		Exists:       true,
		Wanted:       v.replicas,
		Pending:      v.held,
		PausedByUser: v.pausedByUser,
		Borrowed:     v.borrowed,
		Original:     original(o),
		Template:     v.template,
		Stable:       v.stable.observe(o.Now, minReady),
		Canary:       v.canary.observe(o.Now, minReady),
		Seen:         v.observed,
		Alone:        v.alone(),
		Settled:      v.settled(),
		Bypassed:     v.bypassed(),
	}
	for _, r := range v.others() {
		out.Others += int32(len(existing(r.pods)))
	}
	return out
}

func (r *revision) observe(now time.Time, minReady time.Duration) workload.Revision {
	if r == nil {
		return workload.Revision{}
	}
	out := workload.Revision{
		UID: r.uid, Hash: r.hash(), Images: r.images(),
		Replicas: r.replicas,
		Existing: int32(len(existing(r.pods))),
		Failing:  r.failing(),
	}
	for _, pod := range r.pods {
		since, ready := readySince(pod)
		if !ready {
			continue
		}
		at := since.Add(minReady)
		switch {
		case minReady == 0 || !at.After(now):
			out.Ready++
		case out.ReadyAt.IsZero() || at.Before(out.ReadyAt):
			out.ReadyAt = at
		}
	}
	return out
}

func (r *revision) images() []string {
	containers, _ := child(r.obj.Object, "spec", "template", "spec")["containers"].([]any)
	var out []string
	for _, c := range containers {
		if container, ok := c.(map[string]any); ok {
			out = append(out, text(container, "image"))
		}
	}
	return out
}

func (v view) alone() bool {
	active := 0
	for _, r := range v.revisions {
		switch {
		case r.replicas > 0:
			active++
		case !r.seen:
			return false
		}
	}
	return active <= 1
}

// settled: nothing of this workload moves by itself. The rule for one active ReplicaSet is the native
// controller's: it brings it to the full size, held or not.
func (v view) settled() bool {
	if !v.observed {
		return false
	}
	var active []*revision
	for _, r := range v.revisions {
		there := existing(r.pods)
		if !r.seen || int32(len(there)) != r.replicas {
			return false
		}
		for _, pod := range there {
			if pod.DeletionTimestamp != nil {
				return false
			}
		}
		if r.replicas > 0 {
			active = append(active, r)
		}
	}
	switch len(active) {
	case 0:
		return v.replicas == 0
	case 1:
		return active[0].replicas == v.replicas
	default:
		return true
	}
}

// bypassed: a revision other than stable has been given pods, neither the gate nor a Release holds it, and it differs by
// more than the gate lets pass.
func (v view) bypassed() bool {
	if v.held || v.borrowed || v.stable == nil || v.template == workload.TemplateStable {
		return false
	}
	template := ownTemplate(v.obj)
	if sameTemplate(without(v.o.Ignored, template), without(v.o.Ignored, v.stable.template)) {
		return false
	}
	for _, r := range v.allBut(v.stable) {
		if r.replicas > 0 && sameTemplate(template, r.template) {
			return true
		}
	}
	return false
}

// existing leaves out pods that have ended: they run nothing, and only await their removal.
func existing(pods []*corev1.Pod) []*corev1.Pod {
	var out []*corev1.Pod
	for _, pod := range pods {
		if pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded {
			out = append(out, pod)
		}
	}
	return out
}

func readyNow(pods []*corev1.Pod) int {
	n := 0
	for _, pod := range pods {
		if _, ready := readySince(pod); ready {
			n++
		}
	}
	return n
}

// readySince says whether a pod is ready and stays, and since when.
func readySince(pod *corev1.Pod) (time.Time, bool) {
	if pod.DeletionTimestamp != nil {
		return time.Time{}, false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time, c.Status == corev1.ConditionTrue
		}
	}
	return time.Time{}, false
}
