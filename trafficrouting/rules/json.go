package rules

import (
	"cmp"
	"encoding/json"
	"math"
)

// weightField is the field of a backend that holds its weight.
func (r Route) weightField() string { return cmp.Or(r.Format().Weight, "weight") }

// weightOf returns a backend's weight; nil if none is set that means anything.
func (r Route) weightOf(ref Object) *int64 {
	weight, ok := Integer(ref[r.weightField()])
	if !ok || weight < 0 {
		return nil
	}
	return &weight
}

// Integer reads a JSON number as decoders leave it: int64 or float64, depending on the decoder.
func Integer(value any) (int64, bool) {
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

// Objects returns the JSON objects of a list.
func Objects(list any) []Object {
	items, _ := list.([]any)
	out := make([]Object, 0, len(items))
	for _, item := range items {
		if o, ok := item.(Object); ok {
			out = append(out, o)
		}
	}
	return out
}

// Items is the inverse of Objects.
func Items(objects []Object) []any {
	out := make([]any, len(objects))
	for i, o := range objects {
		out[i] = o
	}
	return out
}

// Shallow returns a copy whose fields may be replaced but not changed.
func Shallow(o Object) Object {
	out := make(Object, len(o)+1)
	for k, v := range o {
		out[k] = v
	}
	return out
}

// without returns a shallow copy less some fields.
func without(o Object, fields ...string) Object {
	out := Shallow(o)
	for _, field := range fields {
		delete(out, field)
	}
	return out
}
