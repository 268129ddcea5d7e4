// Package release is the imperative shell around the planner: it reads the world of one Release,
// has the planner decide, persists the decision, and sends the writes.
package release

import (
	"context"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/lens"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/controllers/routekind"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// +kubebuilder:rbac:groups=crossfade.io,resources=releases,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=crossfade.io,resources=releases/status,verbs=patch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=list;watch;patch
// +kubebuilder:rbac:groups=apps,resources=replicasets/scale,verbs=update
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// DeploymentKind is the kind of workload that is released.
var DeploymentKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}

// Reconciler drives the Releases in flight.
type Reconciler struct {
	// Client reads from the caches; Reader reads from the API server.
	Client    client.Client
	Reader    client.Reader
	Views     Views
	Recorder  events.EventRecorder
	Metrics   *Metrics
	Kinds     map[schema.GroupKind]workload.Kind
	Providers trafficrouting.Registry
	Clock     Clock
	// Analyst judges canaries; nil judges none.
	Analyst Analyst
	// Prober asks probes; nil asks none, which a Release with probes waits for in vain.
	Prober Prober
	// Workers is how many Releases are reconciled at a time.
	Workers int
	// LetGo treats every Rollout as suspended.
	LetGo bool

	described routekind.Kinds
	fresh     *freshness
	answers   *lru.Cache
	// plan is planner.Plan.
	plan func(planner.Input) planner.Decision
	// enqueue has a Release reconciled.
	enqueue func(reconcile.Request)
}

// SetupWithManager registers the Reconciler and its watches.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.begin()
	deployments := &unstructured.Unstructured{}
	deployments.SetGroupVersionKind(DeploymentKind)
	return ctrl.NewControllerManagedBy(mgr).
		Named("release").
		For(&v1alpha1.Release{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Rollout{}, handler.EnqueueRequestsFromMapFunc(r.activeRelease)).
		Watches(deployments, r.ofWorkload()).
		WatchesRawSource(source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			r.enqueue = q.Add
			return nil
		})).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Workers}).
		Complete(r)
}

// begin has the Reconciler know nothing yet.
func (r *Reconciler) begin() {
	r.fresh, r.answers, r.plan = newFreshness(r.Clock), lru.New(recalled), planner.Plan
}

// ofWorkload wakes the Release in flight of an armed workload's Rollout. Of the workload's status matters only
// whether its controller has seen its spec: pods are counted by themselves.
func (r *Reconciler) ofWorkload() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(ctx context.Context, workload client.Object, q queue, gone bool) {
		for _, release := range r.activeReleases(ctx, workload.GetNamespace(), workload.GetLabels()[v1alpha1.LabelRollout]) {
			if gone || !r.fresh.echo(workload, release.NamespacedName) {
				q.Add(release)
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { wake(ctx, e.Object, q, false) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			if e.ObjectOld.GetLabels()[v1alpha1.LabelRollout] != e.ObjectNew.GetLabels()[v1alpha1.LabelRollout] {
				wake(ctx, e.ObjectOld, q, true)
			}
			if lens.Material(withoutCounts(e.ObjectOld), withoutCounts(e.ObjectNew)) {
				wake(ctx, e.ObjectNew, q, false)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { wake(ctx, e.Object, q, true) },
	}
}

// withoutCounts leaves of a workload's status the generation that its controller has seen.
func withoutCounts(obj client.Object) client.Object {
	workload, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return obj
	}
	seen, _, _ := unstructured.NestedInt64(workload.Object, "status", "observedGeneration")
	shallow := maps.Clone(workload.Object)
	shallow["status"] = seen
	return &unstructured.Unstructured{Object: shallow}
}

// activeRelease maps a Rollout to its Release in flight.
func (r *Reconciler) activeRelease(ctx context.Context, rollout client.Object) []reconcile.Request {
	return r.activeReleases(ctx, rollout.GetNamespace(), rollout.GetName())
}

// activeReleases are the Releases in flight of a Rollout.
func (r *Reconciler) activeReleases(ctx context.Context, namespace, rollout string) []reconcile.Request {
	if rollout == "" {
		return nil
	}
	var releases v1alpha1.ReleaseList
	err := r.Client.List(ctx, &releases, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelRollout: rollout})
	if err != nil {
		return nil // the cache is not synced yet; the Release's own event follows
	}
	var requests []reconcile.Request
	for _, release := range releases.Items {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: release.Name}})
	}
	return requests
}
