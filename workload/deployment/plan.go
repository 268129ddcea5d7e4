package deployment

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
)

// ours is the prefix of every annotation that this project writes.
const ours = "crossfade.io/"

// hold pauses with our marker, and then takes every revision but stable to 0. The order is the
// invariant: un-paused, the native controller would make the canary pods again. Paused, it sizes all
// ReplicaSets by maxSurge, so where that was just lowered it is raised again to what runs: else stable
// would lose its part of the difference.
func (v view) hold() ([]intent.Write, error) {
	if !v.held || v.strayed() {
		return v.patch("hold the template", func(obj *unstructured.Unstructured) error {
			v.pause(obj)
			if surplus := v.surplus(); v.inflated && surplus > v.surge() {
				put(obj.Object, surgeFor(v.replicas, surplus), surgePath...)
			}
			return nil
		})
	}
	if !v.observed {
		return nil, nil
	}
	return v.keepOnly(v.stable)
}

// park holds until only stable has pods, and gives the fields back then: with two active ReplicaSets
// the native controller would size both by the user's own maxSurge, paused or not.
func (v view) park(disarm bool) ([]intent.Write, error) {
	if writes, err := v.hold(); err != nil || len(writes) > 0 {
		return writes, err
	}
	if !v.observed || !gone(v.allBut(v.stable)) {
		return nil, nil
	}
	writes, err := v.patch("give the fields back, held", func(obj *unstructured.Unstructured) error {
		return v.restore(obj, disarm)
	})
	if err != nil || len(writes) > 0 {
		return writes, err
	}
	return v.tidy()
}

// finish gives the fields back and lets the native controller replace the old pods. While the user
// pauses it waits: these fields move pods even then.
func (v view) finish(disarm bool) ([]intent.Write, error) {
	if v.held && v.template != workload.TemplateCanary && v.o.Canary != "" {
		return v.finishBeneath(disarm)
	}
	if v.pausedByUser && v.borrowed {
		return nil, nil
	}
	writes, err := v.patch("give the fields back and let the old pods go", func(obj *unstructured.Unstructured) error {
		if v.marked {
			release(obj)
		}
		return v.restore(obj, disarm)
	})
	if err != nil || len(writes) > 0 {
		return writes, err
	}
	return v.tidy()
}

// finishBeneath finishes a promotion beneath a newer template, which stays held. The old pods go
// first: then the canary is the only active ReplicaSet, and native code keeps it at full size whatever
// the fields say. A canary without pods replaces nobody, so stable stays then.
func (v view) finishBeneath(disarm bool) ([]intent.Write, error) {
	if !v.observed {
		return nil, nil
	}
	if v.canary != nil && v.canary.replicas > 0 {
		if writes, err := v.keepOnly(v.canary); err != nil || len(writes) > 0 {
			return writes, err
		}
		if !gone(v.allBut(v.canary)) {
			return nil, nil
		}
	} else if writes, err := v.keepOnly(v.stable); err != nil || len(writes) > 0 {
		return writes, err
	}
	writes, err := v.patch("give the fields back beneath the held template", func(obj *unstructured.Unstructured) error {
		return v.restore(obj, disarm)
	})
	if err != nil || len(writes) > 0 {
		return writes, err
	}
	return v.tidy()
}

// revert writes the stable template back. It comes after the canary is at 0, since the native
// controller deletes all other pods at once when stable is the template and complete. A user's pause
// stays; then there is no need for our marker on the way.
func (v view) revert(disarm bool) ([]intent.Write, error) {
	if v.stable == nil {
		return v.finish(disarm)
	}
	back, err := v.patch("write the stable template back", func(obj *unstructured.Unstructured) error {
		if !v.pausedByUser {
			release(obj)
		}
		put(obj.Object, runtime.DeepCopyJSONValue(v.stable.template), templatePath...)
		return v.restore(obj, disarm)
	})
	if err != nil {
		return nil, err
	}
	if len(back) == 0 {
		return v.tidy()
	}
	if v.template == workload.TemplateStable && !v.paused && !v.borrowed {
		return back, nil
	}
	if writes, err := v.empty(); err != nil || len(writes) > 0 {
		return writes, err
	}
	if !v.observed || !gone(v.allBut(v.stable)) {
		return nil, nil
	}
	return back, nil
}

// empty takes every revision but stable to 0, holding the template unless a user's pause does.
func (v view) empty() ([]intent.Write, error) {
	switch {
	case !v.pausedByUser:
		return v.hold()
	case !v.observed:
		return nil, nil
	default:
		return v.keepOnly(v.stable)
	}
}

// reverse holds the stable template in place of the canary's, once nothing is borrowed any more. Over a
// newer template that is held already it does nothing: that one is newer.
func (v view) reverse() ([]intent.Write, error) {
	if v.stable == nil || v.borrowed || v.held || v.pausedByUser || v.template != workload.TemplateCanary {
		return nil, nil
	}
	return v.patch("hold the stable template, for a release back", func(obj *unstructured.Unstructured) error {
		put(obj.Object, runtime.DeepCopyJSONValue(v.stable.template), templatePath...)
		v.pause(obj)
		return nil
	})
}

// tidy takes our annotations off the ReplicaSets, to which the native controller copies those of the
// Deployment: kubectl rollout undo would bring them back. One that was left inflated, since native code
// corrects the current one only, gets the user's minReadySeconds; and the native controller's note of the
// largest size, which it made by our maxSurge, becomes what it would be by the user's.
func (v view) tidy() ([]intent.Write, error) {
	if !v.observed || v.leavesRevisions {
		return nil, nil
	}
	own := v.obj.GetAnnotations()
	minReady := count(v.obj.Object, 0, "spec", "minReadySeconds")
	var writes []intent.Write
	for _, r := range v.revisions {
		want := r.obj.DeepCopy()
		touched := r.replicas > 0 && r.replicas == v.replicas
		for key := range r.obj.GetAnnotations() {
			// What the workload still has would only be copied again.
			if _, copied := own[key]; strings.HasPrefix(key, ours) && !copied {
				drop(want.Object, "metadata", "annotations", key)
				touched = true
			}
		}
		if _, noted := r.obj.GetAnnotations()[annotationMax]; noted && touched && !v.inflated {
			put(want.Object, strconv.FormatInt(int64(v.replicas+v.surge()), 10), "metadata", "annotations", annotationMax)
		}
		if r.minReady == heldMinReadySeconds && !v.inflated {
			drop(want.Object, "spec", "minReadySeconds")
			if minReady > 0 {
				put(want.Object, int64(minReady), "spec", "minReadySeconds")
			}
		}
		patch, err := patchTo(r.obj, want, "take our annotations off")
		if err != nil {
			return nil, err
		}
		writes = append(writes, patch...)
	}
	return writes, nil
}

// patch returns the write that applies change to the workload, or none if it changes nothing.
func (v view) patch(why string, change func(*unstructured.Unstructured) error) ([]intent.Write, error) {
	want := v.obj.DeepCopy()
	if err := change(want); err != nil {
		return nil, err
	}
	return patchTo(v.obj, want, why)
}

func patchTo(live, want *unstructured.Unstructured, why string) ([]intent.Write, error) {
	write, changed, err := intent.PatchTo(live, want, why)
	if err != nil || !changed {
		return nil, err
	}
	return []intent.Write{write}, nil
}

// pause holds the template of obj. The marker is what makes it safe: held by the pause alone, a
// re-applied stable template would delete every canary pod. The marker's value is one that no ReplicaSet
// has: if somebody un-paused over it, there is a ReplicaSet of the marked template.
func (v view) pause(obj *unstructured.Unstructured) {
	put(obj.Object, true, "spec", "paused")
	switch {
	case !v.marked:
		put(obj.Object, v1alpha1.PendingHeld, markerPath()...)
	case v.strayed():
		put(obj.Object, fmt.Sprintf("%s-%d", v1alpha1.PendingHeld, obj.GetGeneration()), markerPath()...)
	}
}

// strayed says whether a ReplicaSet was made of the marked template, and so would count as the new one.
func (v view) strayed() bool {
	if !v.marked {
		return false
	}
	template := plain(child(v.obj.Object, templatePath...), "labels", v1alpha1.LabelTemplateHash)
	for _, r := range v.revisions {
		if sameTemplate(template, r.template) {
			return true
		}
	}
	return false
}

// release is the reverse of pause.
func release(obj *unstructured.Unstructured) {
	drop(obj.Object, "spec", "paused")
	drop(obj.Object, markerPath()...)
}
