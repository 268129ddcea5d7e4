package generic

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/policies"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Objects through which requests are mirrored are made before a rule names them. They stay until the canary Service goes, as
// Leftovers: a data plane that lost one before it followed the route would have nowhere to send to.

// Beside is the kind of these objects.
func (p Route) Beside() []schema.GroupKind {
	mirror := p.Dialect.(dialect).mirror
	if mirror == nil || mirror.Object == nil {
		return nil
	}
	return []schema.GroupKind{{Group: p.Format().GroupKind.Group, Kind: mirror.Object.Kind}}
}

// Leftovers are those that were made for the owner.
func (p Route) Leftovers(live trafficrouting.Objects, owner trafficrouting.Owner) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, obj := range live.Beside {
		if p.owned(obj, owner.Name) {
			out = append(out, obj)
		}
	}
	return out
}

func (p Route) owned(obj *unstructured.Unstructured, owner string) bool {
	base := strings.TrimSuffix(canaryOf(obj.GetName()), v1alpha1.CanarySuffix)
	return base != "" && slices.Contains(p.Beside(), obj.GroupVersionKind().GroupKind()) && policies.Belongs(obj, trafficrouting.Owner{Name: owner}, base)
}

// withObjects adds what the rules of a rendered route name that are the owner's copies. What others' rules name by now, as after
// somebody's edit, is made when these render, as the change of the route has them do: only they can say whose Service's it is,
// and what stands in its place must not bar this owner's way. Until then the user's own rule takes the requests.
func (p Route) withObjects(out trafficrouting.Objects, owner trafficrouting.Owner) (trafficrouting.Objects, error) {
	if out.Route == nil || len(p.Beside()) == 0 {
		return out, nil
	}
	d, named := p.Dialect.(dialect), trafficrouting.NameOn(out.Route, owner.Namespace, owner.Name)
	mirrors := p.Mirrors(out.Route)
	for _, rule := range p.Rules(out.Route) {
		for _, ref := range p.Refs(rule) {
			canary := d.behind(ref)
			m, ok := mirrors[canary]
			if !ok || m.Owner != named {
				continue
			}
			name, _ := ref[d.nameField].(string)
			made, err := p.object(out, owner.Name, name, d.through(ref, m.Mirror))
			if err != nil {
				return trafficrouting.Objects{}, fmt.Errorf("split %s: %w", rules.Title(out), err)
			}
			out.Beside = append(slices.DeleteFunc(slices.Clone(out.Beside), p.called(name)), made)
		}
	}
	return out, nil
}

// called says whether an object is one of ours that has this name, or stands in its place.
func (p Route) called(name string) func(*unstructured.Unstructured) bool {
	return func(obj *unstructured.Unstructured) bool {
		return obj.GetName() == name && slices.Contains(p.Beside(), obj.GroupVersionKind().GroupKind())
	}
}

// object returns the one of this name as it is to be.
func (p Route) object(out trafficrouting.Objects, owner, name string, spec rules.Object) (*unstructured.Unstructured, error) {
	made := &unstructured.Unstructured{Object: rules.Object{"apiVersion": out.Route.GetAPIVersion(), "kind": p.Beside()[0].Kind}}
	if i := slices.IndexFunc(out.Beside, p.called(name)); i >= 0 {
		if !p.owned(out.Beside[i], owner) {
			return nil, fmt.Errorf("%s %s exists and is not this Rollout's; rename or delete it", made.GetKind(), name)
		}
		made = out.Beside[i].DeepCopy()
	}
	made.SetNamespace(out.Route.GetNamespace())
	made.SetName(name)
	labels := made.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v1alpha1.LabelRollout] = owner
	made.SetLabels(labels)
	made.Object["spec"] = (&unstructured.Unstructured{Object: spec}).DeepCopy().Object
	return made, nil
}
