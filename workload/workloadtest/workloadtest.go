// Package workloadtest is the contract that every workload.Kind keeps, run against a simulated native
// controller.
package workloadtest

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
)

// World is a workload, its native controller and its pods.
type World interface {
	// Objects is what a shell would read; the suite adds what a Release knows.
	Objects() workload.Objects
	// Apply does a write, or refuses it as the API server would.
	Apply(intent.Write) error
	// Step lets everything but Crossfade move a little, and says whether anything moved.
	Step() bool
	// Release writes a new template, as the gate lets it through: held.
	Release(version string) error
	// Scale is a user's write of the size, Pause of the pause.
	Scale(replicas int32) error
	Pause(paused bool) error
}

// Fixture makes equal worlds at rest, whose workload runs its stable revision alone.
type Fixture struct {
	Name string
	New  func(t *testing.T) World
}

const release = "checkout-1/9f0e"

// rounds is more than any want needs to come about.
const rounds = 200

// Run checks the contract of kind in each of the fixtures.
func Run(t *testing.T, kind workload.Kind, fixtures ...Fixture) {
	t.Helper()
	t.Run("is total on absent and empty objects", func(t *testing.T) { total(t, kind) })
	for _, f := range fixtures {
		t.Run(f.Name, func(t *testing.T) {
			laws := map[string]func(*testing.T, *trial){
				"a workload at rest is left alone":                        atRest,
				"run, then finish, gives the spec back with the template": runFinish,
				"run, hold, then park, gives the spec back, held":         runHoldPark,
				"run, then revert, gives the exact spec from before":      runRevert,
				"finish beneath a newer template leaves it held":          finishBeneath,
				"canary pods go up and down with the want":                upAndDown,
				"a size that changes mid-release keeps stable whole":      scaling,
				"a user's pause is never undone":                          usersPause,
				"park takes our label off if asked":                       disarm(workload.Park),
				"revert takes our label off if asked":                     disarm(workload.Revert),
				"finish takes our label off if asked":                     disarm(workload.Finish),
				"writes decided on an older version are refused":          fence,
			}
			for name, law := range laws {
				t.Run(name, func(t *testing.T) { law(t, begin(t, kind, f)) })
			}
		})
	}
}

// trial is one release in one world.
type trial struct {
	t      *testing.T
	kind   workload.Kind
	world  World
	known  workload.Objects // Stable, Canary, Release and Original only
	wanted int32
	// before is the spec as it was, without the template.
	before map[string]any
	// template is the stable template.
	template any
}

func begin(t *testing.T, kind workload.Kind, f Fixture) *trial {
	r := &trial{t: t, kind: kind, world: f.New(t)}
	pods := r.observe()
	require.True(t, pods.Settled, "a fixture must be at rest")
	require.Equal(t, workload.TemplateStable, pods.Template)
	require.Equal(t, pods.Wanted, pods.Stable.Ready)
	r.wanted = pods.Wanted
	r.known.Release = release
	r.known.Stable = pods.Stable.UID
	r.before, r.template = r.spec()
	return r
}

// spec returns the spec without the template and the user's size, and the template.
func (r *trial) spec() (rest map[string]any, template any) {
	spec, _, err := unstructured.NestedMap(r.world.Objects().Workload.Object, "spec")
	require.NoError(r.t, err)
	template = spec["template"]
	delete(spec, "template")
	delete(spec, "replicas")
	return spec, template
}

func (r *trial) objects() workload.Objects {
	o := r.world.Objects()
	o.Stable, o.Canary, o.Release, o.Original = r.known.Stable, r.known.Canary, r.known.Release, r.known.Original
	return o
}

func (r *trial) observe() workload.Pods { return r.kind.Observe(r.objects()) }

// plan plans, and checks what holds for every plan: nothing is changed in place, and the writes carry
// the version that they were decided on.
func (r *trial) plan(want workload.Want) []intent.Write {
	r.t.Helper()
	o := r.objects()
	before := encode(r.t, o)
	r.kind.Observe(o)
	r.kind.Capabilities(o)
	writes, err := r.kind.Plan(o, want)
	require.NoError(r.t, err)
	require.Equal(r.t, before, encode(r.t, o), "the objects are changed in place")
	again, err := r.kind.Plan(o, want)
	require.NoError(r.t, err)
	require.Equal(r.t, writes, again, "the plan is not a function of the objects")
	for _, w := range writes {
		require.NotEmpty(r.t, w.UID, "%s: no UID", w)
		require.NotEmpty(r.t, w.ResourceVersion, "%s: no resourceVersion", w)
		require.NotEmpty(r.t, w.Why, "%s: no reason", w)
	}
	return writes
}

// reach plans, writes and lets the world move until nothing does, and checks at every look that the
// stable pods that must stay are there.
func (r *trial) reach(want workload.Want, leastStable int32) workload.Pods {
	r.t.Helper()
	for range rounds {
		writes := r.plan(want)
		for _, w := range writes {
			if err := r.world.Apply(w); err != nil {
				require.True(r.t, apierrors.IsConflict(err), "%s: %v", w, err)
				break
			}
		}
		moved := r.world.Step()
		pods := r.observe()
		require.GreaterOrEqual(r.t, pods.Stable.Ready, leastStable, "stable pods were taken")
		r.follow(pods)
		if len(writes) == 0 && !moved {
			return pods
		}
	}
	r.t.Fatalf("%s is not reached in %d rounds", want.Posture, rounds)
	return workload.Pods{}
}

// follow keeps what a Release would.
func (r *trial) follow(pods workload.Pods) {
	if r.known.Canary == "" && pods.Borrowed {
		r.known.Canary = pods.Canary.UID
	}
	if r.known.Original == nil {
		r.known.Original = pods.Original
	}
}

// run brings n canary pods up beside all stable ones.
func (r *trial) run(n int32) {
	r.t.Helper()
	pods := r.reach(workload.Want{Posture: workload.Run, Canary: n}, r.wanted)
	require.Equal(r.t, n, pods.Canary.Ready)
	require.Equal(r.t, r.wanted, pods.Stable.Replicas)
	require.True(r.t, pods.Borrowed)
	require.False(r.t, pods.Pending)
	require.True(r.t, pods.Settled)
}

func (r *trial) release(version string) {
	r.t.Helper()
	require.NoError(r.t, r.world.Release(version))
	for r.world.Step() {
	}
	require.True(r.t, r.observe().Pending, "the gate must hold")
}

// sameSpec checks that the fields of the user are back.
func (r *trial) sameSpec(held bool) {
	r.t.Helper()
	spec, _ := r.spec()
	want := maps.Clone(r.before)
	if held {
		want["paused"] = true
	}
	require.Equal(r.t, want, spec)
	for key := range r.world.Objects().Workload.GetAnnotations() {
		require.NotContains(r.t, []string{v1alpha1.AnnotationOriginal, v1alpha1.AnnotationWanted, v1alpha1.AnnotationRelease}, key)
	}
	for _, revision := range r.world.Objects().Revisions {
		require.NotContains(r.t, revision.GetAnnotations(), v1alpha1.AnnotationOriginal, "left on %s", revision.GetName())
		require.NotContains(r.t, revision.GetAnnotations(), v1alpha1.AnnotationRelease, "left on %s", revision.GetName())
	}
}

func encode(t *testing.T, o workload.Objects) string {
	t.Helper()
	raw, err := json.Marshal(o)
	require.NoError(t, err)
	return string(raw)
}

func total(t *testing.T, kind workload.Kind) {
	objects := map[string]workload.Objects{
		"nothing":     {},
		"nil members": {Revisions: []*unstructured.Unstructured{nil}},
		"empty":       {Workload: &unstructured.Unstructured{Object: map[string]any{}}},
		"wrong types": {Workload: &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationOriginal: "{", v1alpha1.AnnotationWanted: "["}},
			"spec":     map[string]any{"replicas": "many", "template": "none", "strategy": []any{}, "paused": "no"},
		}}},
		"unknown revisions": {
			Workload: &unstructured.Unstructured{Object: map[string]any{}},
			Stable:   types.UID("gone"), Canary: types.UID("gone too"),
		},
	}
	for name, o := range objects {
		for _, posture := range []workload.Posture{workload.Run, workload.Hold, workload.Finish, workload.Park, workload.Revert, "unknown"} {
			require.NotPanics(t, func() {
				kind.Capabilities(o)
				kind.Observe(o)
				_, err := kind.Plan(o, workload.Want{Posture: posture, Canary: 1})
				require.NoError(t, err)
			}, "%s, %s", name, posture)
		}
	}
}
