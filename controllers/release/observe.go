package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/freeze"
	"crossfade.io/crossfade/controllers/lens"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

var serviceKind = corev1.SchemeGroupVersion.WithKind("Service")

// errStale: a cache has not caught up with our own write yet.
var errStale = errors.New("cache is behind our own write")

func isStale(err error) bool { return errors.Is(err, errStale) }

// observe reads the world of one Release. What does not exist is nil; it is no error.
func (r *Reconciler) observe(ctx context.Context, release *v1alpha1.Release) (planner.Input, error) {
	input := planner.Input{
		Now: r.Clock(), Namespace: release.Namespace, Rollout: release.Spec.Rollout.Name,
		Release: release.Name, UID: string(release.UID), Generation: release.Generation,
		Undo: release.Spec.Undo, Policy: release.Spec.Policy, Control: release.Spec.Control, Status: release.Status,
	}
	if name, until := freeze.At(input.Policy.Freezes, input.Now); name != "" {
		input.Freeze = &planner.Freeze{Name: name, Until: until}
	}
	rollout, err := r.rollout(ctx, release)
	if err != nil {
		return input, err
	}
	input.RolloutGone = rollout == nil || release.DeletionTimestamp != nil
	if rollout != nil {
		input.Current = rollout.Spec.Strategy.Steps
	}
	input.Suspended = rollout != nil && (rollout.Spec.Suspend || r.LetGo)
	deployment, err := r.deployment(ctx, release)
	if err != nil {
		return input, err
	}
	views, err := r.views(ctx, release)
	if err != nil {
		return input, err
	}
	providers, err := r.described.With(r.Providers, release.Spec.RouteKinds)
	if err != nil {
		return input, err
	}
	r.follow(views, release, providers)
	input.Observed, err = r.world(ctx, views, release, deployment, providers)
	if err != nil {
		return input, err
	}
	input.Observed.Workload.Now = input.Now
	input.Refusals = r.fresh.failures(release.UID)
	input.Evidence = r.evidence(release)
	input.Observed.Probes = r.probed(client.ObjectKeyFromObject(release))
	return input, nil
}

// rollout reads the Rollout of the Release; nil if that is gone or going.
func (r *Reconciler) rollout(ctx context.Context, release *v1alpha1.Release) (*v1alpha1.Rollout, error) {
	var rollout v1alpha1.Rollout
	key := types.NamespacedName{Namespace: release.Namespace, Name: release.Spec.Rollout.Name}
	err := r.Client.Get(ctx, key, &rollout)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Rollout %s: %w", key, err)
	}
	if rollout.UID != release.Spec.Rollout.UID || rollout.DeletionTimestamp != nil {
		return nil, nil
	}
	return &rollout, nil
}

// deployment reads the workload from the cache of armed ones, or, if it has lost its label, from the
// API server; nil if it is gone.
func (r *Reconciler) deployment(ctx context.Context, release *v1alpha1.Release) (*unstructured.Unstructured, error) {
	key := types.NamespacedName{Namespace: release.Namespace, Name: release.Spec.Policy.WorkloadRef.Name}
	for _, reader := range []client.Reader{r.Client, r.Reader} {
		deployment := &unstructured.Unstructured{}
		deployment.SetGroupVersionKind(DeploymentKind)
		err := reader.Get(ctx, key, deployment)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read Deployment %s: %w", key, err)
		}
		return r.fresh.latest(deployment)
	}
	return nil, nil
}

func (r *Reconciler) world(ctx context.Context, views map[string]View, release *v1alpha1.Release, deployment *unstructured.Unstructured, providers trafficrouting.Registry) (planner.Observed, error) {
	ref, view := release.Spec.Policy.WorkloadRef, views[release.Namespace]
	world := planner.Observed{Kind: r.Kinds[schema.GroupKind{Group: ref.Group, Kind: ref.Kind}]}
	world.Workload = workload.Objects{
		Workload: deployment, Release: release.Name + "/" + string(release.UID),
		Stable: release.Status.Progress.Stable, Canary: release.Status.Progress.Canary,
		Original: release.Status.Progress.Original,
	}
	var err error
	if deployment != nil {
		if world.Workload.Revisions, err = r.revisions(ctx, view, deployment); err != nil {
			return world, err
		}
		if world.Workload.Pods, err = pods(ctx, view, world.Workload.Revisions); err != nil {
			return world, err
		}
	}
	for _, s := range release.Spec.Policy.ServiceRefs {
		service, err := r.service(ctx, view, release, s.Name)
		if err != nil {
			return world, err
		}
		world.Services = append(world.Services, service)
	}
	for _, ref := range release.Spec.Policy.RouteRefs {
		route, err := r.route(ctx, views, release, ref, providers)
		if err != nil {
			return world, err
		}
		world.Routes = append(world.Routes, route)
	}
	return world, nil
}

// revisions returns the ReplicaSets that the Deployment controls.
func (r *Reconciler) revisions(ctx context.Context, view View, deployment *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSetList"))
	if err := view.List(ctx, list, client.MatchingFields{lens.ByOwner: string(deployment.GetUID())}); err != nil {
		return nil, fmt.Errorf("list ReplicaSets of %s: %w", deployment.GetName(), err)
	}
	var revisions []*unstructured.Unstructured
	for i := range list.Items {
		revision, err := r.fresh.latest(&list.Items[i])
		if err != nil {
			return nil, err
		}
		revisions = append(revisions, revision)
	}
	return revisions, nil
}

// pods returns the pods that the revisions control.
func pods(ctx context.Context, view View, revisions []*unstructured.Unstructured) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	for _, revision := range revisions {
		var list corev1.PodList
		if err := view.List(ctx, &list, client.MatchingFields{lens.ByOwner: string(revision.GetUID())}); err != nil {
			return nil, fmt.Errorf("list pods of %s: %w", revision.GetName(), err)
		}
		for i := range list.Items {
			pods = append(pods, &list.Items[i])
		}
	}
	return pods, nil
}

// service reads a user's Service with the canary Service beside it and their endpoints.
func (r *Reconciler) service(ctx context.Context, view View, release *v1alpha1.Release, name string) (planner.Service, error) {
	service := planner.Service{Name: name}
	var err error
	if service.User, err = r.read(ctx, view, serviceKind, release.Namespace, name); err != nil {
		return service, err
	}
	canary, err := r.read(ctx, view, serviceKind, release.Namespace, trafficrouting.CanaryOf(name))
	if err != nil {
		return service, err
	}
	// A foreign Service of that name is the user's: it is neither used nor removed.
	if canary != nil && canary.GetLabels()[v1alpha1.LabelRollout] == release.Spec.Rollout.Name {
		service.Canary = canary
	}
	service.Taken = canary != nil && service.Canary == nil
	if service.UserReady, err = readyEndpoints(ctx, view, name); err != nil {
		return service, err
	}
	service.CanaryReady, err = readyEndpoints(ctx, view, trafficrouting.CanaryOf(name))
	return service, err
}

func readyEndpoints(ctx context.Context, view View, service string) (int32, error) {
	var list discoveryv1.EndpointSliceList
	if err := view.List(ctx, &list, client.MatchingFields{lens.ByService: service}); err != nil {
		return 0, fmt.Errorf("list EndpointSlices of Service %s: %w", service, err)
	}
	slices := make([]*discoveryv1.EndpointSlice, len(list.Items))
	for i := range list.Items {
		slices[i] = &list.Items[i]
	}
	ready, _ := trafficrouting.ReadyEndpoints(slices)
	return ready, nil
}

func (r *Reconciler) route(ctx context.Context, views map[string]View, release *v1alpha1.Release, ref v1alpha1.RouteRef, providers trafficrouting.Registry) (planner.Route, error) {
	namespace := namespaceOf(ref, release)
	gk := schema.GroupKind{Group: ref.Group, Kind: ref.Kind}
	provider, ok := providers.For(ref)
	if !ok {
		return planner.Route{}, fmt.Errorf("no provider for route kind %s", gk)
	}
	gvk, err := views[namespace].KindOf(ctx, gk)
	if err != nil {
		return planner.Route{}, err
	}
	objects := trafficrouting.Objects{}
	if objects.Route, err = r.read(ctx, views[namespace], gvk, namespace, ref.Name); err != nil {
		return planner.Route{}, err
	}
	for _, kind := range provider.Beside() {
		others, err := r.beside(ctx, views[release.Namespace], kind, release.Namespace, objects.Route)
		if err != nil {
			return planner.Route{}, err
		}
		objects.Beside = append(objects.Beside, others...)
	}
	return planner.Route{Ref: ref, Provider: recalling{Provider: provider, answers: r.answers, release: release.UID}, Objects: objects}, nil
}

// beside lists the objects of a kind but for the route itself; of one that is not served there are none.
func (r *Reconciler) beside(ctx context.Context, view View, kind schema.GroupKind, namespace string, route *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	gvk, err := view.KindOf(ctx, kind)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err := view.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list %s of namespace %s: %w", kind, namespace, err)
	}
	if r.fresh.awaits(kind, namespace, list.Items) {
		return nil, errStale
	}
	var others []*unstructured.Unstructured
	for i := range list.Items {
		obj := &list.Items[i]
		if route != nil && obj.GetUID() == route.GetUID() || r.fresh.gone(obj) {
			continue
		}
		latest, err := r.fresh.latest(obj)
		if err != nil {
			return nil, err
		}
		others = append(others, latest)
	}
	slices.SortFunc(others, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return others, nil
}

// read gets one object from the lens; nil if it does not exist.
func (r *Reconciler) read(ctx context.Context, view View, gvk schema.GroupVersionKind, namespace, name string) (*unstructured.Unstructured, error) {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(gvk)
	err := view.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, obj)
	if apierrors.IsNotFound(err) {
		obj.SetNamespace(namespace)
		obj.SetName(name)
		if r.fresh.awaited(obj) {
			return nil, errStale
		}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s/%s: %w", gvk.Kind, namespace, name, err)
	}
	if r.fresh.gone(obj) {
		return nil, nil
	}
	return r.fresh.latest(obj)
}
