package nativedeployment

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func child(obj map[string]any, path ...string) map[string]any {
	for _, key := range path {
		next, ok := obj[key].(map[string]any)
		if !ok {
			return nil
		}
		obj = next
	}
	return obj
}

func number(obj map[string]any, path ...string) (int64, bool) {
	value, _, _ := unstructured.NestedFieldNoCopy(obj, path...)
	switch n := value.(type) {
	case int64:
		return n, true
	case int32:
		return int64(n), true
	case int:
		return int64(n), true
	case float64:
		return int64(n), true
	}
	return 0, false
}

func int32At(obj map[string]any, otherwise int32, path ...string) int32 {
	if n, ok := number(obj, path...); ok {
		return int32(n)
	}
	return otherwise
}

// put sets a value, making the maps on the way.
func put(obj map[string]any, value any, path ...string) {
	for _, key := range path[:len(path)-1] {
		next, ok := obj[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			obj[key] = next
		}
		obj = next
	}
	obj[path[len(path)-1]] = value
}

// bound resolves maxSurge or maxUnavailable against a size. Missing means 0.
func bound(value any, size int32, up bool) int32 {
	var v intstr.IntOrString
	switch b := value.(type) {
	case string:
		v = intstr.FromString(b)
	case int64:
		v = intstr.FromInt32(int32(b))
	case float64:
		v = intstr.FromInt32(int32(b))
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&v, int(size), up)
	if err != nil {
		return 0
	}
	return int32(n)
}

// trunk is a template without the hash label and without empty metadata, for comparing.
func trunk(template map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(template)
	metadata, _ := out["metadata"].(map[string]any)
	if labels, ok := metadata["labels"].(map[string]any); ok {
		delete(labels, labelHash)
	}
	for key, value := range metadata {
		if inner, isMap := value.(map[string]any); value == nil || isMap && len(inner) == 0 {
			delete(metadata, key)
		}
	}
	if len(metadata) == 0 {
		delete(out, "metadata")
	}
	return out
}

func equalTemplates(a, b map[string]any) bool {
	return equality.Semantic.DeepEqual(a, b)
}

// hashOf names a template. It is not the native controller's hash, which nothing depends on.
func hashOf(template map[string]any) string {
	raw, err := json.Marshal(template)
	if err != nil {
		return "unencodable"
	}
	h := fnv.New32a()
	_, _ = h.Write(raw)
	return fmt.Sprintf("%08x", h.Sum32())
}

func parse(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
