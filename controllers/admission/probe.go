package admission

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// AnnotationProbe is what the probe changes in a pod template. It is never stored.
const AnnotationProbe = "crossfade.io/probe"

// ProbeUpdate returns the object to send as an update in a dry run, by v1alpha1.ProbeFieldManager, to
// learn whether the gate holds a new template of live. Whatever holds live now is taken off, so that
// only the gate can put it back. It carries no resourceVersion: nothing is stored, and a conflict
// would tell nothing. live stays as it is.
func ProbeUpdate(live *unstructured.Unstructured) *unstructured.Unstructured {
	probe := live.DeepCopy()
	for _, path := range [][]string{{"metadata", "resourceVersion"}, {"metadata", "managedFields"}, {"spec", "paused"}, {"status"}, marker()} {
		unstructured.RemoveNestedField(probe.Object, path...)
	}
	// Fails only on a template that is no object, which the API server then refuses: not held.
	_ = unstructured.SetNestedField(probe.Object, v1alpha1.ProbeFieldManager,
		"spec", "template", "metadata", "annotations", AnnotationProbe)
	return probe
}

// ProbeHeld says whether the answer to a probe shows that the gate held it.
func ProbeHeld(answer *unstructured.Unstructured) bool {
	paused, _, _ := unstructured.NestedBool(answer.Object, "spec", "paused")
	mark, _, _ := unstructured.NestedString(answer.Object, marker()...)
	return paused && mark == v1alpha1.PendingHeld
}
