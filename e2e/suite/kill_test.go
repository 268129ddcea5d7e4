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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

const (
	// killEvery is how many writes the controller may do before it is killed again.
	killEvery = 15
	// kills and killedRules are how often it is killed at least, and under how many rules: all but those under which
	// requests fail that no controller could save, of a canary that collapses and of a workload without pods.
	kills       = 30
	killedRules = 15
	// killRounds is how often a way is gone at most until its own rule was hit: a rule may do so few writes that another
	// kill comes first each time.
	killRounds = 4
)

// TestControllerKilled kills the controller of releases that go every way, again and again, each time right after a
// write. It runs alone: the controller is everybody's.
func TestControllerKilled(t *testing.T) {
	killer := startKiller(t, "controllerkilled-")
	for round := range killRounds {
		t.Run(fmt.Sprintf("round%d", round+1), func(t *testing.T) { // ends when all of its releases have
			for rule, goes := range killedWays(killer) {
				if killer.hits(rule) == 0 {
					t.Run(rule, func(t *testing.T) { t.Parallel(); goes(t) })
				}
			}
		})
	}
	rules, sum := killer.stop(), 0
	for _, n := range rules {
		sum += n
	}
	t.Logf("killed %d times right after a write, by the rule that had fired: %v", sum, rules)
	require.GreaterOrEqual(t, sum, kills)
	require.GreaterOrEqual(t, len(rules), killedRules, "different rules: %v", slices.Sorted(maps.Keys(rules)))
}

// killedWays are the ways that the releases go, each by a rule that it brings and few others do.
func killedWays(killer *killer) map[string]func(*testing.T) {
	ways := map[string]func(*testing.T){"Failed": neverReady}
	for rule, end := range killedEnds(killer) {
		ways[rule] = func(t *testing.T) {
			s := begin(t, setting{steps: []v1alpha1.Step{
				world.Weighted("ten", 10, &v1alpha1.Hold{For: world.Seconds(4)}),
				world.Weighted("half", 50, approval()),
			}})
			s.ship("v2")
			s.restAtHalf(1)
			end(s)
			s.requireNoneFailed()
		}
	}
	return ways
}

// killedEnds are what becomes of releases that rest at 50 %.
func killedEnds(killer *killer) map[string]func(*scenario) {
	promoted := func(s *scenario) {
		s.approve(1, "half")
		s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "ten", "half")
		s.requireLikeTwin(false, ships("v2"))
	}
	return map[string]func(*scenario){
		"Promoting": promoted,
		"Draining":  promoted,
		"UserPaused": func(s *scenario) {
			s.pause(true)
			for pauses := 1; pauses < 30 && killer.hits("UserPaused") == 0; pauses++ { // each is one write
				s.pause(false)
				s.pause(true)
			}
			s.approve(1, "half") // noted in the status, and followed once un-paused
			s.awaitRelease(1, "the approval seen", func(r *v1alpha1.Release) bool {
				ready := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
				return r.Status.Rule == "UserPaused" && ready.ObservedGeneration == r.Generation
			})
			s.patchSpec(s.deployment(s.app.Namespace), `{"paused": false}`)
			s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomePromoted), "ten", "half")
			s.requireLikeTwin(false, ships("v2"))
		},
		"Aborting": func(s *scenario) {
			s.abort()
			s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomeAborted), "ten", "half")
			s.requireLikeTwin(true, holdsV2())
		},
		"Settled": func(s *scenario) {
			s.ship("v1")
			s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomeReverted), "ten", "half")
			s.requireLikeTwin(false, ships("v2"), ships("v1"))
		},
		"Superseded": func(s *scenario) {
			s.ship("v3")
			s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomeSuperseded), "ten", "half")
			s.restAtHalf(2)
			s.approve(2, "half")
			s.requireSteps(s.awaitOutcome(2, v1alpha1.OutcomePromoted), "ten", "half")
			s.requireLikeTwin(false, ships("v2"), ships("v3"))
		},
		"Suspending": func(s *scenario) {
			s.patchSpec(s.rollout(), `{"suspend": true}`)
			s.requireSteps(s.awaitOutcome(1, v1alpha1.OutcomeSuspended), "ten", "half")
			s.awaitLetGo()
			s.requireLikeTwin(false, ships("v2"), ships("v1"))
		},
		"Deleting": func(s *scenario) {
			require.NoError(s.t, shared.Client.Delete(s.ctx, s.rollout()))
			s.awaitLetGo()
			s.requireLikeTwin(false, ships("v2"), ships("v1"))
		},
	}
}

// pause sets or takes back the pause of the app's Deployment, and returns once the release that rests has seen it.
func (s *scenario) pause(on bool) {
	s.t.Helper()
	rule := map[bool]string{true: "UserPaused", false: "Holding"}[on]
	s.patchSpec(s.deployment(s.app.Namespace), fmt.Sprintf(`{"paused": %t}`, on))
	s.awaitRelease(1, "rule "+rule, func(r *v1alpha1.Release) bool { return r.Status.Rule == rule })
}

// patchSpec merges something into an object's spec.
func (s *scenario) patchSpec(obj client.Object, spec string) {
	s.t.Helper()
	require.NoError(s.t, shared.Client.Patch(s.ctx, obj, client.RawPatch(types.MergePatchType, []byte(`{"spec":`+spec+`}`))))
}

// killer kills the controller with SIGKILL right after a write: the first under each rule, and each n-th.
type killer struct {
	t      *testing.T
	story  *story
	cancel context.CancelFunc
	ended  chan error
	writes int
	last   int // the process that was killed last

	mu    sync.Mutex
	rules map[string]int
}

// startKiller begins to kill over writes in the namespaces that begin with a prefix.
func startKiller(t *testing.T, prefix string) *killer {
	ctx, cancel := context.WithCancel(t.Context())
	k := &killer{t: t, story: follow(t, ""), cancel: cancel, ended: make(chan error, 1), rules: map[string]int{}}
	go func() { k.ended <- followWrites(ctx, prefix, func(write audited) { k.consider(ctx, write) }) }()
	return k
}

// stop ends the killing, and tells how often it hit each rule.
func (k *killer) stop() map[string]int {
	k.cancel()
	require.NoError(k.t, <-k.ended)
	return k.rules
}

// hits is how often a kill has hit a rule so far.
func (k *killer) hits(rule string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rules[rule]
}

func (k *killer) consider(ctx context.Context, write audited) {
	k.writes++
	rule := k.story.ruleIn(write.ObjectRef.Namespace)
	if rule == "" || k.hits(rule) > 0 && k.writes%killEvery != 0 {
		return
	}
	pid, err := controllerProcess(ctx)
	if err == nil && (pid == 0 || pid == k.last) {
		return // this write was done before the last kill
	}
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err == nil {
		err = freeLease(ctx)
	}
	if err != nil {
		k.t.Errorf("kill the controller: %v", err)
		return
	}
	k.last = pid
	k.mu.Lock()
	k.rules[rule]++
	k.mu.Unlock()
	k.t.Logf("%s killed right after write %d: %s, rule %s", time.Now().Format("15:04:05.000"), k.writes, write, rule)
}

// freeLease takes the lease from who was killed, so that not each of the kills costs the time in which it expires.
func freeLease(ctx context.Context) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: world.SystemNamespace, Name: "crossfade"}}
	return shared.Client.Patch(ctx, lease, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"holderIdentity":""}}`)))
}

// controllerProcess is the process of the controller; zero if none runs. The kubelet starts another one in its place.
func controllerProcess(ctx context.Context) (int, error) {
	var pods corev1.PodList
	if err := shared.Client.List(ctx, &pods, client.InNamespace(world.SystemNamespace)); err != nil {
		return 0, err
	}
	for _, pod := range pods.Items {
		if pid, err := processOf(pod); pid != 0 || err != nil {
			return pid, err
		}
	}
	return 0, nil
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
