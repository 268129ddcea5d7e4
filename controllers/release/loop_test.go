package release_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/trafficrouting/providers"
	"crossfade.io/crossfade/workload"
	"crossfade.io/crossfade/workload/deployment"
)

// What all worlds share: the ports' values, and counters that nobody reads.
var (
	kinds    = map[schema.GroupKind]workload.Kind{{Group: "apps", Kind: "Deployment"}: deployment.Kind{}}
	registry = providers.Registry()
	metrics  = sync.OnceValue(func() *release.Metrics { return release.NewMetrics(prometheus.NewRegistry()) })
)

// background has a logger that nobody reads.
var background = ctrl.LoggerInto(context.Background(), logr.Discard())

// silent is a recorder of Events that nobody reads.
type silent struct{ events.EventRecorder }

// Eventf is the recorder's.
func (silent) Eventf(_, _ runtime.Object, _, _, _, _ string, _ ...any) {}

// reconciler is the product's, on this world, as the process that runs it now remembers it.
func (w *world) reconciler(watch func(planner.Input, planner.Decision)) *release.Reconciler {
	r := &release.Reconciler{
		Client: &apiServer{world: w}, Reader: &apiServer{world: w, uncached: true}, Views: views{w}, Recorder: silent{}, Metrics: metrics(),
		Kinds: kinds, Providers: registry, Clock: w.now,
	}
	if len(w.policy.RouteRefs[0].Probes) > 0 {
		r.Prober = prober{w}
	}
	if w.evidence != nil {
		r.Analyst = analyst{w}
	}
	r.Start(w.memory, watch)
	return r
}

// analyst is the evidence of a world.
type analyst struct{ world *world }

// Judge tells the evidence as it is.
func (a analyst) Judge(*v1alpha1.Release, func()) *planner.Evidence {
	evidence := *a.world.evidence
	return &evidence
}

// Forget has nothing to forget.
func (analyst) Forget(types.NamespacedName) {}

// reconcile is one look of the product at the Release.
func (w *world) reconcile() planner.Decision {
	w.t.Helper()
	w.sent, w.firstNative, w.dead, w.spoiled, w.planned = 0, -1, false, false, nil
	r := w.reconciler(func(_ planner.Input, d planner.Decision) { w.planned = &d })
	result, err := r.Reconcile(background, reconcile.Request{NamespacedName: w.releaseKey()})
	w.again, w.memory = result.RequeueAfter, r.Memory()
	if w.dead {
		w.memory, w.dead = release.Memory{}, false // another process takes over
		w.proxies.asked, w.proxies.answers = nil, nil
		return w.last
	}
	if err != nil {
		require.True(w.t, w.spoiled, "a look fails though nothing was wrong: %v\n%s", err, w.tale.String())
	}
	// What an old reading of the Release had it decide, and not persist, is no decision.
	if _, old := w.lag[kindRelease]; w.planned != nil && err == nil && !old {
		w.decided()
	}
	return w.last
}

// decided takes note of what the look decided, once it is persisted, or there is nothing to persist.
func (w *world) decided() {
	if w.planned == nil {
		return
	}
	d := *w.planned
	w.planned = nil
	w.tell(d)
	if w.judgeDecision != nil {
		w.judgeDecision(w.status, d)
	}
	w.last = d
}

func (w *world) releaseKey() types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("checkout-%d", w.number)}
}

// theRelease is the Release as the API server has it.
func (w *world) theRelease() *v1alpha1.Release {
	key := w.releaseKey()
	out := &v1alpha1.Release{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: key.Name, UID: types.UID(fmt.Sprintf("uid-of-release-%d", w.number)), Generation: 1,
			ResourceVersion: fmt.Sprint(w.releaseVersion), Labels: map[string]string{v1alpha1.LabelRollout: "checkout"},
		},
		Spec: v1alpha1.ReleaseSpec{
			Rollout: v1alpha1.RolloutIdentity{Name: "checkout", UID: rolloutUID}, Number: int64(w.number), Policy: w.policy, Control: w.control, Undo: w.undo,
		},
		Status: w.status,
	}
	if !w.free {
		out.Labels[v1alpha1.LabelActive] = "true"
		out.Finalizers = []string{v1alpha1.Finalizer}
	}
	return out
}

const rolloutUID = types.UID("uid-of-rollout")

// input is what the shell would decide on now; a copy, to be spoiled at will.
func (w *world) input() planner.Input {
	w.t.Helper()
	r := w.reconciler(func(planner.Input, planner.Decision) {})
	in, err := r.Observe(background, w.theRelease())
	require.NoError(w.t, err)
	return copied(in)
}

func copied(in planner.Input) planner.Input {
	in.Policy, in.Control, in.Status = *in.Policy.DeepCopy(), *in.Control.DeepCopy(), *in.Status.DeepCopy()
	objects := &in.Observed.Workload
	objects.Workload, objects.Original = copyOf(objects.Workload), objects.Original.DeepCopy()
	for i, revision := range objects.Revisions {
		objects.Revisions[i] = revision.DeepCopy()
	}
	for i := range in.Observed.Services {
		s := &in.Observed.Services[i]
		s.User, s.Canary = copyOf(s.User), copyOf(s.Canary)
	}
	for i := range in.Observed.Routes {
		r := &in.Observed.Routes[i].Objects
		r.Route = copyOf(r.Route)
	}
	return in
}

func copyOf(obj *unstructured.Unstructured) *unstructured.Unstructured {
	if obj == nil {
		return nil
	}
	return obj.DeepCopy()
}
