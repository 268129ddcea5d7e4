package suite_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestNodeDrained drains nodes as kubectl does, in the middle of a release of nine pods on three nodes: first one with
// pods of both versions while a step rests, then the controller's while the next step is on its way. The gateway is no
// pod, and stays on the first node whichever is drained. The load comes from another node than the gateway's.
//
// It runs alone: a node is everybody's.
func TestNodeDrained(t *testing.T) {
	require.Len(t, readyNodes(t), 3)
	few := intstr.FromInt32(2)
	s := begin(t, setting{node: "node-1", spread: true, replicas: 9, steps: []v1alpha1.Step{
		{Name: "fifth", Weight: ptr.To(intstr.FromInt32(20)), Replicas: &few, Hold: approval()},
		world.Weighted("half", 50, approval()),
	}})
	s.createBudget()
	s.ship("v2")
	s.awaitRequests(s.awaitStep(1, "fifth").StartedAt.Time, 300)
	before := s.controllerPod()
	first := s.nodeWithBothBut(before.Spec.NodeName)
	s.drain(first)
	s.awaitCanaries(few.IntValue())
	require.Equal(t, before.UID, s.controllerPod().UID, "the controller was not on %s", first)
	s.uncordon(first)

	home := before.Spec.NodeName
	s.approve(1, "fifth")
	s.drain(home)
	after := s.controllerPod()
	require.NotEqual(t, home, after.Spec.NodeName)
	step := s.awaitStep(1, "half")
	s.logf("controller moved from %s to %s; step half in effect %s later", home, after.Spec.NodeName,
		step.StartedAt.Sub(after.CreationTimestamp.Time))
	s.awaitRequests(step.StartedAt.Time, 300)
	s.approve(1, "half")
	s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "fifth", "half")
	s.requireNoneFailed()
	require.Zero(t, s.placed("v2")[home], "pods on the drained node")
	s.uncordon(home)
	s.requireLikeTwin(false, ships("v2"))
}

// TestNodeDrainedWithTheOnlyCanaryPod shows what a budget over both versions does not keep: with stable pods enough, it
// lets the only canary pod be evicted, and the canary's requests fail until another one serves or all go to stable.
func TestNodeDrainedWithTheOnlyCanaryPod(t *testing.T) {
	s := begin(t, setting{node: "node-1", spread: true, replicas: 6, steps: []v1alpha1.Step{world.Weighted("tenth", 10, approval())}})
	s.createBudget()
	s.ship("v2")
	s.awaitRequests(s.awaitStep(1, "tenth").StartedAt.Time, 300)
	canaries := s.podsOf("v2")
	require.Len(t, canaries, 1)
	drained := time.Now()
	s.drain(canaries[0].Spec.NodeName)
	s.requireRecoveredOrCollapsed(1, drained)
}

// createBudget lets one pod of the app be missing for a drain.
func (s *scenario) createBudget() {
	s.t.Helper()
	one := intstr.FromInt32(1)
	s.create(&policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.app.Namespace, Name: world.AppName},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &one,
			Selector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app": world.AppName}},
		},
	})
	s.eventually(soon, "budget in effect", func() (string, bool) {
		budget := s.budget()
		return toJSON(budget.Status), budget.Status.ObservedGeneration == budget.Generation && budget.Status.DisruptionsAllowed > 0
	})
}

func (s *scenario) budget() *policyv1.PodDisruptionBudget {
	s.t.Helper()
	budget := &policyv1.PodDisruptionBudget{}
	require.NoError(s.t, shared.Client.Get(s.ctx, s.key(), budget))
	return budget
}

// nodeWithBothBut is a node with pods of both versions, other than one.
func (s *scenario) nodeWithBothBut(other string) string {
	s.t.Helper()
	stable, canary := s.placed("v1"), s.placed("v2")
	for node := range canary {
		if node != other && stable[node] > 0 {
			s.logf("stable pods %v, canary pods %v, controller on %s", stable, canary, other)
			return node
		}
	}
	require.Fail(s.t, "no node to drain", "stable pods %v, canary pods %v, controller on %s", stable, canary, other)
	return ""
}

// drain cordons a node and evicts its pods, and returns when they are gone. The budget must hold all the time.
func (s *scenario) drain(node string) {
	s.t.Helper()
	s.t.Cleanup(func() { s.uncordon(node) })
	before := s.budget().Status
	s.logf("draining %s: pods of v1 %v, of v2 %v; %d are healthy and %d have to be", node, s.placed("v1"), s.placed("v2"),
		before.CurrentHealthy, before.DesiredHealthy)
	kubectl, err := shared.Kubectl(s.ctx, "drain", node, "--timeout", aWhile.String())
	require.NoError(s.t, err)
	var output bytes.Buffer
	kubectl.Stdout, kubectl.Stderr = &output, &output
	require.NoError(s.t, kubectl.Start())
	drained := make(chan error, 1)
	go func() { drained <- kubectl.Wait() }()
	var ended bool
	s.eventually(aWhile, "end of the drain of "+node, func() (string, bool) {
		select {
		case err = <-drained:
			ended = true
		default:
		}
		status := s.budget().Status
		require.GreaterOrEqual(s.t, status.CurrentHealthy, status.DesiredHealthy, "pods fewer than the budget wants, draining %s", node)
		return toJSON(status), ended
	})
	require.NoError(s.t, err, output.String())
	refused := strings.Count(output.String(), "violate the pod's disruption budget")
	s.logf("drained %s; evictions refused by the budget, and asked for again: %d", node, refused)
	require.Zero(s.t, s.placed("v1")[node]+s.placed("v2")[node], "pods on the drained node")
}

// uncordon lets pods onto a node again; it may be called again.
func (s *scenario) uncordon(node string) {
	s.t.Helper()
	kubectl, err := shared.Kubectl(context.WithoutCancel(s.ctx), "uncordon", node)
	require.NoError(s.t, err)
	output, err := kubectl.CombinedOutput()
	require.NoError(s.t, err, string(output))
}

// awaitCanaries waits until so many pods of v2 are ready.
func (s *scenario) awaitCanaries(count int) {
	s.t.Helper()
	s.eventually(soon, "canary pods", func() (string, bool) {
		ready := s.story.last(1).Status.Canary.Ready
		return fmt.Sprintf("%d ready", ready), int(ready) == count
	})
}
