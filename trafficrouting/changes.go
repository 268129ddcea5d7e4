package trafficrouting

import (
	"bytes"
	"encoding/json"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Change is one object that is to become another: made where Live is nil, removed where Want is.
type Change struct {
	Live, Want *unstructured.Unstructured
}

// Changes returns what makes want of the objects: what is new first, so that it is there before something refers to
// it, and what goes last.
func (o Objects) Changes(want Objects) []Change {
	var made, changed, gone []Change
	live := map[string]*unstructured.Unstructured{}
	for _, obj := range o.Beside {
		live[identity(obj)] = obj
	}
	if o.Route != nil && want.Route != nil && !same(o.Route, want.Route) {
		changed = append(changed, Change{o.Route, want.Route})
	}
	for _, obj := range want.Beside {
		was := live[identity(obj)]
		delete(live, identity(obj))
		switch {
		case was == nil:
			made = append(made, Change{nil, obj})
		case was != obj && !same(was, obj):
			changed = append(changed, Change{was, obj})
		}
	}
	for _, obj := range o.Beside {
		if live[identity(obj)] != nil && obj.GetDeletionTimestamp() == nil {
			gone = append(gone, Change{obj, nil})
		}
	}
	return append(append(made, changed...), gone...)
}

func identity(obj *unstructured.Unstructured) string {
	return obj.GroupVersionKind().GroupKind().String() + " " + obj.GetName()
}

// same compares as JSON: decoders differ in the Go types of numbers.
func same(a, b *unstructured.Unstructured) bool {
	if equality.Semantic.DeepEqual(a.Object, b.Object) {
		return true
	}
	x, errX := json.Marshal(a.Object)
	y, errY := json.Marshal(b.Object)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
