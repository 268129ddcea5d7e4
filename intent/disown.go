package intent

import (
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Disown returns the write that takes a field manager's name off everything in an object, and whether that is due. It
// is where others apply the object server-side: without force they could not change what still bears the name, though
// it has their values again. The API server notes no new owner for a write of managedFields alone.
func Disown(live *unstructured.Unstructured, manager string) (Write, bool, error) {
	if !Applied(live) {
		return Write{}, false, nil
	}
	all := live.GetManagedFields()
	others := slices.DeleteFunc(slices.Clone(all), func(e metav1.ManagedFieldsEntry) bool { return owned(e, manager) })
	if len(others) == len(all) {
		return Write{}, false, nil
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": live.GetUID(), "resourceVersion": live.GetResourceVersion(), "managedFields": others,
	}})
	if err != nil {
		return Write{}, false, fmt.Errorf("encode the managers of %s %s: %w", live.GetKind(), live.GetName(), err)
	}
	w := Of(Patch, live, "take our name off its fields")
	w.Body = body
	return w, true, nil
}

// owned says whether an entry is a manager's writes of the object itself.
func owned(e metav1.ManagedFieldsEntry, manager string) bool {
	return e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationUpdate && e.Subresource == ""
}
