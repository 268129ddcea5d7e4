package rollout

import (
	"encoding/json"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// memory remembers for which state of a Rollout and its workload the last reconcile left nothing to
// do, so that events that change neither (scaling, pods coming and going) cost no request.
type memory struct {
	mu   sync.Mutex
	seen map[types.UID]string
}

func newMemory() *memory { return &memory{seen: map[types.UID]string{}} }

func (m *memory) knows(rollout *v1alpha1.Rollout, state string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[rollout.UID] == state
}

func (m *memory) learn(rollout *v1alpha1.Rollout, state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[rollout.UID] = state
}

func (m *memory) forget(rollout *v1alpha1.Rollout) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.seen, rollout.UID)
}

func (m *memory) forgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.seen)
}

// stateOf tells all of a Rollout and its workload that arming depends on. The replica count is left
// out: scaling arms and disarms nothing.
func stateOf(rollout *v1alpha1.Rollout, deployment *unstructured.Unstructured) (string, error) {
	spec, _, _ := unstructured.NestedMap(deployment.Object, "spec")
	delete(spec, "replicas")
	state, err := json.Marshal(map[string]any{
		"generation": rollout.Generation, "uid": deployment.GetUID(), "labels": deployment.GetLabels(), "spec": spec,
	})
	if err != nil {
		return "", fmt.Errorf("encode Deployment %s: %w", deployment.GetName(), err)
	}
	return string(state), nil
}
