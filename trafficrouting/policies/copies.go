package policies

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// maxName is the longest name of a policy (DNS-1123 subdomain), in characters.
const maxName = 253

// copies returns those of the user's policies of a Service, for its canary Service. One that is there is kept, whoever
// follows the route at the moment.
func (r Route) copies(live trafficrouting.Objects, owner trafficrouting.Owner, neutral bool, base, canary string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, kind := range r.Kinds {
		for _, obj := range kind.Of(live, owner, base) {
			made, err := kind.copyFor(live, owner, nameOf(canary, obj.GetName()))
			if (err != nil || made.GetUID() == "") && !follows(live, kind) {
				continue
			}
			if err != nil && neutral {
				continue // the way back is always open
			}
			if err != nil {
				return nil, err
			}
			spec, _, _ := unstructured.NestedMap(obj.Object, "spec")
			kind.aim(spec, base, canary)
			made.Object["spec"] = spec
			made.SetAPIVersion(obj.GetAPIVersion())
			out = append(out, made)
		}
	}
	return out, nil
}

// Of returns the user's policies of this kind that are for a Service, by name.
func (k Kind) Of(live trafficrouting.Objects, owner trafficrouting.Owner, service string) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, obj := range live.Beside {
		if k.is(obj) && k.names(obj, service) && !k.owned(obj, owner) {
			out = append(out, obj)
		}
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out
}

func (k Kind) is(obj *unstructured.Unstructured) bool {
	return obj.GroupVersionKind().GroupKind() == k.GroupKind
}

// copyFor returns the copy of this name as it is to be but for its spec.
func (k Kind) copyFor(live trafficrouting.Objects, owner trafficrouting.Owner, name string) (*unstructured.Unstructured, error) {
	made := &unstructured.Unstructured{Object: rules.Object{"kind": k.Kind}}
	for _, obj := range live.Beside {
		if !k.is(obj) || obj.GetName() != name {
			continue
		}
		if !k.owned(obj, owner) {
			return nil, fmt.Errorf("%s %s exists and is not this Rollout's; rename or delete it", k.Kind, name)
		}
		made = obj.DeepCopy()
	}
	made.SetNamespace(cmp.Or(owner.Namespace, live.Route.GetNamespace()))
	made.SetName(name)
	labels := made.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v1alpha1.LabelRollout] = owner.Name
	made.SetLabels(labels)
	return made, nil
}

// others returns what is beside the route but for the owner's copies for these splits.
func (r Route) others(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, obj := range live.Beside {
		ours := func(s trafficrouting.Split) bool {
			return obj.GetLabels()[v1alpha1.LabelRollout] != "" || strings.HasPrefix(obj.GetName(), trafficrouting.CanaryOf(s.Base.Service)+"-")
		}
		if !r.copied(obj, owner) || !slices.ContainsFunc(splits, ours) {
			out = append(out, obj)
		}
	}
	return out
}

func (r Route) copied(obj *unstructured.Unstructured, owner trafficrouting.Owner) bool {
	return slices.ContainsFunc(r.Kinds, func(k Kind) bool { return k.is(obj) && k.owned(obj, owner) })
}

// owned says whether a policy is one of the owner's copies: it has the name of one and is for the canary Service, and it
// has the owner's label or, where somebody took that, nobody's and a copy's owner reference. People may write their own for
// that too.
func (k Kind) owned(obj *unstructured.Unstructured, owner trafficrouting.Owner) bool {
	for _, t := range k.of(obj) {
		base, canary := strings.CutSuffix(t.service, v1alpha1.CanarySuffix)
		if !canary || !strings.HasPrefix(obj.GetName(), t.service+"-") {
			continue
		}
		return Belongs(obj, owner, base)
	}
	return false
}

// Belongs says whether what has the name of something made for a Service's canary Service was made for this owner: it has the
// owner's label or, where somebody took that, nobody's and the Service for an owner reference.
func Belongs(obj *unstructured.Unstructured, owner trafficrouting.Owner, service string) bool {
	if of := obj.GetLabels()[v1alpha1.LabelRollout]; of != "" {
		return of == owner.Name
	}
	return slices.ContainsFunc(obj.GetOwnerReferences(), func(ref metav1.OwnerReference) bool { return ref.Kind == "Service" && ref.Name == service })
}

// nameOf returns the name of a copy: the canary Service's and the original's.
func nameOf(canary, original string) string {
	name := canary + "-" + original
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(original))
	return canary + "-" + hex.EncodeToString(sum[:5])
}
