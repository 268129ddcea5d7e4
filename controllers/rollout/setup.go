// Package rollout arms the workloads of Rollouts: it checks what a Rollout names, proves that a new
// template would be held, and opens a Release when one is.
package rollout

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/lens"
	"crossfade.io/crossfade/controllers/routekind"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// +kubebuilder:rbac:groups=crossfade.io,resources=rollouts,verbs=get;list;watch
// +kubebuilder:rbac:groups=crossfade.io,resources=rollouts/status,verbs=update
// +kubebuilder:rbac:groups=crossfade.io,resources=rollouts/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=update
// +kubebuilder:rbac:groups=application-networking.k8s.aws,resources=targetgrouppolicies,verbs=list
// +kubebuilder:rbac:groups=gateway.envoyproxy.io,resources=backendtrafficpolicies;envoyextensionpolicies;securitypolicies,verbs=list
// +kubebuilder:rbac:groups=gateway.k8s.aws,resources=targetgroupconfigurations,verbs=list
// +kubebuilder:rbac:groups=gateway.kgateway.dev,resources=backendconfigpolicies;trafficpolicies,verbs=list
// +kubebuilder:rbac:groups=gateway.nginx.org,resources=upstreamsettingspolicies,verbs=list
// +kubebuilder:rbac:groups=kuadrant.io,resources=authpolicies;ratelimitpolicies,verbs=list
// +kubebuilder:rbac:groups=networking.gke.io,resources=gcpsessionaffinitypolicies,verbs=list
// +kubebuilder:rbac:groups=security.istio.io,resources=authorizationpolicies;requestauthentications,verbs=list
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingadmissionpolicies;mutatingadmissionpolicybindings,verbs=list;watch

// Reconciler arms the workloads of Rollouts and opens their Releases.
type Reconciler struct {
	// Client reads from the caches; Reader reads from the API server.
	Client client.Client
	Reader client.Reader
	Lenses *lens.Lenses
	Mapper meta.RESTMapper
	// Sparing is the Mapper for kinds that need not be served.
	Sparing  meta.RESTMapper
	Recorder events.EventRecorder
	Kinds    map[schema.GroupKind]workload.Kind
	// Providers translate the kinds of route.
	Providers trafficrouting.Registry
	Clock     func() time.Time
	// Gate is the kinds of object that gate and guards are made of. Empty means that there is no way to hold a template.
	Gate []client.Object
	// Ignored are pod-template annotations whose change alone is no new version.
	Ignored []string
	// LetGo treats every Rollout as suspended.
	LetGo bool
	// Probes says that those of Rollouts may have requests sent.
	Probes bool
	// Prometheus says that the installation has one, which is asked where no source is named.
	Prometheus bool

	memory    memory
	rivals    rivals
	described routekind.Kinds
}

// SetupWithManager registers the Reconciler and its watches.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	templates, err := r.templateKinds()
	if err != nil {
		return err
	}
	b := ctrl.NewControllerManagedBy(mgr).
		Named("rollout").
		For(&v1alpha1.Rollout{}, builder.WithPredicates(predicate.Or[client.Object](
			predicate.GenerationChangedPredicate{}, predicate.Funcs{UpdateFunc: asksToRetry}))).
		Watches(deploymentObject(), handler.EnqueueRequestsFromMapFunc(ofWorkload)).
		Watches(&v1alpha1.Release{}, handler.EnqueueRequestsFromMapFunc(ofRelease), builder.WithPredicates(predicate.Funcs{UpdateFunc: tellsNews})).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4})
	for _, kind := range templates {
		b = b.Watches(kind, handler.EnqueueRequestsFromMapFunc(r.ofTemplate), builder.WithPredicates(predicate.GenerationChangedPredicate{}))
	}
	for _, kind := range r.Gate {
		b = b.Watches(kind, handler.EnqueueRequestsFromMapFunc(r.all))
	}
	return b.Complete(r)
}

// templateKinds are the kinds of template to watch: none where every Rollout is let go of. Helm never upgrades CRDs, so after an
// upgrade they may be missing; to wait for their caches would end the controller again and again, and not say why.
func (r *Reconciler) templateKinds() ([]client.Object, error) {
	if r.LetGo {
		return nil, nil
	}
	for _, kind := range []string{"AnalysisTemplate", clusterTemplate} {
		_, err := r.Mapper.RESTMapping(v1alpha1.GroupVersion.WithKind(kind).GroupKind(), v1alpha1.GroupVersion.Version)
		if meta.IsNoMatchError(err) {
			return nil, fmt.Errorf("the API server has no %s; apply the CRDs of this version first: kubectl apply --server-side -f charts/crossfade/crds", kind)
		}
		if err != nil {
			return nil, fmt.Errorf("find out whether %s is served: %w", kind, err)
		}
	}
	return []client.Object{&v1alpha1.AnalysisTemplate{}, &v1alpha1.ClusterAnalysisTemplate{}}, nil
}

// asksToRetry: the change of a Rollout is that a rejected template is to be tried again.
func asksToRetry(e event.UpdateEvent) bool {
	asked := e.ObjectNew.GetAnnotations()[v1alpha1.AnnotationRetry]
	return asked != "" && asked != e.ObjectOld.GetAnnotations()[v1alpha1.AnnotationRetry]
}

// ofWorkload maps an armed workload to its Rollout.
func ofWorkload(_ context.Context, obj client.Object) []reconcile.Request {
	return named(obj.GetNamespace(), obj.GetLabels()[v1alpha1.LabelRollout])
}

// ofRelease maps a Release to its Rollout.
func ofRelease(_ context.Context, obj client.Object) []reconcile.Request {
	return named(obj.GetNamespace(), obj.GetLabels()[v1alpha1.LabelRollout])
}

// tellsNews: the change of a Release changes what its Rollout says of it, or whether the gate is believed.
func tellsNews(e event.UpdateEvent) bool {
	before, wasRelease := e.ObjectOld.(*v1alpha1.Release)
	after, isRelease := e.ObjectNew.(*v1alpha1.Release)
	return !wasRelease || !isRelease || inFlight(before) != inFlight(after) ||
		before.Status.Progress.Cause != after.Status.Progress.Cause
}

func named(namespace, rollout string) []reconcile.Request {
	if rollout == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: rollout}}}
}

// all maps a change of the gate itself to every Rollout: each is to be proven again.
func (r *Reconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	r.memory.doubtAll()
	var rollouts v1alpha1.RolloutList
	if err := r.Client.List(ctx, &rollouts); err != nil {
		return nil // the cache is not synced yet; each Rollout's own event follows
	}
	var requests []reconcile.Request
	for i := range rollouts.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&rollouts.Items[i])})
	}
	return requests
}
