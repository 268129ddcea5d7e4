package release_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload/nativedeployment"
)

// world is a small cluster around one Release: the planner, the real pure parts, and models of what
// else moves. One tick is one reconcile, after which each other party looks once; it takes a second.
type world struct {
	t       testing.TB
	model   *nativedeployment.Model
	store   *store
	slices  map[string]*discoveryv1.EndpointSlice
	policy  v1alpha1.RolloutSpec
	number  int
	control v1alpha1.Control
	// undo says that this Release's version comes back.
	undo *v1alpha1.Undo
	// edited are the Rollout's steps where they are not those of the policy any more.
	edited []v1alpha1.Step
	status v1alpha1.ReleaseStatus
	// rolloutGone and ended are facts of the Release in flight; last is its last decision.
	// late: the Rollout went past the point of no return.
	rolloutGone, suspended, late, ended bool
	last                                planner.Decision
	// releaseVersion is the Release's resourceVersion; free: it has no finalizer any more; releaseGone: it was deleted.
	releaseVersion    int64
	free, releaseGone bool
	// memory is what the product's process knows of its own writes; again is when it
	// wants to look next.
	memory release.Memory
	again  time.Duration
	// planned is the decision of the look that goes on, until it is persisted; sent counts its writes; firstNative is
	// which of them was the first that the native controllers answer, from 1, -1 if none was; spoiled: one of them had
	// a mishap; dead: the process has ended.
	planned           *planner.Decision
	sent, firstNative int
	spoiled, dead     bool
	// lag holds, by kind, what a cache that lags behind still has.
	lag map[string]reading
	// struck: fate took a canary pod, and not all of the canary's have served since.
	struck bool
	// robbed counts the stable pods that fate took since stable was whole.
	robbed int
	// unpinned: somebody took the pin from the Service, with no guard to keep it, and it is not back yet.
	unpinned bool
	// refused names an object that a webhook lets nobody write; empty is none.
	refused string
	// deaf: no gateway takes notice of routes.
	deaf bool
	// proxies are what probes meet.
	proxies proxies
	// rival is the route that another writer insists on; nil if nobody does.
	rival *unstructured.Unstructured
	// evidence on the canary; nil where nothing is judged.
	evidence *planner.Evidence
	// fails says why pods of an image end; empty if they don't.
	fails map[string]failure
	// user is what the user wants, as it would be without Crossfade.
	user userWorld
	tale tale
	// begun is when the world began.
	begun time.Time
	// faults may spoil a tick; watch, if any, sees every instant.
	faults faults
	watch  func(what string)
	// judgeDecision, if any, sees every decision with the status that it was made on.
	judgeDecision func(before v1alpha1.ReleaseStatus, d planner.Decision)
}

type failure struct {
	reason   string
	restarts int32
}

// userWorld is the user's wish: objects as the user wrote them, and the image that was stable.
type userWorld struct {
	deployment *unstructured.Unstructured
	objects    map[string]*unstructured.Unstructured
	stable     string
	paused     bool
}

// newWorld returns a world at rest, whose workload runs checkout:1 and whose Rollout is armed.
func newWorld(t testing.TB, o options) *world {
	t.Helper()
	o = o.withDefaults()
	w := &world{
		t: t, policy: o.policy(), store: newStore(), slices: map[string]*discoveryv1.EndpointSlice{},
		number: 1, releaseVersion: 1, faults: noFaults, fails: map[string]failure{},
		user: userWorld{objects: map[string]*unstructured.Unstructured{}, stable: "checkout:1"},
	}
	w.model = nativedeployment.New(parse(t, fmt.Sprintf(deploymentYAML, o.replicas, o.minReady, o.bounds)))
	require.NoError(t, w.model.Settle())
	w.model.Advance(time.Hour)
	w.begun = w.model.Now
	w.user.deployment = w.model.Deployment.DeepCopy()
	for _, name := range o.services {
		w.wish(parse(t, fmt.Sprintf(serviceYAML, name)))
	}
	w.wish(parse(t, o.route))
	if o.tls {
		w.wish(parse(t, policyYAML))
	}
	if o.ingress {
		w.user.objects[keyOf(kindRoute, "checkout")] = w.store.get(kindRoute, "checkout")
	}
	for w.others() {
	}
	return w
}

// wish stores an object as the user wrote it.
func (w *world) wish(obj *unstructured.Unstructured) {
	w.user.objects[keyOf(obj.GetKind(), obj.GetName())] = obj.DeepCopy()
	w.store.put(obj)
}

// steps are those that the Release follows.
func (w *world) steps() []v1alpha1.Step {
	if refreshed := w.status.Progress.Steps; len(refreshed) > 0 {
		return refreshed
	}
	return w.policy.Strategy.Steps
}

func (w *world) now() time.Time { return w.model.Now }

// ready counts the endpoints of a Service as the shell does.
func (w *world) ready(service string) int32 {
	return readyIn(w.slices[service])
}

func readyIn(slice *discoveryv1.EndpointSlice) int32 {
	if slice == nil {
		return 0
	}
	ready, _ := trafficrouting.ReadyEndpoints([]*discoveryv1.EndpointSlice{slice})
	return ready
}

// touch is a foreign write that means nothing, but moves the version on.
func (w *world) touch(write intent.Write) {
	switch write.Kind.Kind {
	case "Deployment":
		require.NoError(w.t, w.model.Edit(func(obj map[string]any) { annotate(obj, w.now()) }))
	case "ReplicaSet":
		require.NoError(w.t, w.model.EditReplicaSet(write.Name, func(obj map[string]any) { annotate(obj, w.now()) }))
	default:
		w.store.touch(write.Kind.Kind, write.Name)
	}
}

func (w *world) instant(what string) {
	if w.watch != nil {
		w.watch(what)
	}
}

// others lets everything but Crossfade look once, and says whether anything moved.
func (w *world) others() bool {
	moved := w.model.SyncDeployment()
	w.instant("the Deployment controller looked")
	moved = w.model.SyncReplicaSets() || moved
	w.instant("the ReplicaSet controller looked")
	moved = w.model.Kubelet() || moved
	moved = w.crash() || moved
	w.instant("the kubelet looked")
	moved = w.collectGarbage() || moved
	moved = w.syncEndpoints() || moved
	moved = w.contend() || moved
	moved = w.acceptRoutes() || moved
	moved = !w.proxies.behind && w.takeRoute() || moved
	moved = w.answerProbes() || moved
	w.instant("endpoints and gateway looked")
	return moved
}

// tick is a reconcile and a look of everybody else. It says whether anything moved.
func (w *world) tick() bool {
	w.t.Helper()
	before := w.status
	d := w.reconcile()
	moved := w.others() || len(d.Writes) > 0 || before.Progress.Stage != d.Status.Progress.Stage
	w.model.Advance(time.Second)
	return moved
}

// most is more ticks than any wait of a story or walk needs.
const most = 400

// until ticks until something is so; time passes as the decisions ask. It fails if the world comes to
// rest before.
func (w *world) until(what string, so func() bool) {
	w.t.Helper()
	for range most {
		if so() {
			return
		}
		if w.tick() {
			continue
		}
		if so() {
			return
		}
		require.False(w.t, w.idle(), "at rest before %s: %s: %s\n%s", what, w.last.Rule, w.last.Status.Message, w.tale.String())
		w.model.Advance(w.last.Wake)
	}
	require.FailNow(w.t, "never: "+what, "%s: %s\n%s", w.last.Rule, w.last.Status.Message, w.tale.String())
}

// rest ticks until nothing happens any more without the user.
func (w *world) rest() { w.t.Helper(); w.until("rest", w.idle) }

// idle: the last decision waits for an event, and no party has anything to do.
func (w *world) idle() bool { return w.last.Rule != "" && (w.ended || w.last.Wake == 0 && w.quiet()) }

// quiet: nothing is left to do for anybody at this moment.
func (w *world) quiet() bool {
	d := planner.Plan(w.input())
	return len(d.Writes) == 0 && d.Wake == 0 && !w.others()
}

// at goes on until the Release holds at a step.
func (w *world) at(step string) {
	w.t.Helper()
	w.until("holds at "+step, func() bool { return w.status.StepName == step && w.last.Rule == planner.RuleHolding })
}

// stage goes on until the Release is at a stage.
func (w *world) stage(name v1alpha1.Stage) {
	w.t.Helper()
	w.until("stage "+string(name), func() bool { return w.status.Progress.Stage == name })
}

// end goes on until the Release has ended, and checks that all is as the user wrote it.
func (w *world) end(outcome v1alpha1.Outcome) {
	w.t.Helper()
	w.until("the end", func() bool { return w.ended })
	require.Equal(w.t, outcome, w.status.Outcome, w.tale.String())
	w.asTheUserWroteIt()
	w.tale.line(w, "", "the end: %s", w.summary())
}

// summary tells how the user's objects stand.
func (w *world) summary() string {
	var parts []string
	if obj := w.model.Deployment; obj != nil {
		held := ""
		if paused, _, _ := unstructured.NestedBool(obj.Object, "spec", "paused"); paused {
			held = ", held"
		}
		parts = append(parts, fmt.Sprintf("the Deployment has %s%s", imageOf(templateOf(obj)), held))
	}
	for _, rs := range w.model.ReplicaSets {
		if pods := len(w.model.PodsOf(rs.GetUID())); pods > 0 {
			template, _, _ := unstructured.NestedMap(rs.Object, "spec", "template")
			parts = append(parts, fmt.Sprintf("%d pods run %s", pods, imageOf(template)))
		}
	}
	return strings.Join(parts, ", ")
}
