package nativedeployment

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// SyncReplicaSets lets the ReplicaSet controller look at each ReplicaSet once, and says whether
// anything changed. Like the real one, it reports the pods that it found, before it made or deleted any.
func (m *Model) SyncReplicaSets() bool {
	changed := false
	for _, rs := range slices.Clone(m.ReplicaSets) {
		found := m.Pods
		changed = m.manage(rs) || changed
		before := m.version
		m.report(rs, m.statusOf(rs, found))
		changed = changed || m.version != before
	}
	return changed
}

// manage makes or deletes pods until there are as many as asked for.
func (m *Model) manage(rs *unstructured.Unstructured) bool {
	var mine []int
	for i, pod := range m.Pods {
		if pod.Owner == rs.GetUID() && !pod.Terminating {
			mine = append(mine, i)
		}
	}
	want := int(int32At(rs.Object, 1, "spec", "replicas"))
	if len(mine) == want {
		return false
	}
	m.Pods = slices.Clone(m.Pods)
	for range want - len(mine) {
		m.version++
		m.Pods = append(m.Pods, Pod{
			Name: fmt.Sprintf("%s-%d", rs.GetName(), m.version), Owner: rs.GetUID(), Created: m.nextCreation(),
		})
	}
	if len(mine) > want {
		slices.SortStableFunc(mine, func(a, b int) int { return firstToGo(m.Pods[a], m.Pods[b]) })
		for _, i := range mine[:len(mine)-want] {
			m.Pods[i].Terminating = true
		}
	}
	return true
}

// firstToGo orders pods as they are deleted: those that aren't ready, then the latest to become ready,
// then the youngest.
func firstToGo(a, b Pod) int {
	switch {
	case a.Ready != b.Ready && b.Ready:
		return -1
	case a.Ready != b.Ready:
		return 1
	case a.Ready && !a.ReadySince.Equal(b.ReadySince):
		return b.ReadySince.Compare(a.ReadySince)
	default:
		return b.Created.Compare(a.Created)
	}
}

func (m *Model) statusOf(rs *unstructured.Unstructured, pods []Pod) map[string]any {
	minReady := time.Duration(int32At(rs.Object, 0, "spec", "minReadySeconds")) * time.Second
	var replicas, ready, available int64
	for _, pod := range pods {
		if pod.Owner != rs.GetUID() || pod.Terminating {
			continue
		}
		replicas++
		if !pod.Ready {
			continue
		}
		ready++
		if minReady == 0 || !pod.ReadySince.Add(minReady).After(m.Now) {
			available++
		}
	}
	status := map[string]any{"observedGeneration": rs.GetGeneration(), "replicas": replicas}
	if ready > 0 {
		status["readyReplicas"] = ready
	}
	if available > 0 {
		status["availableReplicas"] = available
	}
	return status
}

// nextCreation keeps moments of creation apart by a second, which is how finely the API server tells
// them: order by age is then the order of events.
func (m *Model) nextCreation() time.Time {
	at := m.Now
	if !m.lastCreated.IsZero() && !at.After(m.lastCreated) {
		at = m.lastCreated.Add(time.Second)
	}
	m.lastCreated = at
	return at
}
