package rollout

import (
	"encoding/json"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// memory keeps what was found of each Rollout, so that events that change nothing of it (scaling, pods
// coming and going, a Release that went well) cost no request. All of it can be found again. Its zero value knows nothing.
type memory struct {
	mu sync.Mutex
	// settled is the state of a Rollout and its workload for which nothing was left to do.
	settled map[types.UID]string
	// proven is the generation of a Rollout and the identity of its workload for which all that it
	// names was checked and the gate was shown to hold.
	proven map[types.UID]string
	// doubted counts the doubts about a Rollout, doubtedAll those about all: one that comes during a look outlives what the look finds.
	doubted    map[types.UID]int
	doubtedAll int
}

// doubts is how often a Rollout was doubted.
func (m *memory) doubts(rollout types.UID) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.doubted[rollout] + m.doubtedAll
}

// settledIn reports whether nothing was left to do in this state.
func (m *memory) settledIn(rollout *v1alpha1.Rollout, state string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settled[rollout.UID] == state
}

// settle notes that nothing is left to do in this state, unless there was another doubt since.
func (m *memory) settle(rollout *v1alpha1.Rollout, state string, doubts int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.doubted[rollout.UID]+m.doubtedAll != doubts {
		return
	}
	if m.settled == nil {
		m.settled = map[types.UID]string{}
	}
	m.settled[rollout.UID] = state
}

// stir forgets that nothing was left to do: a Release is on its way.
func (m *memory) stir(rollout *v1alpha1.Rollout) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.settled, rollout.UID)
}

// provenFor reports whether the gate was shown to hold this workload for this spec.
func (m *memory) provenFor(rollout *v1alpha1.Rollout, deployment *unstructured.Unstructured) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proven[rollout.UID] == subject(rollout, deployment)
}

// prove notes that the gate holds this workload.
func (m *memory) prove(rollout *v1alpha1.Rollout, deployment *unstructured.Unstructured) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.proven == nil {
		m.proven = map[types.UID]string{}
	}
	m.proven[rollout.UID] = subject(rollout, deployment)
}

// doubt forgets all of one Rollout.
func (m *memory) doubt(rollout types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.proven, rollout)
	delete(m.settled, rollout)
	if m.doubted == nil {
		m.doubted = map[types.UID]int{}
	}
	m.doubted[rollout]++
}

// doubtAll forgets everything: the gate itself changed.
func (m *memory) doubtAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.proven)
	clear(m.settled)
	m.doubtedAll++
}

func subject(rollout *v1alpha1.Rollout, deployment *unstructured.Unstructured) string {
	return fmt.Sprintf("%d of %s", rollout.Generation, deployment.GetUID())
}

// stateOf tells all of a Rollout and its workload that arming depends on. The counts of pods are left
// out, since scaling arms and disarms nothing, but for a held template: there the native controller may
// give pods to the wrong revision.
func stateOf(rollout *v1alpha1.Rollout, deployment *unstructured.Unstructured) (string, error) {
	spec, _, _ := unstructured.NestedMap(deployment.Object, "spec")
	status, _, _ := unstructured.NestedMap(deployment.Object, "status")
	_, held, _ := unstructured.NestedString(spec, "template", "metadata", "annotations", v1alpha1.AnnotationPending)
	if !held {
		delete(spec, "replicas")
		status = nil
	}
	state, err := json.Marshal(map[string]any{
		"generation": rollout.Generation, "uid": deployment.GetUID(), "labels": deployment.GetLabels(),
		"retry": rollout.Annotations[v1alpha1.AnnotationRetry], "spec": spec, "counts": []any{status["replicas"], status["updatedReplicas"], status["readyReplicas"]},
	})
	if err != nil {
		return "", fmt.Errorf("encode Deployment %s: %w", deployment.GetName(), err)
	}
	return string(state), nil
}
