package deployment

import (
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/intent"
)

// keepOnly takes every revision but one to 0, in a look of its own after that one has pods: with no active
// ReplicaSet the native controller fills the newest, which may be a rejected one.
func (v view) keepOnly(one *revision) ([]intent.Write, error) {
	if one == nil {
		return nil, nil
	}
	if !one.active() && v.replicas > 0 {
		return v.refill(one)
	}
	return v.emptied(one, v.allBut(one)), nil
}

// emptied takes revisions to 0. Where they may have requests, they wait for one to serve.
func (v view) emptied(one *revision, revisions []*revision) []intent.Write {
	if v.serving && v.replicas > 0 && readyNow(one.pods) == 0 {
		for _, r := range revisions {
			if readyNow(r.pods) > 0 {
				return nil
			}
		}
	}
	var writes []intent.Write
	for _, r := range revisions {
		if r.active() {
			writes = append(writes, r.scale(0))
		}
	}
	return writes
}

// refill brings an empty ReplicaSet to the workload's size. Beside others maxSurge has to leave room for it: the
// native controller would size it back at once, paused or not.
func (v view) refill(r *revision) ([]intent.Write, error) {
	if v.surplus()+v.replicas <= v.surge() {
		return v.fill(r)
	}
	return v.patch(fmt.Sprintf("make room for %d pods beside the others", v.replicas), func(obj *unstructured.Unstructured) error {
		return v.borrow(obj, v.surplus()+v.replicas)
	})
}

// fill brings a ReplicaSet to the workload's size. Where the native controller's note of that size is
// outdated it is written too: a note that differs, on the only active ReplicaSet, makes it take every
// look for a scaling event, and it never rolls anything out again.
func (v view) fill(r *revision) ([]intent.Write, error) {
	if desired, ok := r.desired(); !ok || desired == v.replicas {
		return []intent.Write{r.scale(v.replicas)}, nil
	}
	want := r.obj.DeepCopy()
	put(want.Object, int64(v.replicas), "spec", "replicas")
	size := strconv.FormatInt(int64(v.replicas), 10)
	put(want.Object, size, "metadata", "annotations", annotationDesired)
	put(want.Object, strconv.FormatInt(int64(v.replicas+v.surge()), 10), "metadata", "annotations", annotationMax)
	return patchTo(r.obj, want, fmt.Sprintf("bring it to %d pods", v.replicas))
}

func (r *revision) scale(replicas int32) intent.Write {
	w := intent.Of(intent.Scale, r.obj, fmt.Sprintf("scale from %d to %d", r.replicas, replicas))
	w.Replicas = replicas
	return w
}

// desired reads what the native controller noted as the Deployment's size when it last scaled r.
func (r *revision) desired() (int32, bool) {
	n, err := strconv.ParseInt(r.obj.GetAnnotations()[annotationDesired], 10, 32)
	return int32(n), err == nil
}

// sizedFor says whether the native controller last scaled r for this size of the Deployment, or noted none.
func (r *revision) sizedFor(replicas int32) bool {
	noted, isNoted := r.desired()
	return !isNoted || noted == replicas
}
