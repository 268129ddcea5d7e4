// Package gitops_test shows what the tools of GitOps see of a release, by their own code, on a real API server.
package gitops_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/e2e/controlplane"
)

const (
	// appName is the name in the snippet of docs/gitops.md.
	appName = "checkout"

	// policy rests at two steps, and keeps each other stage for long enough to be looked at.
	policy = `  strategy:
    keepOldFor: 4s
    steps:
    - {name: canary, replicas: 1, match: [{headers: [{name: x-canary, exact: "yes"}]}], hold: {approval: Required}}
    - {name: half, weight: 50, hold: {approval: Required}}
  timing: {settle: 1s, drain: 1s}
`

	// patience bounds one release; it is long, since the machine is busy.
	patience = 4 * time.Minute
)

// manifests are what Git says: Deployment, Service and HTTPRoute, all fields that a Release borrows among them. The last
// is the Rollout.
func manifests(t *testing.T, namespace, image string) []*unstructured.Unstructured {
	t.Helper()
	objects := controlplane.Objects(t, namespace, appName, 2, policy)
	for field, value := range map[string]any{
		"minReadySeconds": int64(1), "progressDeadlineSeconds": int64(300),
		"strategy": map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": "50%", "maxUnavailable": int64(0)}},
	} {
		require.NoError(t, unstructured.SetNestedField(objects[0].Object, value, "spec", field))
	}
	containers := []any{map[string]any{"name": "app", "image": image}}
	require.NoError(t, unstructured.SetNestedSlice(objects[0].Object, containers, "spec", "template", "spec", "containers"))
	// A field that the API server fills in within a list is a difference to Argo CD, with or without a release.
	require.NoError(t, unstructured.SetNestedSlice(objects[2].Object, []any{map[string]any{
		"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway", "namespace": "crossfade-gateway",
	}}, "spec", "parentRefs"))
	require.NoError(t, unstructured.SetNestedSlice(objects[2].Object, []any{map[string]any{
		"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": "/"}}},
		"backendRefs": []any{map[string]any{"group": "", "kind": "Service", "name": appName, "port": int64(80), "weight": int64(1)}},
	}}, "spec", "rules"))
	return objects
}

// application is one app with its Rollout, synced from Git by a tool.
type application struct {
	c         *controlplane.Controller
	namespace string
	git       []*unstructured.Unstructured
}

// begin makes an application whose first version runs, and whose Rollout is armed.
func begin(t *testing.T, c *controlplane.Controller, sync func(*unstructured.Unstructured)) *application {
	t.Helper()
	a := &application{c: c, namespace: c.Namespace(t, "gitops")}
	objects := manifests(t, a.namespace, "app:v1")
	a.git = objects[:3]
	for _, obj := range a.git {
		sync(obj)
	}
	c.Create(t, a.namespace, objects[3])
	c.AwaitArmed(t, a.namespace, appName)
	a.await(t, "the first version", func() (string, bool) {
		available, _, _ := unstructured.NestedInt64(a.live(t, a.git[0]).Object, "status", "availableReplicas")
		return fmt.Sprintf("%d pods available", available), available == 2
	})
	return a
}

// looking is a look at a stage, which tells whether it saw that alone; still says whether it is the stage still.
type looking func(stage string, still func() bool) bool

// drive takes app:v2 from Git to its end and looks at each stage, which look must have done once before the next is
// asked for. abortAt is the step at which the release is aborted; empty for a promotion.
func (a *application) drive(t *testing.T, abortAt string, sync func(*unstructured.Unstructured), look looking) {
	t.Helper()
	atRest := func() bool { return true }
	a.await(t, "a look before", func() (string, bool) { return "", look("before", atRest) })
	a.git = manifests(t, a.namespace, "app:v2")[:3]
	for _, obj := range a.git {
		sync(obj)
	}
	outcome, want := "", "Promoted"
	if abortAt != "" {
		want = "Aborted"
	}
	releases := a.c.In(a.namespace, controlplane.Releases)
	a.await(t, "the release's end", func() (string, bool) {
		release, err := releases.Get(t.Context(), appName+"-1", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return "no Release", false
		}
		require.NoError(t, err)
		stage := stageOf(release)
		outcome = text(release, "status", "outcome")
		still := func() bool {
			now, err := releases.Get(t.Context(), appName+"-1", metav1.GetOptions{})
			require.NoError(t, err)
			return stageOf(now) == stage
		}
		if outcome == "" && look(stage, still) && holds(release) {
			a.approve(t, release, abortAt)
		}
		return stage, outcome != ""
	})
	require.Equal(t, want, outcome)
	a.await(t, "a look afterwards", func() (string, bool) {
		rollout, err := a.c.In(a.namespace, controlplane.Rollouts).Get(t.Context(), appName, metav1.GetOptions{})
		require.NoError(t, err)
		if text(rollout, "status", "release") != "" {
			return "it is not at rest", false
		}
		if abortAt != "" {
			return "", look("at rest over the rejected version", atRest)
		}
		return "", look("after", atRest)
	})
}

// approve lets a Release go on from its step, or aborts it there.
func (a *application) approve(t *testing.T, release *unstructured.Unstructured, abortAt string) {
	t.Helper()
	step := text(release, "status", "stepName")
	control := fmt.Sprintf(`{"approvals":[{"step":%q,"visit":1}]}`, step)
	if step == abortAt {
		control = `{"desiredOutcome":"Abort"}`
	}
	_, err := a.c.In(a.namespace, controlplane.Releases).Patch(t.Context(), release.GetName(), types.MergePatchType,
		[]byte(`{"spec":{"control":`+control+`}}`), metav1.PatchOptions{})
	require.NoError(t, err)
}

// live reads the object that a manifest names.
func (a *application) live(t *testing.T, manifest *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	resource := controlplane.Deployments
	switch manifest.GetKind() {
	case "Service":
		resource = controlplane.Services
	case "HTTPRoute":
		resource = controlplane.HTTPRoutes
	case "Rollout":
		resource = controlplane.Rollouts
	}
	live, err := a.c.In(a.namespace, resource).Get(t.Context(), manifest.GetName(), metav1.GetOptions{})
	require.NoError(t, err)
	return live
}

func (a *application) await(t *testing.T, what string, seen func() (string, bool)) {
	t.Helper()
	deadline := time.After(patience)
	for {
		last, done := seen()
		if done {
			return
		}
		select {
		case <-deadline:
			require.FailNow(t, "waited in vain", "%s: saw %s", what, last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stageOf names where a Release stands.
func stageOf(release *unstructured.Unstructured) string {
	stage := text(release, "status", "progress", "stage")
	if stage != "Stepping" {
		return stage
	}
	stage += " " + text(release, "status", "stepName")
	if holds(release) {
		stage += ", held"
	}
	return stage
}

// holds tells whether a Release waits at a step for somebody.
func holds(release *unstructured.Unstructured) bool {
	held, _ := controlplane.Condition(release, "Held")
	return held == "True" && text(release, "status", "stepName") != ""
}

func text(obj *unstructured.Unstructured, path ...string) string {
	found, _, _ := unstructured.NestedString(obj.Object, path...)
	return found
}

// table is what was seen at each stage, in the order of the stages.
type table struct {
	mu      sync.Mutex
	stages  []string
	entries map[string]map[string][]string
}

// add notes what was seen in a column; a column says the same thing once a stage.
func (s *table) add(stage, column, seen string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = map[string]map[string][]string{}
	}
	if s.entries[stage] == nil {
		s.stages = append(s.stages, stage)
		s.entries[stage] = map[string][]string{}
	}
	for _, known := range s.entries[stage][column] {
		if known == seen {
			return
		}
	}
	s.entries[stage][column] = append(s.entries[stage][column], seen)
}
