package workloadtest

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/workload"
)

func atRest(t *testing.T, r *trial) {
	for _, posture := range []workload.Posture{workload.Run, workload.Finish, workload.Revert} {
		require.Empty(t, r.plan(workload.Want{Posture: posture, Canary: 1}), "%s", posture)
	}
}

func runFinish(t *testing.T, r *trial) {
	r.release("v2")
	r.run(1)
	r.run(r.wanted)
	pods := r.reach(workload.Want{Posture: workload.Finish}, 0)
	require.Equal(t, r.wanted, pods.Canary.Ready)
	require.Zero(t, pods.Stable.Existing)
	require.False(t, pods.Borrowed)
	require.Equal(t, workload.TemplateCanary, pods.Template)
	r.sameSpec(false)
	require.Empty(t, r.plan(workload.Want{Posture: workload.Finish}))
}

func runHoldPark(t *testing.T, r *trial) {
	r.release("v2")
	r.run(1)
	pods := r.reach(workload.Want{Posture: workload.Hold}, r.wanted)
	require.True(t, pods.Pending)
	require.True(t, pods.Borrowed)
	require.Zero(t, pods.Canary.Existing)

	require.NoError(t, r.world.Scale(r.wanted+2))
	pods = r.reach(workload.Want{Posture: workload.Hold}, r.wanted)
	require.Equal(t, r.wanted+2, pods.Stable.Ready, "stable scales natively while held")
	require.NoError(t, r.world.Scale(r.wanted))

	pods = r.reach(workload.Want{Posture: workload.Park}, r.wanted)
	require.True(t, pods.Pending)
	require.False(t, pods.Borrowed)
	require.Zero(t, pods.Canary.Existing)
	r.sameSpec(true)
	require.Empty(t, r.plan(workload.Want{Posture: workload.Park}))
}

func runRevert(t *testing.T, r *trial) {
	r.release("v2")
	r.run(1)
	pods := r.reach(workload.Want{Posture: workload.Revert}, r.wanted)
	require.False(t, pods.Pending)
	require.Zero(t, pods.Canary.Existing)
	require.Equal(t, workload.TemplateStable, pods.Template)
	r.sameSpec(false)
	_, template := r.spec()
	require.Equal(t, r.template, template)
	require.Empty(t, r.plan(workload.Want{Posture: workload.Revert}))
}

func finishBeneath(t *testing.T, r *trial) {
	r.release("v2")
	r.run(r.wanted)
	r.release("v3")
	pods := r.observe()
	require.Equal(t, workload.TemplateOther, pods.Template)
	require.Equal(t, r.wanted, pods.Canary.Ready, "the gate moves no pod")
	for range rounds {
		writes := r.plan(workload.Want{Posture: workload.Finish})
		for _, w := range writes {
			require.NoError(t, r.world.Apply(w))
		}
		moved := r.world.Step()
		require.Equal(t, r.wanted, r.observe().Canary.Ready, "pods that serve were taken")
		if len(writes) == 0 && !moved {
			break
		}
	}
	pods = r.observe()
	require.True(t, pods.Pending)
	require.False(t, pods.Borrowed)
	require.Zero(t, pods.Stable.Existing)
	r.sameSpec(true)

	// The next Release runs the held template beside what is now stable.
	r.known.Stable, r.known.Canary, r.known.Original, r.known.Release = pods.Canary.UID, "", nil, "checkout-2/77aa"
	r.run(1)
}

func upAndDown(_ *testing.T, r *trial) {
	r.release("v2")
	for _, n := range []int32{1, r.wanted, 1, max(1, r.wanted/2), r.wanted, r.wanted} {
		r.run(n)
	}
}

func scaling(t *testing.T, r *trial) {
	r.release("v2")
	r.run(max(1, r.wanted/2))
	for _, size := range []int32{9, 3, 10, 1, 7, 40, 4} {
		require.NoError(t, r.world.Scale(size))
		// Native scaling alone first, as long as it takes; then what is asked of the new size.
		for r.world.Step() {
		}
		r.wanted = min(r.observe().Stable.Ready, size)
		for _, n := range []int32{max(1, size/2), 1, max(1, size/3)} {
			pods := r.reach(workload.Want{Posture: workload.Run, Canary: n}, r.wanted)
			require.Equal(t, n, pods.Canary.Ready, "of %d", size)
			require.Equal(t, size, pods.Stable.Ready, "of %d", size)
			r.wanted = size
		}
	}
	require.NoError(t, r.world.Scale(0))
	pods := r.reach(workload.Want{Posture: workload.Run, Canary: 1}, 0)
	require.True(t, pods.Pending, "at size 0 a release is held")
	require.NoError(t, r.world.Scale(3))
	pods = r.reach(workload.Want{Posture: workload.Hold}, 0)
	require.Equal(t, int32(3), pods.Stable.Ready, "scaled up from 0, stable serves")
	require.Zero(t, pods.Canary.Existing)
	r.wanted = 3
	r.run(1)
}

func usersPause(t *testing.T, r *trial) {
	wants := []workload.Want{
		{Posture: workload.Run, Canary: 1},
		{Posture: workload.Run, Canary: r.wanted},
		{Posture: workload.Hold},
		{Posture: workload.Park},
		{Posture: workload.Revert},
		{Posture: workload.Finish},
	}
	r.release("v2")
	r.run(1)
	require.NoError(t, r.world.Pause(true))
	for _, want := range wants {
		for _, w := range r.plan(want) {
			require.NotContains(t, string(w.Body), `"paused":false`, "%s", w)
			require.NotContains(t, string(w.Body), `"paused":null`, "%s", w)
		}
	}
	pods := r.reach(workload.Want{Posture: workload.Run, Canary: r.wanted}, r.wanted)
	require.True(t, pods.PausedByUser)
	require.Equal(t, int32(1), pods.Canary.Ready)
	pods = r.reach(workload.Want{Posture: workload.Finish}, r.wanted)
	require.True(t, pods.PausedByUser)
	require.Equal(t, int32(1), pods.Canary.Ready)

	require.NoError(t, r.world.Pause(false))
	r.run(r.wanted)
}

func disarm(posture workload.Posture) func(*testing.T, *trial) {
	return func(t *testing.T, r *trial) {
		require.Contains(t, r.world.Objects().Workload.GetLabels(), v1alpha1.LabelRollout, "a fixture must be armed")
		r.release("v2")
		r.run(1)
		r.reach(workload.Want{Posture: posture, Disarm: true}, 0)
		require.NotContains(t, r.world.Objects().Workload.GetLabels(), v1alpha1.LabelRollout)
	}
}

func fence(t *testing.T, r *trial) {
	r.release("v2")
	writes := r.plan(workload.Want{Posture: workload.Run, Canary: 1})
	require.NotEmpty(t, writes)
	require.NoError(t, r.world.Scale(r.wanted+1))
	err := r.world.Apply(writes[0])
	require.True(t, apierrors.IsConflict(err), "%v", err)
}
