package deployment

import (
	"sort"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/workload"
)

// The native controller's own notes on a ReplicaSet.
const (
	annotationDesired = "deployment.kubernetes.io/desired-replicas"
	annotationMax     = "deployment.kubernetes.io/max-replicas"
)

// view is what was read of a workload, told apart. All of it is derived; nothing of it is written to.
type view struct {
	o   workload.Objects
	obj *unstructured.Unstructured
	// replicas is how many pods the user wants.
	replicas int32
	// paused and marked are facts of the spec; held means both, pausedByUser the first without the second.
	paused, marked, held, pausedByUser bool
	// inflated: our minReadySeconds is in; borrowed: that, or our annotation of this Release.
	inflated, borrowed bool
	// observed: the native controller has seen this spec.
	observed bool
	// revisions are all ReplicaSets, oldest first; stable and canary point into it, and may be nil.
	revisions      []*revision
	stable, canary *revision
	template       workload.TemplateIs
	// leavesRevisions and serving are workload.Want's.
	leavesRevisions, serving bool
}

// revision is one ReplicaSet.
type revision struct {
	obj      *unstructured.Unstructured
	uid      types.UID
	replicas int32
	minReady int32
	// available is from its status; seen says that its status is of this spec.
	available int32
	seen      bool
	template  map[string]any
	pods      []*corev1.Pod
}

func look(o workload.Objects) view {
	obj := o.Workload
	v := view{
		o: o, obj: obj,
		replicas: count(obj.Object, 1, "spec", "replicas"),
		paused:   truth(obj.Object, "spec", "paused"),
		marked:   marked(obj),
		inflated: inflated(obj),
		observed: settledStatus(obj),
	}
	v.held, v.pausedByUser = v.paused && v.marked, v.paused && !v.marked
	v.borrowed = v.inflated
	if s := readSaved(obj); s != nil && s.Release != "" && s.Release == o.Release {
		v.borrowed = true
	}
	v.revisions = readRevisions(o)
	template := ownTemplate(obj)
	v.stable = v.findStable()
	v.canary = v.findCanary(template)
	switch {
	case v.stable != nil && sameTemplate(template, v.stable.template):
		v.template = workload.TemplateStable
	case v.canary != nil && sameTemplate(template, v.canary.template):
		v.template = workload.TemplateCanary
	default:
		v.template = workload.TemplateOther
	}
	return v
}

func settledStatus(obj *unstructured.Unstructured) bool {
	observed, _ := number(obj.Object, "status", "observedGeneration")
	return observed >= obj.GetGeneration()
}

func readRevisions(o workload.Objects) []*revision {
	byUID := map[types.UID]*revision{}
	var out []*revision
	for _, obj := range o.Revisions {
		if obj == nil {
			continue
		}
		r := &revision{
			obj: obj, uid: obj.GetUID(),
			replicas:  count(obj.Object, 1, "spec", "replicas"),
			minReady:  count(obj.Object, 0, "spec", "minReadySeconds"),
			available: count(obj.Object, 0, "status", "availableReplicas"),
			seen:      settledStatus(obj),
			template:  revisionTemplate(obj),
		}
		byUID[r.uid] = r
		out = append(out, r)
	}
	for _, pod := range o.Pods {
		if pod == nil {
			continue
		}
		if owner := metav1.GetControllerOfNoCopy(pod); owner != nil && byUID[owner.UID] != nil {
			r := byUID[owner.UID]
			r.pods = append(r.pods, pod)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return older(out[i].obj, out[j].obj) })
	return out
}

// older orders ReplicaSets as the native controller does.
func older(a, b *unstructured.Unstructured) bool {
	ta, tb := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if ta.Equal(&tb) {
		return a.GetName() < b.GetName()
	}
	return ta.Before(&tb)
}

// findStable returns the ReplicaSet that the Release calls stable. Before it has looked, that is the
// only active one; of several, the one with most ready pods, leaving out that of a template which rolls
// out un-held; of none, the only one there is.
func (v view) findStable() *revision {
	if v.o.Stable != "" {
		return v.byUID(v.o.Stable)
	}
	var active []*revision
	for _, r := range v.revisions {
		if r.replicas > 0 {
			active = append(active, r)
		}
	}
	switch {
	case len(active) == 1:
		return active[0]
	case len(active) == 0 && len(v.revisions) == 1:
		return v.revisions[0]
	}
	template := ownTemplate(v.obj)
	var best *revision
	for _, r := range active {
		if sameTemplate(template, r.template) && !v.marked {
			continue
		}
		if best == nil || readyNow(r.pods) > readyNow(best.pods) {
			best = r
		}
	}
	return best
}

// findCanary returns the ReplicaSet that the Release calls canary; before it has one, that of the
// workload's template. The oldest of equals is the native controller's choice too.
func (v view) findCanary(template map[string]any) *revision {
	if v.o.Canary != "" {
		return v.byUID(v.o.Canary)
	}
	if v.stable != nil && sameTemplate(template, v.stable.template) {
		return nil
	}
	for _, r := range v.revisions {
		if r != v.stable && sameTemplate(template, r.template) {
			return r
		}
	}
	return nil
}

func (v view) byUID(uid types.UID) *revision {
	for _, r := range v.revisions {
		if r.uid == uid {
			return r
		}
	}
	return nil
}

// others are the revisions that the Release does not follow.
func (v view) others() []*revision {
	var out []*revision
	for _, r := range v.revisions {
		if r != v.stable && r != v.canary {
			out = append(out, r)
		}
	}
	return out
}

// allBut are all revisions but one.
func (v view) allBut(one *revision) []*revision {
	var out []*revision
	for _, r := range v.revisions {
		if r != one {
			out = append(out, r)
		}
	}
	return out
}

// gone says that none of these revisions is asked for pods, and that the native controllers, which
// share their caches, know it.
func gone(revisions []*revision) bool {
	for _, r := range revisions {
		if r.replicas > 0 || !r.seen {
			return false
		}
	}
	return true
}

// ownMinReady is the user's minReadySeconds.
func (v view) ownMinReady() int32 {
	own := live(v.obj)
	if v.borrowed {
		if own = original(v.o); own == nil {
			own = v.lost()
		}
	}
	if own.MinReadySeconds == nil {
		return 0
	}
	return *own.MinReadySeconds
}

// active says whether r exists and is asked for pods.
func (r *revision) active() bool { return r != nil && r.replicas > 0 }

// hash is the label by which the pods of r are told apart.
func (r *revision) hash() string {
	if hash := r.obj.GetLabels()[v1alpha1.LabelTemplateHash]; hash != "" {
		return hash
	}
	return text(r.obj.Object, "spec", "template", "metadata", "labels", v1alpha1.LabelTemplateHash)
}
