package planner_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/workload/deployment"
	"crossfade.io/crossfade/workload/nativedeployment"
)

// world is a small cluster around one Release: the planner, the real pure parts, and models of what
// else moves. One tick is one reconcile, after which each party looks once; it takes a second.
type world struct {
	t       *testing.T
	model   *nativedeployment.Model
	store   *store
	slices  map[string][]*discoveryv1.EndpointSlice
	policy  v1alpha1.RolloutSpec
	number  int
	control v1alpha1.Control
	status  v1alpha1.ReleaseStatus
	// rolloutGone, ended and the last decision of the Release in flight.
	rolloutGone, ended bool
	last               planner.Decision
	// lacksGateway: no gateway takes notice of routes.
	lacksGateway bool
	// revert is the route that another writer insists on; nil if nobody does.
	revert *unstructured.Unstructured
	// user is what the user wants of each object, as it would be without Crossfade.
	user *userWorld
	tale *tale
	// begun is when the world began.
	begun time.Time
	// faults may spoil a tick; watch sees every instant.
	faults faults
	watch  func(what string)
}

// faults spoil one reconcile.
type faults struct {
	// crash ends the reconcile before the write of this index; -1 never does.
	crash int
	// conflict makes somebody touch the object of the write of this index just before it; -1 never does.
	conflict int
	// past is an older reading that a lagging cache gives; nil reads the present.
	past *planner.Input
}

var noFaults = faults{crash: -1, conflict: -1}

// newWorld returns a world at rest, whose workload runs checkout:1 and whose Rollout is armed.
func newWorld(t *testing.T, o options) *world {
	t.Helper()
	o = o.withDefaults()
	w := &world{
		t: t, policy: o.policy(), store: newStore(), slices: map[string][]*discoveryv1.EndpointSlice{},
		number: 1, faults: noFaults, tale: &tale{}, user: &userWorld{objects: map[string]*unstructured.Unstructured{}},
	}
	w.model = nativedeployment.New(parse(t, fmt.Sprintf(deploymentYAML, o.replicas, o.minReady)))
	w.model.Starts = func(template map[string]any) bool { return !strings.HasSuffix(imageOf(template), "-broken") }
	require.NoError(t, w.model.Settle())
	w.begun = w.model.Now
	w.user.deployment = w.model.Deployment.DeepCopy()
	for _, name := range o.services {
		w.wish(parse(t, fmt.Sprintf(serviceYAML, name)))
	}
	w.wish(parse(t, o.route))
	w.others()
	return w
}

// wish stores an object as the user wrote it.
func (w *world) wish(obj *unstructured.Unstructured) {
	w.user.objects[keyOf(obj)] = obj.DeepCopy()
	w.store.put(obj)
}

func (w *world) now() time.Time { return w.model.Now }

// input is what the shell would read now. A Deployment that has lost our label is not in its cache.
func (w *world) input() planner.Input {
	in := planner.Input{
		Now: w.now(), Namespace: "shop", Rollout: "checkout",
		Release: fmt.Sprintf("checkout-%d", w.number), UID: fmt.Sprintf("uid-of-release-%d", w.number), Generation: 1,
		RolloutGone: w.rolloutGone, Policy: *w.policy.DeepCopy(), Control: *w.control.DeepCopy(), Status: *w.status.DeepCopy(),
	}
	objects := w.model.Objects()
	if objects.Workload == nil || objects.Workload.GetLabels()[v1alpha1.LabelRollout] == "" {
		objects.Workload, objects.Revisions, objects.Pods = nil, nil, nil
	}
	objects.Release = in.Release + "/" + in.UID
	objects.Stable, objects.Canary = w.status.Progress.Stable, w.status.Progress.Canary
	objects.Original = w.status.Progress.Original.DeepCopy()
	in.Observed = planner.Observed{Kind: deployment.Kind{}, Workload: objects}
	for _, ref := range w.policy.ServiceRefs {
		s := planner.Service{Name: ref.Name, User: w.store.get("Service", ref.Name)}
		if canary := w.store.get("Service", ref.Name+v1alpha1.CanarySuffix); canary.GetLabelsOrNil()[v1alpha1.LabelRollout] == "checkout" {
			s.Canary = canary.DeepCopyOrNil()
		}
		s.UserReady, _ = trafficrouting.ReadyEndpoints(w.slices[ref.Name])
		s.CanaryReady, _ = trafficrouting.ReadyEndpoints(w.slices[ref.Name+v1alpha1.CanarySuffix])
		in.Observed.Services = append(in.Observed.Services, s)
	}
	for _, ref := range w.policy.RouteRefs {
		in.Observed.Routes = append(in.Observed.Routes, planner.Route{
			Ref: ref, Provider: gatewayapi.HTTPRoute{}, Objects: trafficrouting.Objects{Route: w.store.get(ref.Kind, ref.Name)},
		})
	}
	return in
}
