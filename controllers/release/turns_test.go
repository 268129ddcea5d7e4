package release_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// atHalf is a world whose Release holds at 50 %.
func atHalf(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, options{})
	w.image("checkout:2")
	w.at("half")
	return w
}

// decide lets everybody else come to rest, and decides once.
func (w *world) decide() planner.Decision {
	for w.others() {
	}
	return planner.Plan(w.input())
}

func TestTurnBackAtHalf(t *testing.T) {
	for name, c := range map[string]struct {
		why  string
		move func(w *world)
		rule planner.Rule
		// cause that the Release then goes back for; empty if it does not.
		cause string
	}{
		"abort":   {"a person's word is enough", (*world).abort, planner.RuleAborting, v1alpha1.CauseAborted},
		"deleted": {"without a policy nothing may stay", (*world).deleteRollout, planner.RuleDeleting, v1alpha1.CauseDeleted},
		"newer template": {
			"two canaries would need three revisions", func(w *world) { w.image("checkout:3") },
			planner.RuleSuperseded, v1alpha1.CauseSuperseded,
		},
		"stable template": {
			"the user took the version back", func(w *world) { w.image("checkout:1") },
			planner.RuleSettled, v1alpha1.CauseStableReapplied,
		},
		"Service gone":  {"there is nothing to pin", func(w *world) { w.remove("Service", "checkout") }, planner.RuleInvalid, v1alpha1.CauseObjectGone},
		"route gone":    {"there is nothing to shift", func(w *world) { w.remove("HTTPRoute", "checkout") }, planner.RuleInvalid, v1alpha1.CauseObjectGone},
		"workload gone": {"there is nothing to release", (*world).orphan, planner.RuleInvalid, v1alpha1.CauseObjectGone},
		"scaled to 0":   {"nothing can run beside nothing", func(w *world) { w.scale(0) }, planner.RuleInvalid, v1alpha1.CauseScaledToZero},
		"hopeless pod": {"waiting would not heal it", func(w *world) {
			w.model.Fail(w.canaryPods()[0], "CrashLoopBackOff", 5)
		}, planner.RuleFailed, v1alpha1.CausePodsFailing},
		"crashing pod": {"it may heal yet", func(w *world) {
			w.model.Fail(w.canaryPods()[0], "CrashLoopBackOff", 1)
		}, planner.RuleShifting, ""},
		"bare canary": {"half of the requests fail", func(w *world) {
			w.unreadyCanary()
			w.tick()
			w.tick()
			w.model.Advance(5 * time.Second)
		}, planner.RuleCollapsed, v1alpha1.CauseCollapsed},
		"bare for a moment": {"a restart is no collapse", func(w *world) {
			w.unreadyCanary()
			w.tick()
			w.tick()
		}, planner.RuleShifting, ""},
		"abort while paused": {"a pause holds back nothing but progress", func(w *world) {
			w.pause()
			w.rolloutPause()
			w.abort()
		}, planner.RuleAborting, v1alpha1.CauseAborted},
		"abort and promote": {"abort wins", func(w *world) {
			w.promote()
			w.abort()
		}, planner.RuleAborting, v1alpha1.CauseAborted},
		"deleted and abort": {"the first in the order decides", func(w *world) {
			w.abort()
			w.deleteRollout()
		}, planner.RuleDeleting, v1alpha1.CauseDeleted},
		"approval": {"forward is no turn", func(w *world) { w.approve("half") }, planner.RulePromoting, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := atHalf(t)
			c.move(w)
			d := w.decide()
			require.Equal(t, c.cause, d.Status.Progress.Cause, "%s: %s", c.why, d.Status.Message)
			require.Equal(t, c.rule, d.Rule, "%s: %s", c.why, d.Status.Message)
			if c.cause == "" {
				return
			}
			require.NotEmpty(t, d.Status.Progress.CauseMessage)
			require.Equal(t, v1alpha1.StageWithdrawing, d.Status.Progress.Stage, "traffic goes back first")
			for _, write := range d.Writes {
				require.NotEqual(t, "ReplicaSet", write.Kind.Kind, "pods are untouched: %s", write)
				require.NotEqual(t, "Deployment", write.Kind.Kind, "pods are untouched: %s", write)
			}
		})
	}
}

func TestWhoAppliesTheStableTemplateAgainIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ by, says string }{
		"not known":           {"", "the stable template was applied again"},
		"somebody else":       {"kubectl-rollout", "the stable template was applied again by kubectl-rollout"},
		"who applied the new": {"helm", "the stable template was applied again by helm, which had applied the new one, 5m0s after the Release began; if it waited in vain, use kubectl crossfade wait"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			w.image("checkout:2")
			w.writtenBy("helm")
			w.at("half")
			w.model.Advance(5*time.Minute - w.now().Sub(w.status.StartedAt.Time))
			w.image("checkout:1")
			w.writtenBy(c.by)
			require.Equal(t, c.says, w.decide().Status.Progress.CauseMessage)
		})
	}
}

// writtenBy notes who wrote the workload's template last; "" that nobody knows.
func (w *world) writtenBy(manager string) {
	require.NoError(w.t, w.model.Edit(func(obj map[string]any) {
		delete(obj["metadata"].(map[string]any), "managedFields")
		if manager != "" {
			obj["metadata"].(map[string]any)["managedFields"] = []any{map[string]any{
				"manager": manager, "operation": "Update", "fieldsV1": map[string]any{"f:spec": map[string]any{"f:template": map[string]any{}}},
			}}
		}
	}))
}

func TestNothingTurnsBackPastNoReturn(t *testing.T) {
	moves := map[string]func(w *world){
		"abort":           (*world).abort,
		"newer template":  func(w *world) { w.image("checkout:3") },
		"stable template": func(w *world) { w.image("checkout:1") },
		"scaled to 0":     func(w *world) { w.scale(0) },
		"pods not ready":  (*world).unreadyCanary,
		"route gone":      func(w *world) { w.remove("HTTPRoute", "checkout") },
	}
	for name, move := range moves {
		for _, stage := range []v1alpha1.Stage{v1alpha1.StageRetiring, v1alpha1.StageReturning, v1alpha1.StageRestoring} {
			t.Run(name+" at "+string(stage), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, options{})
				w.image("checkout:2")
				w.promote()
				w.stage(stage)
				move(w)
				require.Empty(t, w.decide().Status.Progress.Cause, "the old pods are going")
			})
		}
	}
}

func TestDeadlineCountsWaitingAlone(t *testing.T) {
	for name, c := range map[string]struct {
		why    string
		during func(w *world)
		failed bool
	}{
		"pods that never come": {"nothing else will decide", func(w *world) { w.pass(11 * time.Minute) }, true},
		"pods that come late":  {"in time is in time", func(w *world) { w.pass(9 * time.Minute); w.healCanary(); w.pass(9 * time.Minute) }, false},
		"a pause in between, by crossfade": {"a pause stops the clock", func(w *world) {
			w.pass(5 * time.Minute)
			w.pause()
			w.pass(time.Hour)
			w.resume()
			w.pass(4 * time.Minute)
		}, false},
		"a pause in between, by kubectl": {"a pause stops the clock", func(w *world) {
			w.pass(5 * time.Minute)
			w.rolloutPause()
			w.pass(time.Hour)
			w.rolloutResume()
			w.pass(4 * time.Minute)
		}, false},
		"a pause that was too late": {"the clock goes on after it", func(w *world) {
			w.pass(5 * time.Minute)
			w.pause()
			w.pass(time.Hour)
			w.resume()
			w.pass(6 * time.Minute)
		}, true},
		"a gateway that takes no notice": {"a route that is not in effect is as bad", func(w *world) {
			w.deaf = true
			w.healCanary()
			w.pass(11 * time.Minute)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{steps: []v1alpha1.Step{weigh("ten", 10, approval())}})
			w.image("checkout:2")
			w.until("the canary has a pod", func() bool { return len(w.canaryPods()) > 0 })
			w.unreadyCanary()
			c.during(w)
			require.Equal(t, c.failed, w.status.Progress.Cause == v1alpha1.CauseDeadline, "%s\n%s", c.why, w.tale.String())
		})
	}
}

// A workload that was let go may get the rejected version again before the Release's last look, from a tool that heals
// what it finds. It rolls natively then, and may never come to rest.
func TestAReleaseEndsBesideTheSameVersionThatRollsNatively(t *testing.T) {
	w := newWorld(t, options{steps: []v1alpha1.Step{weigh("ten", 10, approval())}})
	w.image("checkout:2")
	w.at("ten")
	w.suspend()
	w.until("the workload is let go", func() bool { return w.model.Deployment.GetLabels()[v1alpha1.LabelRollout] == "" })
	w.breakCanary("ImagePullBackOff", 0)
	w.image("checkout:2")
	w.until("the Release has ended", func() bool { return w.last.Ended })
	require.Equal(t, v1alpha1.OutcomeSuspended, w.status.Outcome)
}
