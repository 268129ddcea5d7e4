package deployment

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The readers below are total: what is missing or of another type is the zero value.

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

func text(obj map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(obj, path...)
	return s
}

func truth(obj map[string]any, path ...string) bool {
	b, _, _ := unstructured.NestedBool(obj, path...)
	return b
}

// number reads an integer, however it was decoded, and says whether it is there.
func number(obj map[string]any, path ...string) (int64, bool) {
	value, found, err := unstructured.NestedFieldNoCopy(obj, path...)
	if err != nil || !found {
		return 0, false
	}
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

func count(obj map[string]any, otherwise int32, path ...string) int32 {
	n, ok := number(obj, path...)
	if !ok {
		return otherwise
	}
	return int32(n)
}

// put sets a value in obj, making the maps on the way. The value must be JSON-like.
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

// drop removes a value from obj, and the maps on the way that it leaves empty.
func drop(obj map[string]any, path ...string) {
	if len(path) == 1 {
		delete(obj, path[0])
		return
	}
	next, ok := obj[path[0]].(map[string]any)
	if !ok {
		return
	}
	if _, there := next[path[1]]; !there {
		return
	}
	drop(next, path[1:]...)
	if len(next) == 0 {
		delete(obj, path[0])
	}
}
