package suite_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestControllerKilled kills the controller of releases that end in every way, again and again, each time right after
// another write. It runs alone: the controller is everybody's.
func TestControllerKilled(t *testing.T) {
	rules := map[string]int{}
	steps := []v1alpha1.Step{
		world.Weighted("ten", 10, &v1alpha1.Hold{For: world.Seconds(4)}),
		world.Weighted("half", 50, approval()),
	}
	for _, ending := range []struct {
		name string
		end  func(*scenario)
	}{
		{"Promote", func(s *scenario) {
			s.approve(1, "half")
			s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "ten", "half")
			s.requireNoneFailed()
			s.requireLikeTwin(false, ships("v2"))
		}},
		{"Abort", func(s *scenario) {
			s.abort(1)
			s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomeAborted), "ten", "half")
			s.requireNoneFailed()
			s.requireLikeTwin(true, holds("v2"))
		}},
		{"StableReapplied", func(s *scenario) {
			s.ship("v1")
			s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomeReverted), "ten", "half")
			s.requireNoneFailed()
			s.requireLikeTwin(false, ships("v2"), ships("v1"))
		}},
		{"NewTemplate", func(s *scenario) {
			s.ship("v3")
			s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomeSuperseded), "ten", "half")
			s.restAtHalf(2)
			s.approve(2, "half")
			s.requireSteps(s.awaitOutcome(2, v1alpha1.OutcomePromoted), "ten", "half")
			s.requireNoneFailed()
			s.requireLikeTwin(false, ships("v2"), ships("v3"))
		}},
		{"Deleted", func(s *scenario) {
			require.NoError(s.t, shared.Client.Delete(s.ctx, s.rollout()))
			s.awaitLetGo()
			s.requireNoneFailed()
			s.requireLikeTwin(false, ships("v2"), ships("v1"))
		}},
	} {
		t.Run(ending.name, func(t *testing.T) {
			s := begin(t, setting{steps: steps})
			stop := s.killAfterWrites(rules, killEvery)
			s.ship("v2")
			s.restAtHalf(1)
			ending.end(s)
			stop()
		})
	}
	t.Logf("killed right after a write of rules %v", rules)
	require.GreaterOrEqual(t, len(rules), 10, "different rules: %v", slices.Sorted(maps.Keys(rules)))
}

// killEvery is how many writes the controller may do before it is killed again. It has no divisor in common with the
// number of writes that a step takes, so that the kills move through the steps.
const killEvery = 3

// killAfterWrites kills the controller with SIGKILL right after each n-th write in the scenario's namespace, until
// stop is called. It counts the rules that had fired then.
func (s *scenario) killAfterWrites(rules map[string]int, n int) (stop func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error)
	writes := 0
	go func() {
		ended <- followWrites(ctx, s.app.Namespace, func(write audited) {
			if writes++; writes%n != 0 {
				return
			}
			if err := killController(ctx); err != nil {
				s.logf("write %d (%s): not killed: %v", writes, write, err)
				return
			}
			rule := s.ruleNow(ctx)
			rules[rule]++
			s.logf("killed right after write %d (%s), rule %s", writes, write, rule)
		})
	}()
	return func() {
		cancel()
		require.NoError(s.t, <-ended)
	}
}

// ruleNow is the rule that the latest Release in flight last persisted.
func (s *scenario) ruleNow(ctx context.Context) string {
	var releases v1alpha1.ReleaseList
	if err := shared.Client.List(ctx, &releases, client.InNamespace(s.app.Namespace)); err != nil {
		return err.Error()
	}
	rule, number := "", int64(0)
	for _, release := range releases.Items {
		if release.Spec.Number > number {
			rule, number = release.Status.Rule, release.Spec.Number
		}
	}
	return rule
}

// killController sends SIGKILL to the controller's process; the kubelet starts another one.
func killController(ctx context.Context) error {
	var pods corev1.PodList
	if err := shared.Client.List(ctx, &pods, client.InNamespace(world.SystemNamespace)); err != nil {
		return err
	}
	for _, pod := range pods.Items {
		pid, err := processOf(pod)
		if err != nil {
			return err
		}
		if pid != 0 {
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("no process of %d pods in namespace %s runs", len(pods.Items), world.SystemNamespace)
}

// processOf finds the controller's process in a pod's control group; zero if it does not run.
func processOf(pod corev1.Pod) (int, error) {
	commands, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return 0, err
	}
	for _, command := range commands {
		name, err := os.ReadFile(command)
		if err != nil || strings.TrimSpace(string(name)) != world.ControllerName {
			continue // it has ended, or is another program
		}
		group, err := os.ReadFile(filepath.Join(filepath.Dir(command), "cgroup"))
		if err != nil || !strings.Contains(strings.ReplaceAll(string(group), "_", "-"), string(pod.UID)) {
			continue
		}
		return strconv.Atoi(filepath.Base(filepath.Dir(command)))
	}
	return 0, nil
}
