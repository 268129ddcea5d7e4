package main

import (
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/analyst"
	"crossfade.io/crossfade/controllers/lens"
	"crossfade.io/crossfade/controllers/prober"
	"crossfade.io/crossfade/controllers/release"
	"crossfade.io/crossfade/controllers/rollout"
	"crossfade.io/crossfade/controllers/routekind"
	"crossfade.io/crossfade/trafficrouting/providers"
	"crossfade.io/crossfade/workload"
	"crossfade.io/crossfade/workload/deployment"
)

// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;update,namespace=crossfade
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch,namespace=crossfade

// newManager wires caches, controllers, health and leader election.
func newManager(config *rest.Config, o options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	caches, err := cacheOptions(o.hook)
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         caches,
		Client:                        client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:        o.healthAddress,
		PprofBindAddress:              o.profilingAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              "crossfade",
		LeaderElectionNamespace:       o.leaderNamespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &o.lease,
		RenewDeadline:                 &o.renew,
		RetryPeriod:                   &o.retry,
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	if err := addControllers(mgr, o); err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("add the health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("add the readiness check: %w", err)
	}
	return mgr, nil
}

// cacheOptions keep in memory what concerns us alone: armed Deployments and Releases in flight.
func cacheOptions(o hookOptions) (cache.Options, error) {
	armed, err := labels.NewRequirement(v1alpha1.LabelRollout, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("select armed workloads: %w", err)
	}
	deployments := &unstructured.Unstructured{}
	deployments.SetGroupVersionKind(release.DeploymentKind)
	shared := true // what changes a workload changes a copy
	of := map[client.Object]cache.ByObject{
		deployments:         {Label: labels.NewSelector().Add(*armed), UnsafeDisableDeepCopy: &shared, Transform: lens.SlimManagers},
		&v1alpha1.Release{}: {Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelActive: "true"})},
	}
	if o.port != 0 {
		key, err := o.secretKey()
		if err != nil {
			return cache.Options{}, err
		}
		of[&corev1.Secret{}] = cache.ByObject{
			Namespaces: map[string]cache.Config{key.Namespace: {}}, Field: fields.OneTermEqualSelector("metadata.name", key.Name),
		}
	}
	return cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: of}, nil
}

func addControllers(mgr ctrl.Manager, o options) error {
	kinds := map[schema.GroupKind]workload.Kind{{Group: "apps", Kind: "Deployment"}: deployment.Kind{}}
	routes := providers.Registry()
	gate, err := gateOf(mgr.GetRESTMapper(), o.hook)
	if err != nil {
		return err
	}
	sparing := lens.Sparing(mgr.GetRESTMapper())
	lenses := &lens.Lenses{Config: mgr.GetConfig(), HTTP: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: sparing}
	opens, err := newSources(mgr, o)
	if err != nil {
		return err
	}
	judge, err := analyst.New(mgr, opens, o.analysis.lag, metrics.Registry)
	if err != nil {
		return err
	}
	releases := &release.Reconciler{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("crossfade"),
		Metrics: release.NewMetrics(metrics.Registry), Kinds: kinds, Providers: routes,
		Clock: time.Now, Workers: o.workers,
		Views: release.Through(lenses), LetGo: o.letGo != "",
		Analyst: judge,
		Prober:  &prober.Prober{Clock: time.Now, Allowed: o.probes, Forbidden: prober.Forbidden},
	}
	if err := releases.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("set up the release controller: %w", err)
	}
	rollouts := &rollout.Reconciler{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(), Mapper: mgr.GetRESTMapper(), Sparing: sparing, Lenses: lenses,
		Recorder: mgr.GetEventRecorder("crossfade"), Kinds: kinds, Providers: routes,
		Clock: time.Now, Gate: gate, Ignored: o.ignored, LetGo: o.letGo != "", Probes: o.probes,
		Prometheus: o.analysis.prometheus != "",
	}
	if err := rollouts.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("set up the rollout controller: %w", err)
	}
	if err := (&routekind.Reconciler{Client: mgr.GetClient()}).SetupWithManager(mgr); err != nil {
		return fmt.Errorf("set up the routekind controller: %w", err)
	}
	return addWebhook(mgr, o.hook, o.ignored, routes)
}

// gateOf tells the kinds of object that gate and guards are made of; none where the API server serves no policies
// and the webhook does not stand in for them.
func gateOf(mapper meta.RESTMapper, o hookOptions) ([]client.Object, error) {
	if o.tables {
		return []client.Object{&admissionregistrationv1.MutatingWebhookConfiguration{}}, nil
	}
	kind := schema.GroupKind{Group: admissionregistrationv1.GroupName, Kind: "MutatingAdmissionPolicy"}
	_, err := mapper.RESTMapping(kind, "v1")
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find out whether %s is served: %w", kind, err)
	}
	return []client.Object{
		&admissionregistrationv1.MutatingAdmissionPolicy{}, &admissionregistrationv1.MutatingAdmissionPolicyBinding{},
	}, nil
}
