package suite_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// Tests whose names begin with TestNode are for a cluster of three nodes: make e2e-nodes runs them, and nothing else does.

// TestNodesReachEachOther has a pod on each node answer by its Service and through the gateway, asked from each node.
func TestNodesReachEachOther(t *testing.T) {
	nodes := readyNodes(t)
	require.Len(t, nodes, 3)
	scratch := t.TempDir()
	var targets []load.Target
	for _, node := range nodes {
		s := newScenario(t, world.App{Namespace: "reach-" + node, Host: node + ".test", Version: "on-" + node, Replicas: 1, Node: node})
		s.createNamespace(s.app.Namespace)
		s.apply(s.app)
		s.awaitComplete(s.app)
		require.Equal(t, node, s.podsOf(s.app.Version)[0].Spec.NodeName)
		want := load.Target{Rate: 20, Fresh: true, Versions: []string{s.app.Version}}
		service, gateway := want, want
		service.Name, service.URL = "service on "+node, "http://"+s.service().Spec.ClusterIP+":80/"
		gateway.Name, gateway.URL, gateway.Host = "gateway to "+node, s.app.URL(world.GatewayAddress), s.app.Host
		targets = append(targets, service, gateway)
	}
	for _, node := range nodes {
		require.EventuallyWithT(t, func(now *assert.CollectT) {
			answered, err := shared.Probe(node, scratch, targets...)
			require.NoError(now, err)
			require.True(now, answered, "requests from %s failed", node)
		}, soon, look)
	}
}

// readyNodes names the nodes, in order; all of them must be ready.
func readyNodes(t *testing.T) []string {
	t.Helper()
	var nodes corev1.NodeList
	require.NoError(t, shared.Client.List(t.Context(), &nodes))
	var names []string
	for _, node := range nodes.Items {
		names = append(names, node.Name)
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady {
				require.Equal(t, corev1.ConditionTrue, c.Status, "%s: %s", node.Name, c.Message)
			}
		}
	}
	return names
}

// placed counts the app's pods on each node by version; those that have been told to stop are left out.
func (s *scenario) placed(version string) map[string]int {
	s.t.Helper()
	count := map[string]int{}
	for _, pod := range s.podsOf(version) {
		count[pod.Spec.NodeName]++
	}
	return count
}

// controllerPod is the controller's one pod that has not been told to stop.
func (s *scenario) controllerPod() corev1.Pod {
	s.t.Helper()
	var found []corev1.Pod
	s.eventually(soon, "one pod of the controller", func() (string, bool) {
		var pods corev1.PodList
		require.NoError(s.t, shared.Client.List(s.ctx, &pods, client.InNamespace(world.SystemNamespace)))
		found = nil
		for _, pod := range pods.Items {
			if pod.DeletionTimestamp == nil && pod.Spec.NodeName != "" {
				found = append(found, pod)
			}
		}
		return fmt.Sprintf("%d pods", len(found)), len(found) == 1
	})
	return found[0]
}
