// Package nativedeployment is a model of the native Deployment controller for tests: one Deployment,
// its ReplicaSets and their pods, moved by the same rules as the real controllers, one look at a time.
// e2e/api compares it with the real ones.
//
// It keeps what decides about pods: pausing, scaling in proportion, rolling, the clean-up of unhealthy
// pods and of old ReplicaSets, availability by minReadySeconds, revisions, and the notes of sizes on
// ReplicaSets. It leaves out conditions, adoption, hash collisions, the strategy Recreate, and failures
// of the API server.
//
// Everything is deterministic. Objects are never changed in place, so that a Clone is cheap.
package nativedeployment

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/workload"
)

// Model is a small world around one Deployment.
type Model struct {
	// Deployment as the API server has it. nil means that it is gone.
	Deployment *unstructured.Unstructured
	// ReplicaSets in the order in which they were made.
	ReplicaSets []*unstructured.Unstructured
	// Pods in the order in which they were made.
	Pods []Pod
	// Now is the world's time. It stands still but for Advance.
	Now time.Time
	// Starts says whether pods of a template become ready by themselves. nil means that all do.
	Starts func(template map[string]any) bool
	Races

	version     int64
	lastCreated time.Time
}

// Races are those of the real controllers, each turned the rarer way where it is true.
type Races struct {
	// When the Deployment controller has written the current ReplicaSet's minReadySeconds or annotations,
	// un-paused, it stumbles over its own write and looks again within milliseconds; mostly that is before
	// the available pods are counted anew, so it acts on the old number. Patient looks after that.
	Patient bool
	// When it has sized ReplicaSets, it mostly looks again after their pods are counted anew. Hasty looks
	// before. The more pods the ReplicaSet controller has to delete, the likelier it is.
	Hasty bool
	// Eager looks again before any pod is made or deleted, on sizes of its own and the old numbers.
	Eager bool
}

// Pod is one pod of a ReplicaSet.
type Pod struct {
	Name string
	// Owner is the UID of the ReplicaSet.
	Owner types.UID
	// Created and ReadySince are when it was made, and since when it has been ready.
	Created, ReadySince time.Time
	// Ready pods serve.
	Ready bool
	// Stuck pods don't become ready by themselves.
	Stuck bool
	// Terminating pods are on their way out; they are gone after the next look of the kubelet.
	Terminating bool
	// Reason is why the container waits, such as ImagePullBackOff. Empty means that it does not.
	Reason string
	// Restarts of the container.
	Restarts int32
}

// New returns a world that holds this Deployment, as just created, and nothing else. It gets an
// identity if it has none.
func New(deployment *unstructured.Unstructured) *Model {
	m := &Model{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	obj := deployment.DeepCopy()
	if obj.GetUID() == "" {
		obj.SetUID(types.UID("uid-of-" + obj.GetName()))
	}
	if obj.GetGeneration() == 0 {
		obj.SetGeneration(1)
	}
	m.version++
	obj.SetResourceVersion(strconv.FormatInt(m.version, 10))
	m.Deployment = obj
	return m
}

// Clone returns an independent copy of the world.
func (m *Model) Clone() *Model {
	out := *m
	out.ReplicaSets = slices.Clone(m.ReplicaSets)
	out.Pods = slices.Clone(m.Pods)
	return &out
}

// Objects returns what a shell would read of this world. The caller adds what its Release knows.
func (m *Model) Objects() workload.Objects {
	out := workload.Objects{Now: m.Now}
	if m.Deployment != nil {
		out.Workload = m.Deployment.DeepCopy()
	}
	for _, rs := range m.ReplicaSets {
		out.Revisions = append(out.Revisions, rs.DeepCopy())
		for i := range m.Pods {
			if m.Pods[i].Owner == rs.GetUID() {
				out.Pods = append(out.Pods, m.Pods[i].Object(rs))
			}
		}
	}
	return out
}

// Step lets each party look: the Deployment controller, the ReplicaSet controller (until its status is
// up to date), the kubelet. It says whether anything changed. Finer interleavings are made by calling
// SyncDeployment, SyncReplicaSets and Kubelet.
func (m *Model) Step() bool {
	changed := m.SyncDeployment()
	for m.Eager && m.SyncDeployment() {
		changed = true
	}
	for m.SyncReplicaSets() {
		changed = true
		if m.Hasty {
			break
		}
	}
	return m.Kubelet() || changed
}

// maxSteps is far more than any world of tests needs to come to rest.
const maxSteps = 1000

// Settle steps until nothing changes. It fails if that never happens.
func (m *Model) Settle() error {
	for range maxSteps {
		if !m.Step() {
			return nil
		}
	}
	return fmt.Errorf("settle Deployment %s: it moves for ever", m.Deployment.GetName())
}

// Kubelet removes pods that were told to stop, and makes those ready that can be. It says whether
// anything changed.
func (m *Model) Kubelet() bool {
	changed := false
	pods := m.Pods[:0:0]
	for _, pod := range m.Pods {
		if pod.Terminating {
			changed = true
			continue
		}
		if !pod.Ready && !pod.Stuck && m.starts(pod.Owner) {
			pod.Ready, pod.ReadySince, changed = true, m.Now, true
		}
		pods = append(pods, pod)
	}
	m.Pods = pods
	return changed
}

func (m *Model) starts(owner types.UID) bool {
	rs := m.replicaSet(owner)
	return m.Starts == nil || rs != nil && m.Starts(child(rs.Object, "spec", "template"))
}

// Advance lets time pass. Pods may become available by it; Settle to see what follows.
func (m *Model) Advance(d time.Duration) { m.Now = m.Now.Add(d) }

// SetReady makes a pod ready, or not ready until it is made ready again.
func (m *Model) SetReady(name string, ready bool) {
	m.editPod(name, func(p *Pod) {
		if ready && !p.Ready {
			p.ReadySince = m.Now
		}
		p.Ready, p.Stuck = ready, !ready
	})
}

// Fail makes a pod wait for a reason, after a number of restarts.
func (m *Model) Fail(name, reason string, restarts int32) {
	m.editPod(name, func(p *Pod) { p.Ready, p.Stuck, p.Reason, p.Restarts = false, true, reason, restarts })
}

// DeletePod tells a pod to stop.
func (m *Model) DeletePod(name string) {
	m.editPod(name, func(p *Pod) { p.Terminating = true })
}

func (m *Model) editPod(name string, change func(*Pod)) {
	m.Pods = slices.Clone(m.Pods)
	for i := range m.Pods {
		if m.Pods[i].Name == name {
			change(&m.Pods[i])
		}
	}
}

// PodsOf returns the names of the pods of a ReplicaSet that are not terminating, oldest first.
func (m *Model) PodsOf(owner types.UID) []string {
	var out []string
	for _, pod := range m.Pods {
		if pod.Owner == owner && !pod.Terminating {
			out = append(out, pod.Name)
		}
	}
	return out
}

func (m *Model) replicaSet(uid types.UID) *unstructured.Unstructured {
	for _, rs := range m.ReplicaSets {
		if rs.GetUID() == uid {
			return rs
		}
	}
	return nil
}

// Object renders a pod as the API server has it.
func (p Pod) Object(rs *unstructured.Unstructured) *corev1.Pod {
	return render(p, rs)
}
