package deployment

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
)

// run brings n canary pods up, or down to n unless more may stay, beside all stable ones.
func (v view) run(n int32, spare bool) ([]intent.Write, error) {
	if v.replicas == 0 {
		// Nothing can run beside nothing; un-paused, scaling up again would fill the canary alone.
		return v.holdUnlessIdle()
	}
	n = max(1, min(n, v.replicas)) // the native controller never makes more than the full size of one revision
	if v.pausedByUser || v.stable == nil {
		return nil, nil
	}
	if !v.follows() {
		return v.holdUnlessIdle()
	}
	if v.marked {
		return v.unhold(n)
	}
	if !v.inflated {
		return v.catchUp(n)
	}
	return v.adjust(n, spare)
}

// follows says whether the workload's template is the one that the Release follows: its canary, or,
// while the native controller has not made that, any but stable.
func (v view) follows() bool {
	return v.template == workload.TemplateCanary || v.template == workload.TemplateOther && v.o.Canary == ""
}

// holdUnlessIdle holds what a Release has touched: nothing may come of a template that it does not
// follow. A workload that stands natively at stable is left alone.
func (v view) holdUnlessIdle() ([]intent.Write, error) {
	switch {
	case v.pausedByUser, v.held, v.template == workload.TemplateStable && !v.borrowed && !v.marked:
		return nil, nil
	default:
		return v.hold()
	}
}

// unhold takes a held template to running in one write, once nothing of that write can cost a stable
// pod: no third revision has pods, stable has its full size or something beside it, and no canary pod
// counts as available.
func (v view) unhold(n int32) ([]intent.Write, error) {
	if !v.held || v.strayed() {
		return v.hold() // someone un-paused over our marker
	}
	if !v.observed {
		return nil, nil
	}
	if writes, err := v.clear(); err != nil || len(writes) > 0 {
		return writes, err
	}
	if !gone(v.others()) || !v.canary.active() && v.stable.replicas != v.replicas {
		return nil, nil
	}
	if v.canary.active() {
		if writes, ready, err := v.deflate(); err != nil || !ready {
			return writes, err
		}
	}
	return v.patch(fmt.Sprintf("run %d canary pods", n), func(obj *unstructured.Unstructured) error {
		release(obj)
		return v.borrow(obj, n)
	})
}

// clear gives stable its full size, or the native controller's note of it, where that is missing, and takes
// further revisions to 0.
func (v view) clear() ([]intent.Write, error) {
	if !v.stable.active() {
		return v.refill(v.stable)
	}
	writes := v.emptied(v.stable, v.others())
	if noted, isNoted := v.stable.desired(); !isNoted || noted == v.replicas || v.stable.replicas != v.replicas || v.canary.active() {
		return writes, nil
	}
	fill, err := v.fill(v.stable)
	return append(fill, writes...), err
}

// deflate makes no pod of an active canary count as available, and says whether that is so. Native code
// acts on the ReplicaSet's status as it was before it writes minReadySeconds to it, and would take as
// many stable pods as it believes the canary to have.
func (v view) deflate() (writes []intent.Write, done bool, err error) {
	if v.canary.minReady == heldMinReadySeconds {
		return nil, v.canary.seen && v.canary.available == 0, nil
	}
	want := v.canary.obj.DeepCopy()
	put(want.Object, int64(heldMinReadySeconds), "spec", "minReadySeconds")
	writes, err = patchTo(v.canary.obj, want, "make its pods unavailable before the template runs")
	return writes, false, err
}

// catchUp holds a template that runs without our values: one that no gate held, or whose values someone
// took. maxSurge is set to what runs now, as the native controller sizes all ReplicaSets by it even
// while it is paused.
func (v view) catchUp(n int32) ([]intent.Write, error) {
	return v.patch("hold the template and keep its pods as they are", func(obj *unstructured.Unstructured) error {
		v.pause(obj)
		return v.borrow(obj, max(n, v.surplus()))
	})
}

// adjust keeps a running canary at n. Up is maxSurge alone. Down is maxSurge first, and the canary's
// size once the native controller has seen it, since it would fill up to the old maxSurge. Stable is
// brought back to full size first where native scaling rounded it down. Where more may stay maxSurge is never
// lowered: a pause, anybody's, between that and the canary's size would make native code take the difference
// from stable as well.
func (v view) adjust(n int32, spare bool) ([]intent.Write, error) {
	enough := spare && v.surge() >= n
	writes, err := v.patch(fmt.Sprintf("have %d canary pods", n), func(obj *unstructured.Unstructured) error {
		surge, _, _ := unstructured.NestedFieldNoCopy(obj.Object, surgePath...)
		if err := v.borrow(obj, n); err != nil || !enough {
			return err
		}
		put(obj.Object, surge, surgePath...)
		return nil
	})
	if err != nil || len(writes) > 0 || !v.observed {
		return writes, err
	}
	if v.stable.replicas < v.replicas {
		if writes, err = v.fill(v.stable); err != nil {
			return nil, err
		}
	}
	for _, r := range v.others() {
		if r.replicas > 0 {
			writes = append(writes, r.scale(0))
		}
	}
	if enough {
		n = v.surge()
	}
	// A scale is fenced by the ReplicaSet alone: sized for another size of the workload, it tells that what was read of
	// the workload is out of date, or will be resized by the native controller first.
	if v.canary != nil && v.canary.replicas > n && v.canary.sizedFor(v.replicas) {
		writes = append(writes, v.canary.scale(n))
	}
	return writes, nil
}
