package nativedeployment_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload/nativedeployment"
)

func newWorld(t *testing.T, replicas int64, surge, unavailable any) *nativedeployment.Model {
	t.Helper()
	m := nativedeployment.New(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": "app", "namespace": "shop"},
		"spec": map[string]any{
			"replicas": replicas, "progressDeadlineSeconds": int64(600), "revisionHistoryLimit": int64(1),
			"selector": map[string]any{"matchLabels": map[string]any{"app": "app"}},
			"strategy": map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": surge, "maxUnavailable": unavailable}},
			"template": template("1"),
		},
	}})
	require.NoError(t, m.Settle())
	return m
}

func template(version string) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"app": "app"}},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app:" + version}}},
	}
}

func set(t *testing.T, m *nativedeployment.Model, values map[string]any) {
	t.Helper()
	require.NoError(t, m.Edit(func(obj map[string]any) {
		for key, value := range values {
			obj["spec"].(map[string]any)[key] = value
		}
	}))
}

// sizes are the sizes of the ReplicaSets, oldest first.
func sizes(m *nativedeployment.Model) []int64 {
	var out []int64
	for _, rs := range m.ReplicaSets {
		n, _, _ := unstructured.NestedInt64(rs.Object, "spec", "replicas")
		out = append(out, n)
	}
	return out
}

func inflated(surge any) map[string]any {
	return map[string]any{
		"minReadySeconds": int64(2147483646), "progressDeadlineSeconds": int64(2147483647),
		"strategy": map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": surge, "maxUnavailable": int64(0)}},
	}
}

func TestARolloutReplacesAllPodsAndForgetsTheOldest(t *testing.T) {
	m := newWorld(t, 4, "25%", "25%")
	for _, version := range []string{"2", "3"} {
		set(t, m, map[string]any{"template": template(version)})
		require.NoError(t, m.Settle())
	}
	require.Equal(t, []int64{0, 4}, sizes(m), "one old revision is kept")
	require.Equal(t, "3", m.Deployment.GetAnnotations()["deployment.kubernetes.io/revision"])
}

func TestWithMinReadySecondsOutOfReachMaxSurgeAloneSizesTheCanary(t *testing.T) {
	m := newWorld(t, 4, "25%", "25%")
	values := inflated("50%")
	values["template"] = template("2")
	set(t, m, values)
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{4, 2}, sizes(m))
	require.NoError(t, m.Scale(8))
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{8, 4}, sizes(m), "scaling keeps the ratio")
	require.NoError(t, m.Scale(4))
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{4, 2}, sizes(m))
	require.NoError(t, m.Scale(0))
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{0, 0}, sizes(m))
	require.NoError(t, m.Scale(3))
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{0, 3}, sizes(m), "from 0 the template's own revision is filled")
}

func TestHeldByThePauseAloneTheStableTemplateDeletesEveryCanaryPod(t *testing.T) {
	m := newWorld(t, 4, "25%", "25%")
	values := inflated("50%")
	values["template"] = template("2")
	set(t, m, values)
	require.NoError(t, m.Settle())
	set(t, m, map[string]any{"paused": true, "template": template("1")})
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{4, 0}, sizes(m))
}

func TestPausedWithTwoActiveRevisionsBothAreSizedByMaxSurge(t *testing.T) {
	m := newWorld(t, 10, "25%", "25%")
	values := inflated("100%")
	values["template"] = template("2")
	set(t, m, values)
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{10, 10}, sizes(m))
	set(t, m, map[string]any{"paused": true, "strategy": map[string]any{
		"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": "25%", "maxUnavailable": "25%"},
	}})
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{6, 7}, sizes(m))
}

func TestAnOutdatedNoteOfTheSizeStopsEveryRollout(t *testing.T) {
	m := newWorld(t, 3, "25%", "25%")
	require.NoError(t, m.EditReplicaSet(m.ReplicaSets[0].GetName(), func(obj map[string]any) {
		obj["metadata"].(map[string]any)["annotations"].(map[string]any)["deployment.kubernetes.io/desired-replicas"] = "0"
	}))
	set(t, m, map[string]any{"template": template("2")})
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{3}, sizes(m))
}

func TestWritesAreFenced(t *testing.T) {
	m := newWorld(t, 3, "25%", "25%")
	rs := m.ReplicaSets[0]
	w := intent.Of(intent.Scale, rs, "scale")
	w.Replicas = 1
	require.NoError(t, m.Apply(w))
	require.True(t, apierrors.IsConflict(m.Apply(w)), "another version")
	w.ResourceVersion = m.ReplicaSets[0].GetResourceVersion()
	w.UID = "another"
	require.True(t, apierrors.IsConflict(m.Apply(w)), "another object")
	w.Name = "gone"
	require.True(t, apierrors.IsNotFound(m.Apply(w)))
	require.True(t, apierrors.IsBadRequest(m.Edit(func(obj map[string]any) {
		obj["spec"].(map[string]any)["minReadySeconds"] = int64(600)
	})), "the deadline must be greater than minReadySeconds")
	require.True(t, apierrors.IsBadRequest(m.Edit(func(obj map[string]any) {
		obj["spec"].(map[string]any)["strategy"] = map[string]any{"rollingUpdate": map[string]any{"maxSurge": int64(0), "maxUnavailable": int64(0)}}
	})), "one of the bounds must be more than 0")
}

func TestACloneIsIndependent(t *testing.T) {
	m := newWorld(t, 2, "25%", "25%")
	c := m.Clone()
	require.NoError(t, c.Scale(5))
	c.SetReady(c.Pods[0].Name, false)
	require.NoError(t, c.Settle())
	require.Equal(t, []int64{2}, sizes(m))
	require.Equal(t, []int64{5}, sizes(c))
	require.True(t, m.Pods[0].Ready)
	require.False(t, m.Step(), "at rest")
}

func TestTimeMakesPodsAvailable(t *testing.T) {
	m := newWorld(t, 2, int64(1), int64(0))
	set(t, m, map[string]any{"minReadySeconds": int64(60), "template": template("2")})
	require.NoError(t, m.Settle())
	require.Equal(t, []int64{2, 1}, sizes(m))
	for range 2 {
		m.Advance(time.Minute)
		require.NoError(t, m.Settle())
	}
	require.Equal(t, []int64{0, 2}, sizes(m))
}

// The rounding leaves stable a pod too many and the canary none. An old count of stable's pods, more than
// it is asked for, is told as such by the native controller, which waits then.
func TestScalingFarDownMidReleaseTakesTheCanaryButNotStable(t *testing.T) {
	for name, hasty := range map[string]bool{"on the new count of pods": false, "on the old count of pods": true} {
		for size := int32(9); size > 0; size-- {
			t.Run(fmt.Sprintf("to %d %s", size, name), func(t *testing.T) {
				m := newWorld(t, 10, "25%", "25%")
				values := inflated("10%")
				values["template"] = template("2")
				set(t, m, values)
				require.NoError(t, m.Settle())
				require.Equal(t, []int64{10, 1}, sizes(m))
				m.Hasty = hasty
				require.NoError(t, m.Scale(size))
				for m.Step() {
					require.GreaterOrEqual(t, sizes(m)[0], int64(size))
				}
				require.Equal(t, []int64{int64(size), 1}, sizes(m))
			})
		}
	}
}

// The proportion leaves stable a pod too many while it is scaled up, which the controller takes back. Mostly its pods have been
// made by then, and the one that is not ready goes; one that looks again sooner leaves that as it is.
func TestScalingUpMidReleaseTakesAPodThatIsNotReadyIfItIsThereYet(t *testing.T) {
	for eager, ready := range map[bool]int{false: 7, true: 6} {
		m := newWorld(t, 3, "25%", "25%")
		values := inflated("33%")
		values["template"] = template("2")
		set(t, m, values)
		require.NoError(t, m.Settle())
		require.Equal(t, []int64{3, 1}, sizes(m))
		stable := m.ReplicaSets[0].GetUID()
		m.SetReady(m.PodsOf(stable)[0], false)
		require.NoError(t, m.Settle())
		m.Eager = eager
		require.NoError(t, m.Scale(7))
		require.NoError(t, m.Settle())
		require.Equal(t, []int64{7, 3}, sizes(m))
		serving := 0
		for _, pod := range m.Pods {
			if pod.Owner == stable && pod.Ready {
				serving++
			}
		}
		require.Equal(t, ready, serving, "eager %t", eager)
	}
}
