package deployment

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/workload"
)

// saved is the content of the annotation crossfade.io/original.
type saved struct {
	// Release that saved it, as name/uid.
	Release string `json:"release"`
	v1alpha1.Original
}

// readSaved returns what the annotation holds, or nil if it holds nothing that can be read.
func readSaved(obj *unstructured.Unstructured) *saved {
	raw, ok := obj.GetAnnotations()[v1alpha1.AnnotationOriginal]
	if !ok {
		return nil
	}
	var s saved
	if json.Unmarshal([]byte(raw), &s) != nil {
		return nil
	}
	return &s
}

// base returns the fields as they were saved, without what foreign writes wanted since. The Release's
// own copy wins. The annotation counts under the Release that wrote it; under another one only while
// our values are in the fields, so that a stale copy (kubectl rollout undo brings annotations of a
// ReplicaSet back) is never taken for the truth, and ours are never taken for the user's.
func base(o workload.Objects) *v1alpha1.Original {
	if o.Original != nil {
		return o.Original.DeepCopy()
	}
	s := readSaved(o.Workload)
	if s != nil && (inflated(o.Workload) || s.Release != "" && s.Release == o.Release) {
		return s.DeepCopy()
	}
	return nil
}

// original returns what is to be written back: base with what foreign writes wanted since.
func original(o workload.Objects) *v1alpha1.Original {
	out := base(o)
	if out == nil {
		return nil
	}
	raw, ok := o.Workload.GetAnnotations()[v1alpha1.AnnotationWanted]
	if !ok {
		return out
	}
	var wanted map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &wanted) != nil {
		return out
	}
	overlay(wanted, "minReadySeconds", &out.MinReadySeconds)
	overlay(wanted, "progressDeadlineSeconds", &out.ProgressDeadlineSeconds)
	overlay(wanted, "strategy", &out.Strategy)
	return out
}

// overlay sets field to what was wanted; null unsets it, and a missing key or an unreadable value
// leaves it.
func overlay[T any](wanted map[string]json.RawMessage, key string, field **T) {
	raw, ok := wanted[key]
	if !ok {
		return
	}
	var value *T
	if json.Unmarshal(raw, &value) == nil {
		*field = value
	}
}

// live returns the fields as the workload has them now.
func live(obj *unstructured.Unstructured) *v1alpha1.Original {
	var out v1alpha1.Original
	if n, ok := number(obj.Object, "spec", "minReadySeconds"); ok {
		out.MinReadySeconds = ptr.To(int32(n))
	}
	if n, ok := number(obj.Object, "spec", "progressDeadlineSeconds"); ok {
		out.ProgressDeadlineSeconds = ptr.To(int32(n))
	}
	if strategy := child(obj.Object, "spec", "strategy"); strategy != nil {
		var typed appsv1.DeploymentStrategy
		if runtime.DefaultUnstructuredConverter.FromUnstructured(strategy, &typed) == nil {
			out.Strategy = &typed
		}
	}
	return &out
}

// inflated says whether our minReadySeconds is in the workload.
func inflated(obj *unstructured.Unstructured) bool {
	return count(obj.Object, 0, "spec", "minReadySeconds") == heldMinReadySeconds
}

// borrow puts our values into the fields of obj, with a canary of n pods, and what was there into the
// annotation. Fields of the strategy that are not known here stay.
func (v view) borrow(obj *unstructured.Unstructured, n int32) error {
	first := base(v.o)
	if first == nil {
		first = v.lost()
	}
	raw, err := json.Marshal(saved{Release: v.o.Release, Original: *first})
	if err != nil {
		return fmt.Errorf("encode the saved fields of Deployment %s: %w", obj.GetName(), err)
	}
	annotations := obj.GetAnnotations()
	if s := readSaved(v.obj); s == nil || s.Release != v.o.Release {
		put(obj.Object, string(raw), "metadata", "annotations", v1alpha1.AnnotationOriginal)
		if _, stale := annotations[v1alpha1.AnnotationWanted]; stale && !v.inflated {
			drop(obj.Object, "metadata", "annotations", v1alpha1.AnnotationWanted)
		}
	}
	if v.o.Release != "" {
		put(obj.Object, v.o.Release, "metadata", "annotations", v1alpha1.AnnotationRelease)
	}
	put(obj.Object, int64(heldMinReadySeconds), "spec", "minReadySeconds")
	put(obj.Object, int64(heldProgressDeadlineSeconds), "spec", "progressDeadlineSeconds")
	put(obj.Object, string(appsv1.RollingUpdateDeploymentStrategyType), "spec", "strategy", "type")
	put(obj.Object, surgeFor(v.replicas, n), "spec", "strategy", "rollingUpdate", "maxSurge")
	put(obj.Object, int64(0), "spec", "strategy", "rollingUpdate", "maxUnavailable")
	return nil
}

// lost is the best guess at fields of which no copy is left: as they are if they are not ours, else
// stable's own minReadySeconds and the API server's defaults.
func (v view) lost() *v1alpha1.Original {
	out := live(v.obj)
	if !v.inflated {
		return out
	}
	out.MinReadySeconds = nil
	if v.stable != nil && v.stable.minReady > 0 && v.stable.minReady != heldMinReadySeconds {
		out.MinReadySeconds = ptr.To(v.stable.minReady)
	}
	out.ProgressDeadlineSeconds = nil
	out.Strategy = nil
	return out
}

// restore puts the user's values back into obj and takes our annotations, and on disarm our label, off.
// Nothing was borrowed if there is neither a copy nor one of our values; then only these go.
func (v view) restore(obj *unstructured.Unstructured, disarm bool) error {
	for _, key := range []string{v1alpha1.AnnotationOriginal, v1alpha1.AnnotationWanted, v1alpha1.AnnotationRelease} {
		drop(obj.Object, "metadata", "annotations", key)
	}
	if disarm {
		drop(obj.Object, "metadata", "labels", v1alpha1.LabelRollout)
	}
	if !v.borrowed {
		return nil
	}
	was := original(v.o)
	if was == nil {
		was = v.lost()
	}
	restoreNumber(obj, was.MinReadySeconds, "minReadySeconds")
	restoreNumber(obj, was.ProgressDeadlineSeconds, "progressDeadlineSeconds")
	drop(obj.Object, "spec", "strategy", "type")
	drop(obj.Object, "spec", "strategy", "rollingUpdate", "maxSurge")
	drop(obj.Object, "spec", "strategy", "rollingUpdate", "maxUnavailable")
	if was.Strategy == nil {
		return nil
	}
	strategy, err := runtime.DefaultUnstructuredConverter.ToUnstructured(was.Strategy)
	if err != nil {
		return fmt.Errorf("encode the strategy of Deployment %s: %w", obj.GetName(), err)
	}
	for key, value := range strategy {
		rolling, isMap := value.(map[string]any)
		if !isMap {
			put(obj.Object, value, "spec", "strategy", key)
			continue
		}
		for inner, bound := range rolling {
			put(obj.Object, bound, "spec", "strategy", key, inner)
		}
	}
	return nil
}

func restoreNumber(obj *unstructured.Unstructured, value *int32, field string) {
	if value == nil {
		drop(obj.Object, "spec", field)
		return
	}
	put(obj.Object, int64(*value), "spec", field)
}
