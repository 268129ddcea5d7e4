package gatewayapi

import (
	"encoding/json"
	"fmt"
	"math"
)

// object is one JSON object of the route. The route is never read through typed structs: a typed
// read-modify-write drops the fields that our build does not know.
type object = map[string]any

// localService returns the name of the Service in the route's own namespace that a backendRef names.
// Group "" and kind Service are the defaults of the API (BackendObjectReference).
func localService(ref object, namespace string) (string, bool) {
	name, _ := ref["name"].(string)
	group, _ := ref["group"].(string)
	kind, ok := ref["kind"].(string)
	if !ok {
		kind = "Service"
	}
	in, ok := ref["namespace"].(string)
	local := !ok || in == "" || in == namespace
	return name, group == "" && kind == "Service" && local && name != ""
}

// refKey identifies a backendRef within its rule, whatever its weight: "checkout:8080".
func refKey(ref object, namespace string) string {
	port, _ := integer(ref["port"])
	if name, ok := localService(ref, namespace); ok {
		return fmt.Sprintf("%s:%d", name, port)
	}
	return fmt.Sprintf("%v.%v/%v/%v:%d", ref["kind"], ref["group"], ref["namespace"], ref["name"], port)
}

// weightOf returns a backendRef's weight, and whether it is set. Unset means 1 (BackendRef.weight).
func weightOf(ref object) (int64, bool) {
	weight, ok := integer(ref["weight"])
	if !ok || weight < 0 {
		return 1, false
	}
	return weight, true
}

// integer reads a JSON number as decoders leave it: int64 or float64, depending on the decoder.
func integer(value any) (int64, bool) {
	switch n := value.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case int32:
		return int64(n), true
	case float64:
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

// objects returns the JSON objects of a list.
func objects(list any) []object {
	items, _ := list.([]any)
	out := make([]object, 0, len(items))
	for _, item := range items {
		if o, ok := item.(object); ok {
			out = append(out, o)
		}
	}
	return out
}

// list is the inverse of objects.
func list(items []object) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
	}
	return out
}

// shallow returns a copy whose fields may be replaced but not changed.
func shallow(o object) object {
	out := make(object, len(o)+1)
	for k, v := range o {
		out[k] = v
	}
	return out
}

// without returns a shallow copy less some fields.
func without(o object, fields ...string) object {
	out := shallow(o)
	for _, field := range fields {
		delete(out, field)
	}
	return out
}

// refsOf returns a rule's backendRefs.
func refsOf(rule object) []object { return objects(rule["backendRefs"]) }

// names says whether a rule has a backendRef to the Service.
func names(rule object, service, namespace string) bool {
	for _, ref := range refsOf(rule) {
		if name, ok := localService(ref, namespace); ok && name == service {
			return true
		}
	}
	return false
}
