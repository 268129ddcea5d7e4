package release_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// planPurely plans twice, and checks that nothing but the Input decided and that it was left alone.
func planPurely(t testing.TB, w *world) planner.Decision {
	t.Helper()
	in := w.input()
	before := encode(t, in)
	first := planner.Plan(in)
	require.Equal(t, before, encode(t, in), "the Input was changed")
	require.Equal(t, encode(t, first), encode(t, planner.Plan(w.input())), "equal Inputs, unequal Decisions")
	return first
}

func encode(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// TestPlanIsPureAndComesToRest follows a promotion and an abort. At every moment the decision is a
// function of the Input, and once it has been persisted and applied a few times at the same moment,
// while nobody else moves, there is nothing left to write and nothing new to say.
func TestPlanIsPureAndComesToRest(t *testing.T) {
	for name, back := range map[string]bool{"promoted": false, "aborted": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{services: []string{"checkout", "checkout-admin"}})
			w.image("checkout:2")
			for i := range most {
				if i == 40 && back {
					w.abort()
				}
				if i == 40 && !back {
					w.approve("half")
				}
				planPurely(t, w)
				writes := 0
				for range 5 {
					w.reconcile()
					if writes = len(w.last.Writes); writes == 0 {
						break
					}
				}
				require.Zero(t, writes, "it writes for ever\n%s", w.tale.String())
				settled := w.status
				w.reconcile()
				require.Empty(t, w.last.Writes, "a second look at the same world writes")
				require.Equal(t, encode(t, settled), encode(t, w.status), "a second look at the same world says something else")
				if w.ended {
					w.asTheUserWroteIt()
					return
				}
				if !w.others() {
					w.model.Advance(max(w.last.Wake, time.Second))
				}
			}
			require.Fail(t, "it never ends", w.tale.String())
		})
	}
}

// TestWakeNamesEveryClock: where time alone lets a Release go on, the decision says when to look again.
func TestWakeNamesEveryClock(t *testing.T) {
	w := newWorld(t, options{steps: []v1alpha1.Step{weigh("ten", 10, holdFor(time.Minute))}, minReady: 7})
	w.image("checkout:2")
	for range most {
		moved := w.tick()
		if w.ended {
			return
		}
		if !moved {
			require.Positive(t, w.last.Wake, "asleep for ever: %s", w.last.Status.Message)
			w.model.Advance(w.last.Wake)
		}
	}
	require.Fail(t, "it never ends", w.tale.String())
}

// FuzzPlan spoils Inputs in every combination: the planner decides something, whatever it is given.
func FuzzPlan(f *testing.F) {
	w := newWorld(f, options{})
	w.image("checkout:2")
	w.at("half")
	names, input := sortedSpoils(), w.input()
	for i := range names {
		f.Add(uint32(1)<<i, uint8(i), int64(i))
	}
	f.Add(uint32(0xffffffff), uint8(5), int64(-5))
	f.Fuzz(func(t *testing.T, which uint32, stage uint8, later int64) {
		in := copied(input)
		in.Status.Progress.Stage = stages[int(stage)%len(stages)]
		in.Now = in.Now.Add(time.Duration(later) * time.Second)
		in.Control.Paused = which%3 == 0
		in.RolloutGone = which%5 == 0
		for i, name := range names {
			if which&(1<<i) != 0 {
				spoil(spoils[name], &in)
			}
		}
		require.NotPanics(t, func() { planner.Plan(in) })
	})
}
