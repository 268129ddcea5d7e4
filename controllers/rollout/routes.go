package rollout

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	route, err := r.get(ctx, mapping.GroupVersionKind, rollout.Namespace, ref.Name)
	if meta.IsNoMatchError(err) {
		return missing, true, nil
	}
	if err != nil {
		return unreadable(err)
	}
	if route == nil {
		return stalled(v1alpha1.ReasonRouteNotFound, fmt.Sprintf(
			"%s %s does not exist in namespace %s; create it, or correct spec.routeRefs", ref.Kind, ref.Name, rollout.Namespace)), true, nil
	}
	objects := trafficrouting.Objects{Route: route}
	for _, kind := range provider.Beside() {
		others, err := r.beside(ctx, kind, route)
		if err != nil {
			return unreadable(err)
		}
		objects.Beside = append(objects.Beside, others...)
	}
	if refusal := provider.Capabilities(objects).Refusal; refusal != "" {
		return stalled(v1alpha1.ReasonRouteUnsupported, refusal), true, nil
	}
	if refusal := carries(rollout, provider, objects); refusal != "" {
		return stalled(v1alpha1.ReasonRouteUnsupported, refusal), true, nil
	}
	refusal, err = r.uncovered(ctx, rollout, route)
	if err != nil {
		return unreadable(err)
	}
	return stalled(v1alpha1.ReasonRouteUnsupported, refusal), refusal != "", nil
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
			splits = append(splits, trafficrouting.ForStep(s.Name, step))
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
		of, err := r.beside(ctx, kind, route)
		if err != nil {
			return "", err
		}
		found = append(found, of...)
	}
	var services []string
	for _, s := range rollout.Spec.ServiceRefs {
		services = append(services, s.Name)
	}
	matched := slices.ContainsFunc(rollout.Spec.Strategy.Steps, func(s v1alpha1.Step) bool { return len(s.Match) > 0 })
	return policies.Uncovered(found, route, services, matched), nil
}

// beside lists the objects of a kind in a route's namespace but for the route itself; of one that is not served there are
// none.
func (r *Reconciler) beside(ctx context.Context, kind schema.GroupKind, route *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	mapping, err := r.Sparing.RESTMapping(kind)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the version of %s: %w", kind, err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(mapping.GroupVersionKind.GroupVersion().WithKind(kind.Kind + "List"))
	err = r.Reader.List(ctx, list, client.InNamespace(route.GetNamespace()))
	if apierrors.IsNotFound(err) { // its CRD was deleted
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s of namespace %s: %w", kind, route.GetNamespace(), err)
	}
	var others []*unstructured.Unstructured
	for i := range list.Items {
		if list.Items[i].GetUID() != route.GetUID() {
			others = append(others, &list.Items[i])
		}
	}
	return others, nil
}
