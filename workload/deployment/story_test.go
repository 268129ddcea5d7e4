package deployment_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
	"crossfade.io/crossfade/workload/deployment"
	"crossfade.io/crossfade/workload/nativedeployment"
)

const inFlight = "checkout-1/9f0e"

// story is a release in the model, driven look by look.
type story struct {
	*nativedeployment.Model
	t     *testing.T
	known workload.Objects
}

func newStory(t *testing.T, replicas int) *story {
	t.Helper()
	m := newModel(t, replicas, usual)
	return &story{Model: m, t: t, known: workload.Objects{Release: inFlight, Stable: m.ReplicaSets[0].GetUID()}}
}

func (s *story) objects() workload.Objects {
	o := s.Objects()
	o.Stable, o.Canary, o.Release, o.Original = s.known.Stable, s.known.Canary, s.known.Release, s.known.Original
	return o
}

func (s *story) observe() workload.Pods { return deployment.Kind{}.Observe(s.objects()) }

func (s *story) plan(want workload.Want) []intent.Write {
	s.t.Helper()
	writes, err := deployment.Kind{}.Plan(s.objects(), want)
	require.NoError(s.t, err)
	return writes
}

// look plans and writes once, and tells what was written.
func (s *story) look(want workload.Want) []string {
	s.t.Helper()
	var out []string
	for _, w := range s.plan(want) {
		require.NoError(s.t, s.Apply(w), "%s", w)
		line := string(w.Verb) + " " + w.Kind.Kind
		if w.Verb == intent.Scale {
			line = fmt.Sprintf("%s %s to %d", line, s.version(w.UID), w.Replicas)
		}
		out = append(out, line+": "+w.Why)
	}
	if s.known.Canary == "" && s.observe().Borrowed {
		s.known.Canary = s.observe().Canary.UID
	}
	return out
}

func (s *story) version(uid types.UID) string {
	for _, rs := range s.ReplicaSets {
		if rs.GetUID() == uid {
			version, _, _ := unstructured.NestedString(rs.Object, "spec", "template", "metadata", "annotations", "version")
			return "v" + version
		}
	}
	return "unknown"
}

func (s *story) settle() {
	s.t.Helper()
	require.NoError(s.t, s.Settle())
}

// reach looks and settles until there is nothing to write and nothing moves.
func (s *story) reach(want workload.Want) {
	s.t.Helper()
	for range 50 {
		did := s.look(want)
		moved := s.Step()
		s.settle()
		if len(did) == 0 && !moved {
			return
		}
	}
	s.t.Fatalf("%s is never reached", want.Posture)
}

// creep writes one write at a time, with all looks of the native controllers in between, until there is nothing
// to write. It checks before each write.
func (s *story) creep(want workload.Want, check func()) {
	s.t.Helper()
	for range 50 {
		check()
		writes := s.plan(want)
		if len(writes) == 0 && !s.Step() {
			return
		}
		if len(writes) > 0 {
			require.NoError(s.t, s.Apply(writes[0]))
		}
		s.settle()
	}
	s.t.Fatalf("%s is never reached", want.Posture)
}

func (s *story) template(version string, gated bool) {
	s.t.Helper()
	change := func(template map[string]any) {
		template["metadata"].(map[string]any)["annotations"] = map[string]any{"version": version}
	}
	if gated {
		require.NoError(s.t, s.Gate(change))
		return
	}
	require.NoError(s.t, s.Edit(func(obj map[string]any) {
		change(obj["spec"].(map[string]any)["template"].(map[string]any))
	}))
}

func (s *story) spec(change func(spec map[string]any)) {
	s.t.Helper()
	require.NoError(s.t, s.Edit(func(obj map[string]any) { change(obj["spec"].(map[string]any)) }))
}

func run(n int32) workload.Want { return workload.Want{Posture: workload.Run, Canary: n} }
