package intent

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// WriterOf names the field manager, other than one, that wrote something of a field of an object's spec last. Empty means
// that nobody's entry says so.
func WriterOf(live *unstructured.Unstructured, field, other string) string {
	name, last := "", ""
	for _, entry := range entriesOf(live) {
		manager, _ := entry["manager"].(string)
		at, _ := entry["time"].(string)
		if manager != other && writes(entry, field) && at >= last { // RFC 3339 in UTC, which sorts as text
			name, last = manager, at
		}
	}
	return name
}

// KeepWriters leaves of an object's managers those alone that WriterOf needs for a field of its spec.
func KeepWriters(live *unstructured.Unstructured, field string) {
	var kept []any
	for _, entry := range entriesOf(live) {
		if writes(entry, field) {
			kept = append(kept, map[string]any{
				"manager": entry["manager"], "operation": entry["operation"], "time": entry["time"],
				"fieldsV1": map[string]any{"f:spec": map[string]any{"f:" + field: map[string]any{}}},
			})
		}
	}
	if len(kept) == 0 {
		unstructured.RemoveNestedField(live.Object, "metadata", "managedFields")
		return
	}
	live.Object["metadata"].(map[string]any)["managedFields"] = kept
}

// Applied says whether somebody applies the object server-side.
func Applied(live *unstructured.Unstructured) bool {
	return slices.ContainsFunc(entriesOf(live), func(entry map[string]any) bool {
		return entry["operation"] == string(metav1.ManagedFieldsOperationApply)
	})
}

// entriesOf reads the managers of an object's fields as they are: to decode them all at every look would cost more than
// the look.
func entriesOf(live *unstructured.Unstructured) []map[string]any {
	managers, _, _ := unstructured.NestedFieldNoCopy(live.Object, "metadata", "managedFields")
	list, _ := managers.([]any)
	var entries []map[string]any
	for _, entry := range list {
		if fields, ok := entry.(map[string]any); ok {
			entries = append(entries, fields)
		}
	}
	return entries
}

// writes says whether an entry is of writes of the object itself, and has something of a field of its spec.
func writes(entry map[string]any, field string) bool {
	_, of, _ := unstructured.NestedFieldNoCopy(entry, "fieldsV1", "f:spec", "f:"+field)
	return of && entry["subresource"] == nil
}
