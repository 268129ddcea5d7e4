package suite_test

import (
	"cmp"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

const (
	// soon bounds what takes a moment: it is long, since the machine is busy.
	soon = time.Minute
	// aWhile bounds what takes a release or a part of it.
	aWhile = 4 * time.Minute
)

// setting is what differs from scenario to scenario.
type setting struct {
	steps []v1alpha1.Step
	flags []string
	// replicas of the app; 0 means 3.
	replicas int
	// gateway is the rate of keep-alive requests through the gateway, per second; 0 means serviceRate. Half as many come on
	// fresh connections.
	gateway float64
	// extra targets beside those.
	extra []load.Target
	// node from whose network the load comes; empty means the first.
	node string
	// spread puts the pods of each version onto all nodes evenly.
	spread bool
	// cpu is the processor time that each pod requests; empty means a little. Pods without any wait for all others on a busy machine.
	cpu string
	// kind of the app's route; empty means HTTPRoute.
	kind string
	// elsewhere has the route in a namespace of its own.
	elsewhere bool
	// among are the suffixes of the scenarios, this one among them, whose apps have one route together, elsewhere.
	among []string
	// meshed makes the Service the parent of its route.
	meshed bool
	// behindTLS has the gateway call the app's pods over TLS.
	behindTLS bool
	// tcpPort is that of the gateway's listener for a TCPRoute.
	tcpPort int
	// beside are the kinds of further routes.
	beside []string
	// guarded has the gateway ask for a password.
	guarded bool
	// subset is what a DestinationRule and the VirtualService call the app's pods; empty means neither does.
	subset string
	// suffix of the name, where a test has several scenarios.
	suffix string
	// scraped has the cluster's Prometheus scrape the app's pods.
	scraped bool
	// patience bounds the wait for each part of a release; zero means aWhile.
	patience time.Duration
	// policy changes the Rollout before it is created.
	policy func(*v1alpha1.Rollout)
	// write gives the app's manifests to the cluster; nil means a forced server-side apply.
	write tool
}

// scenario is one app in a namespace of its own, under load, with its Rollout.
type scenario struct {
	t   *testing.T
	ctx context.Context
	// app is what Git says now; begun is what it said at first.
	app, begun world.App
	story      *story
	load       *world.Load
	// giveBack ends what the load has of the capacity.
	giveBack func()
	scratch  string
	// node from whose network the load comes.
	node string
	// write gives the app's manifests to the cluster.
	write tool
	// patience bounds the wait for each part of a release.
	patience time.Duration
}

func newScenario(t *testing.T, app world.App) *scenario {
	return &scenario{t: t, ctx: t.Context(), app: app, begun: app, write: gitOps, patience: aWhile}
}

// begin sets the scenario up, and returns once its Rollout is armed and its load runs.
func begin(t *testing.T, with setting) *scenario {
	t.Helper()
	s := newScenario(t, with.app(t))
	s.node, s.patience = with.node, cmp.Or(with.patience, aWhile)
	if with.write != nil {
		s.write = with.write
	}
	targets := s.targets(cmp.Or(with.gateway, serviceRate), with.extra)
	s.takePart(targets)
	s.scratch = t.TempDir() // before explain is registered, which still reads from it
	t.Cleanup(s.explain)
	s.createNamespace(s.app.Namespace)
	if with.elsewhere && (with.among == nil || with.suffix == with.among[0]) {
		s.createNamespace(s.app.RoutesIn)
	}
	s.apply(s.app)
	s.awaitComplete(s.app)
	s.story = follow(t, s.app.Namespace)
	rollout := s.app.Rollout(with.steps...)
	if with.policy != nil {
		with.policy(rollout)
	}
	s.create(rollout)
	s.awaitArmed()
	s.startLoad(targets)
	return s
}

// app of the setting.
func (with setting) app(t *testing.T) world.App {
	name := nameOf(t) + with.suffix
	app := world.App{
		Namespace: name, Host: name + ".test", Version: "v1", Scraped: with.scraped, Replicas: cmp.Or(with.replicas, 3), Flags: with.flags,
		Spread: with.spread, CPU: cmp.Or(with.cpu, "10m"), Kind: with.kind, Meshed: with.meshed, BehindTLS: with.behindTLS, TCPPort: with.tcpPort, Beside: with.beside, Subset: with.subset, Guarded: with.guarded,
	}
	if with.elsewhere {
		app.RoutesIn = name + "-edge"
	}
	if with.among != nil {
		app.Host, app.RoutesIn = hostOf(t), nameOf(t)+"-edge"
		for _, suffix := range with.among {
			app.Among = append(app.Among, nameOf(t)+suffix)
		}
	}
	return app
}

// nameOf is the name of a test's namespace.
func nameOf(t *testing.T) string {
	return strings.ToLower(strings.NewReplacer("Test", "", "/", "-", "_", "-").Replace(t.Name()))
}

// hostOf is the host by which the gateway knows a test's app.
func hostOf(t *testing.T) string { return nameOf(t) + ".test" }

func (s *scenario) createNamespace(name string) {
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	s.t.Cleanup(func() {
		err := shared.Client.Delete(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		if err != nil {
			s.t.Logf("delete namespace %s: %v", name, err)
		}
	})
}

func (s *scenario) create(obj client.Object) {
	s.t.Helper()
	require.NoError(s.t, shared.Client.Create(s.ctx, obj))
}

// apply gives all manifests of the app to the cluster.
func (s *scenario) apply(app world.App) {
	s.t.Helper()
	manifests := append([]*unstructured.Unstructured{app.Deployment(), app.Service()}, app.Policies()...)
	for _, manifest := range append(manifests, app.Routes()...) {
		_, err := s.write(s.ctx, manifest, false)
		require.NoError(s.t, err)
	}
}

// ship changes the version in Git, and writes the Deployment.
func (s *scenario) ship(version string, flags ...string) {
	s.t.Helper()
	s.app.Version, s.app.Flags = version, append(append([]string{}, s.begun.Flags...), flags...)
	_, err := s.write(s.ctx, s.app.Deployment(), false)
	require.NoError(s.t, err)
}

// serviceRate is the rate of keep-alive requests to the ClusterIP, per second; half as many come on fresh connections.
const serviceRate = 16

// targets of the load: through the gateway and to the ClusterIP, on kept and on fresh connections, and extra ones
// through the gateway.
func (s *scenario) targets(rate float64, extra []load.Target) []load.Target {
	s.t.Helper()
	versions := []string{"v1", "v2", "v3"}
	targets := []load.Target{
		{Name: "gateway", URL: s.app.URL(world.GatewayAddress), Host: s.app.Host, Rate: rate, Versions: versions},
		{Name: "gateway-fresh", URL: s.app.URL(world.GatewayAddress), Host: s.app.Host, Rate: rate / 2, Fresh: true, Versions: versions},
		{Name: "service", Rate: serviceRate, Versions: versions},
		{Name: "service-fresh", Rate: serviceRate / 2, Fresh: true, Versions: versions},
	}
	for _, target := range extra {
		target.URL, target.Rate, target.Versions = cmp.Or(target.URL, s.app.URL(world.GatewayAddress)), cmp.Or(target.Rate, 20), versions
		target.Host = cmp.Or(target.Host, s.app.Host)
		targets = append(targets, target)
	}
	for i := range targets {
		if s.app.Guarded {
			targets[i].Headers = withPassword(targets[i].Headers)
		}
		if inMesh(targets[i]) {
			targets[i].Host = "" // the mesh knows it by the Service's name
			if targets[i].Fresh {
				targets[i].Rate = min(targets[i].Rate, serviceRate/2) // kept channels tell the share of calls as well
			}
		}
	}
	return targets
}

// inMesh says whether requests to the target go by what the mesh's control plane says.
func inMesh(target load.Target) bool { return strings.HasPrefix(target.URL, "xds:") }

// takePart waits for the part of the capacity that a load of these targets needs, until it is counted.
func (s *scenario) takePart(targets []load.Target) {
	s.t.Helper()
	var err error
	s.giveBack, err = reserve(s.ctx, costOf(targets))
	require.NoError(s.t, err)
	s.t.Cleanup(s.giveBack)
}

// startLoad begins to load the app once every way to it works. Targets without URL are the ClusterIP's.
func (s *scenario) startLoad(targets []load.Target) {
	s.t.Helper()
	for i := range targets {
		targets[i].URL = cmp.Or(targets[i].URL, s.app.URL(s.service().Spec.ClusterIP))
	}
	s.eventually(soon, "answers by every way", func() (string, bool) {
		answered, err := shared.Probe(s.node, s.scratch, targets...)
		require.NoError(s.t, err)
		return "requests failed", answered
	})
	var err error
	s.load, err = shared.StartLoad(s.node, s.scratch, targets...)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _, _ = s.load.Stop() })
	s.awaitRequests(time.Now(), 100)
}

func (s *scenario) deployment(namespace string) *appsv1.Deployment {
	s.t.Helper()
	deployment := &appsv1.Deployment{}
	require.NoError(s.t, shared.Client.Get(s.ctx, client.ObjectKey{Namespace: namespace, Name: world.AppName}, deployment))
	return deployment
}

func (s *scenario) service() *corev1.Service {
	s.t.Helper()
	service := &corev1.Service{}
	require.NoError(s.t, shared.Client.Get(s.ctx, s.key(), service))
	return service
}

func (s *scenario) rollout() *v1alpha1.Rollout {
	s.t.Helper()
	rollout := &v1alpha1.Rollout{}
	require.NoError(s.t, shared.Client.Get(s.ctx, s.key(), rollout))
	return rollout
}

func (s *scenario) key() client.ObjectKey {
	return client.ObjectKey{Namespace: s.app.Namespace, Name: world.AppName}
}

// canaryPods are the pods of a version that have not been told to stop.
func (s *scenario) podsOf(version string) []corev1.Pod {
	s.t.Helper()
	var pods corev1.PodList
	require.NoError(s.t, shared.Client.List(s.ctx, &pods, client.InNamespace(s.app.Namespace)))
	var found []corev1.Pod
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil && strings.Contains(strings.Join(pod.Spec.Containers[0].Args, " "), "--version="+version) {
			found = append(found, pod)
		}
	}
	return found
}

func (s *scenario) awaitArmed() {
	s.t.Helper()
	s.eventually(soon, "Rollout armed", func() (string, bool) {
		conditions := s.rollout().Status.Conditions
		return describe(conditions), meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionArmed)
	})
}

// awaitComplete waits until the native controller has nothing left to do.
func (s *scenario) awaitComplete(app world.App) {
	s.t.Helper()
	s.eventually(aWhile, "Deployment complete in "+app.Namespace, func() (string, bool) {
		deployment := s.deployment(app.Namespace)
		status, wanted := deployment.Status, *deployment.Spec.Replicas
		done := status.ObservedGeneration == deployment.Generation && status.UpdatedReplicas == wanted &&
			status.AvailableReplicas == wanted && status.Replicas == wanted
		return toJSON(status), done
	})
}
