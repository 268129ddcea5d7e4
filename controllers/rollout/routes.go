package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/policies"
)

func (r *Reconciler) checkRoute(ctx context.Context, rollout *v1alpha1.Rollout, ref v1alpha1.RouteRef) (finding, bool, error) {
	gk := schema.GroupKind{Group: ref.Group, Kind: ref.Kind}
	missing := stalled(v1alpha1.ReasonRouteKindMissing, fmt.Sprintf(
		"kind %s is not installed in this cluster; install its CRDs, or take %s %s out of spec.routeRefs", gk, ref.Kind, ref.Name))
	mapping, err := r.Mapper.RESTMapping(gk)
	if meta.IsNoMatchError(err) {
		return missing, true, nil
	}
	if err != nil {
		return finding{}, false, fmt.Errorf("find the version of %s: %w", gk, err)
	}
	provider, _, refusal, err := r.provider(ctx, ref)
	if refusal != "" || err != nil {
		return stalled(v1alpha1.ReasonRouteUnsupported, refusal), refusal != "", err
	}
	namespace := ptr.Deref(ref.Namespace, rollout.Namespace)
	route, err := r.get(ctx, mapping.GroupVersionKind, namespace, ref.Name)
	if meta.IsNoMatchError(err) {
		return missing, true, nil
	}
	if err != nil {
		return unreadable(err)
	}
	if route == nil {
		return stalled(v1alpha1.ReasonRouteNotFound, fmt.Sprintf(
			"%s %s does not exist in namespace %s; create it, or correct spec.routeRefs", ref.Kind, ref.Name, namespace)), true, nil
	}
	objects := trafficrouting.Objects{Route: route}
	for _, kind := range provider.Beside() {
		others, err := r.beside(ctx, kind, rollout.Namespace, route)
		if err != nil {
			return unreadable(err)
		}
		objects.Beside = append(objects.Beside, others...)
	}
	if objects.About, err = r.about(ctx, rollout, provider, objects); err != nil {
		return unreadable(err)
	}
	if refusal := cmp.Or(provider.Capabilities(objects).Refusal, r.unprobed(ref), carries(rollout, provider, objects)); refusal != "" {
		return stalled(v1alpha1.ReasonRouteUnsupported, refusal), true, nil
	}
	refusal, err = r.uncovered(ctx, rollout, route)
	if err != nil {
		return unreadable(err)
	}
	return stalled(v1alpha1.ReasonRouteUnsupported, refusal), refusal != "", nil
}

// unprobed says why a route's probes cannot be asked; empty means that they can, or that it has none.
func (r *Reconciler) unprobed(ref v1alpha1.RouteRef) string {
	if len(ref.Probes) == 0 || r.Probes {
		return ""
	}
	return fmt.Sprintf("%s %s has probes, which are switched off in this installation; have its operator set probes.enabled, or leave them out", ref.Kind, ref.Name)
}

// about reads what a route's provider goes by elsewhere, for as long as that leads to more. Other routes of the kind, of which
// there may be many, matter to copies of rules alone, and are read once for all Rollouts that are looked at meanwhile.
func (r *Reconciler) about(ctx context.Context, rollout *v1alpha1.Rollout, provider trafficrouting.Provider, objects trafficrouting.Objects) ([]*unstructured.Unstructured, error) {
	asked := map[trafficrouting.Reference]bool{}
	for {
		before := len(asked)
		for _, ref := range provider.Needs(objects) {
			if asked[ref] {
				continue
			}
			asked[ref] = true
			var found []*unstructured.Unstructured
			var err error
			read := func() ([]*unstructured.Unstructured, error) { return r.referred(ctx, ref) }
			if ref.GroupKind != objects.Route.GroupVersionKind().GroupKind() {
				found, err = read()
			} else if copies(rollout) {
				found, err = r.rivals.recent(ref, r.Clock(), read)
			}
			if err != nil {
				return nil, err
			}
			objects.About = append(objects.About, found...)
		}
		if len(asked) == before {
			return objects.About, nil
		}
	}
}

// referred reads what a reference is to; nothing if it or its kind does not exist.
func (r *Reconciler) referred(ctx context.Context, ref trafficrouting.Reference) ([]*unstructured.Unstructured, error) {
	if ref.Name == "" {
		return r.listed(ctx, ref.GroupKind, ref.Namespace)
	}
	mapping, err := r.Sparing.RESTMapping(ref.GroupKind)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the version of %s: %w", ref.GroupKind, err)
	}
	obj, err := r.get(ctx, mapping.GroupVersionKind, ref.Namespace, ref.Name)
	switch {
	case meta.IsNoMatchError(err):
		return nil, nil
	case obj == nil:
		return nil, err
	}
	return []*unstructured.Unstructured{obj}, nil
}

// unreadable tells people of what we may not read: the controller is newer than its permissions.
func unreadable(err error) (finding, bool, error) {
	if apierrors.IsForbidden(err) {
		return stalled(v1alpha1.ReasonRouteUnsupported, err.Error()+"; install the chart of this version, which permits it, for a kind that a RouteKind describes with its value routeKinds"), true, nil
	}
	return finding{}, false, err
}

// carries says why a route cannot carry a step; empty means that it can carry all.
func carries(rollout *v1alpha1.Rollout, provider trafficrouting.Provider, objects trafficrouting.Objects) string {
	owner := trafficrouting.Owner{Namespace: rollout.Namespace, Name: rollout.Name}
	for _, step := range rollout.Spec.Strategy.Steps {
		var splits []trafficrouting.Split
		for _, s := range rollout.Spec.ServiceRefs {
			splits = append(splits, trafficrouting.ForStep(s.Name, rollout.Spec.Strategy, step, rollout.Name+"-0"))
		}
		if refusal := provider.Check(objects, owner, splits); refusal != "" {
			return fmt.Sprintf("step %s: %s", step.Name, refusal)
		}
	}
	return ""
}

// uncovered says which policies would not hold for what a release adds; empty means none.
func (r *Reconciler) uncovered(ctx context.Context, rollout *v1alpha1.Rollout, route *unstructured.Unstructured) (string, error) {
	var found []*unstructured.Unstructured
	for _, kind := range policies.Uncopied {
		for _, namespace := range slices.Compact([]string{rollout.Namespace, route.GetNamespace()}) {
			of, err := r.beside(ctx, kind, namespace, route)
			if err != nil {
				return "", err
			}
			found = append(found, of...)
		}
	}
	var services []string
	for _, s := range rollout.Spec.ServiceRefs {
		services = append(services, s.Name)
	}
	return policies.Uncovered(found, route, rollout.Namespace, services, copies(rollout)), nil
}

// copies says whether a step makes copies of rules.
func copies(rollout *v1alpha1.Rollout) bool {
	return slices.ContainsFunc(rollout.Spec.Strategy.Steps, func(step v1alpha1.Step) bool {
		return len(trafficrouting.ForStep(rollout.Spec.ServiceRefs[0].Name, rollout.Spec.Strategy, step, rollout.Name+"-0").Rules) > 0
	})
}

// beside lists the objects of a kind in a namespace but for the route itself.
func (r *Reconciler) beside(ctx context.Context, kind schema.GroupKind, namespace string, route *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	found, err := r.listed(ctx, kind, namespace)
	return slices.DeleteFunc(found, func(obj *unstructured.Unstructured) bool { return obj.GetUID() == route.GetUID() }), err
}

// listed are the objects of a kind in a namespace; of one that is not served there are none.
func (r *Reconciler) listed(ctx context.Context, kind schema.GroupKind, namespace string) ([]*unstructured.Unstructured, error) {
	mapping, err := r.Sparing.RESTMapping(kind)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the version of %s: %w", kind, err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(mapping.GroupVersionKind.GroupVersion().WithKind(kind.Kind + "List"))
	err = r.Reader.List(ctx, list, client.InNamespace(namespace))
	if apierrors.IsNotFound(err) { // its CRD was deleted
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s of namespace %s: %w", kind, cmp.Or(namespace, "any"), err)
	}
	var found []*unstructured.Unstructured
	for i := range list.Items {
		found = append(found, &list.Items[i])
	}
	return found, nil
}
