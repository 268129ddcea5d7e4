package deployment

import (
	"maps"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
)

var templatePath = []string{"spec", "template"}

func markerPath() []string {
	return []string{"spec", "template", "metadata", "annotations", v1alpha1.AnnotationPending}
}

// marked says whether the template carries our marker, whatever its value.
func marked(obj *unstructured.Unstructured) bool {
	_, ok := child(obj.Object, "spec", "template", "metadata", "annotations")[v1alpha1.AnnotationPending]
	return ok
}

// ownTemplate is a workload's template as the user wrote it: without our marker.
func ownTemplate(obj *unstructured.Unstructured) map[string]any {
	return plain(child(obj.Object, templatePath...), "annotations", v1alpha1.AnnotationPending)
}

// revisionTemplate is the template that a ReplicaSet was made from: without the hash label. Our marker
// stays: a ReplicaSet that carries it was made by mistake from a held template, and is no revision.
func revisionTemplate(obj *unstructured.Unstructured) map[string]any {
	return plain(child(obj.Object, templatePath...), "labels", v1alpha1.LabelTemplateHash)
}

// plain returns a template without one key of its metadata, and without what an API server leaves out
// when it is empty, so that equal templates have equal trees. It shares all else with the template.
func plain(template map[string]any, field, key string) map[string]any {
	if template == nil {
		return nil
	}
	metadata := map[string]any{}
	for name, value := range child(template, "metadata") {
		inner, isMap := value.(map[string]any)
		if name == field && isMap {
			inner = maps.Clone(inner)
			delete(inner, key)
			value = inner
		}
		if value != nil && (!isMap || len(inner) > 0) {
			metadata[name] = value
		}
	}
	out := maps.Clone(template)
	delete(out, "metadata")
	if len(metadata) > 0 {
		out["metadata"] = metadata
	}
	return out
}

// without is a template without some of its annotations.
func without(annotations []string, template map[string]any) map[string]any {
	for _, key := range annotations {
		template = plain(template, "annotations", key)
	}
	return template
}

// sameTemplate compares trees, never typed values: a field newer than our client must count.
func sameTemplate(a, b map[string]any) bool {
	return a != nil && b != nil && equality.Semantic.DeepEqual(a, b)
}
