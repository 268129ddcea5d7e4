package rules

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// Guard writes the stored parts over a foreign update.
func (r Route) Guard(stored, written trafficrouting.Objects) (trafficrouting.Objects, error) {
	fail := func(err error) (trafficrouting.Objects, error) {
		return trafficrouting.Objects{}, fmt.Errorf("guard %s: %w", Title(written), err)
	}
	if own, err := r.settled(stored.Route, written.Route); own || err != nil {
		return written, err
	}
	// A part that is over comes back with an earlier state of the route; its canary Service is gone.
	for _, owner := range revived(stored.Route, written.Route) {
		var err error
		if written, err = r.strip(written, owner); err != nil {
			return fail(err)
		}
	}
	route := written.Route.DeepCopy()
	keepParts(stored.Route, route)
	d, err := r.open(route, "", nil)
	if err != nil {
		return fail(err)
	}
	if len(d.parts) == 0 {
		return written, nil
	}
	for _, owner := range slices.Sorted(maps.Keys(d.parts)) {
		splits := d.parts[owner].Splits
		if reason := d.unchosen(splits); reason != "" && !trafficrouting.Neutral(splits) {
			return trafficrouting.Objects{}, fmt.Errorf("%s is split by Rollout %s: %s; or abort its release first, or, if there is none, label the route "+v1alpha1.LabelBreakGlass, Title(written), owner, reason)
		}
	}
	out, err := d.compose()
	if err != nil {
		return trafficrouting.Objects{}, fmt.Errorf("%s is split by Rollout %s: %w; or abort its release first, or, if there is none, label the route "+v1alpha1.LabelBreakGlass,
			Title(written), strings.Join(slices.Sorted(maps.Keys(d.parts)), ", "), err)
	}
	return trafficrouting.Objects{Route: out}, nil
}

// settled says whether what was written is a rendering of the stored parts, as our own answer is when we are asked
// again about it: the weights in it are then ours by its own annotations, not by the stored ones.
func (r Route) settled(stored, written *unstructured.Unstructured) (bool, error) {
	before, err := r.open(stored, "", nil)
	if err != nil {
		return false, err
	}
	d, err := r.open(written, "", nil)
	if err != nil || len(d.parts) != len(before.parts) {
		return false, err
	}
	for owner, p := range before.parts {
		if !reflect.DeepEqual(p.Splits, d.parts[owner].Splits) {
			return false, nil
		}
	}
	again, err := d.compose()
	return err == nil && reflect.DeepEqual(again.Object, written.Object), nil
}

// revived returns the owners that have a part in what was written and none in what is stored.
func revived(stored, written *unstructured.Unstructured) []string {
	var owners []string
	kept := stored.GetAnnotations()
	for key := range written.GetAnnotations() {
		owner := annotated(key)
		if _, still := kept[key]; owner != "" && !still {
			owners = append(owners, owner)
		}
	}
	slices.Sort(owners)
	return owners
}

// keepParts gives the annotations that hold parts the value that they have in the stored route, or none if they
// have none there: a replace drops them, an undo revives older ones.
func keepParts(stored, route *unstructured.Unstructured) {
	annotations := map[string]string{}
	for key, value := range route.GetAnnotations() {
		if !ofParts(key) {
			annotations[key] = value
		}
	}
	for key, value := range stored.GetAnnotations() {
		if ofParts(key) {
			annotations[key] = value
		}
	}
	if len(annotations) == 0 {
		annotations = nil
	}
	route.SetAnnotations(annotations)
}

func ofParts(key string) bool {
	return key == v1alpha1.AnnotationBase || annotated(key) != ""
}
