package release_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/intent"
)

// The hazards are bad moments, each of which has cost a design something.

func promoting(t *testing.T, stage v1alpha1.Stage) *world {
	t.Helper()
	w := newWorld(t, options{})
	guard(w)
	w.image("checkout:2")
	w.promote()
	w.stage(stage)
	return w
}

func TestRolloutDeletedPastNoReturnKeepsServing(t *testing.T) {
	w := promoting(t, v1alpha1.StageRetiring)
	w.deleteRollout()
	w.end(v1alpha1.OutcomePromoted)
}

func TestStableReappliedPastNoReturnWaitsAsHeld(t *testing.T) {
	w := promoting(t, v1alpha1.StageRetiring)
	w.image("checkout:1")
	w.end(v1alpha1.OutcomePromoted)
	require.Contains(t, w.summary(), "4 pods run checkout:2")
}

func TestWorkloadThatVanishesLeavesItsServicesServing(t *testing.T) {
	for name, vanish := range map[string]func(w *world){
		"the Deployment is deleted, its pods stay": func(w *world) { w.orphan() },
		"the Deployment loses its label": func(w *world) {
			require.NoError(t, w.model.Edit(func(obj map[string]any) {
				unstructured.RemoveNestedField(obj, "metadata", "labels", v1alpha1.LabelRollout)
			}))
		},
	} {
		for _, stage := range []v1alpha1.Stage{v1alpha1.StageStepping, v1alpha1.StageFlipping, v1alpha1.StageDraining, v1alpha1.StageRetiring} {
			t.Run(name+" at "+string(stage), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, options{})
				w.image("checkout:2")
				if stage == v1alpha1.StageStepping {
					w.at("ten")
				} else {
					w.promote()
					w.stage(stage)
				}
				vanish(w)
				for range 60 {
					if w.tick(); w.ended {
						break
					}
					w.model.Advance(w.last.Wake)
					service := w.store.get("Service", "checkout")
					n := 0
					for _, pod := range w.livePods() {
						if pod.serves && selects(service, pod.labels) {
							n++
						}
					}
					require.Positive(t, n, "the Service selects nothing\n%s", w.tale.String())
				}
				// Without its label it is read all the same, so that a hold goes on.
				require.True(t, w.ended || w.last.Rule == planner.RuleHolding, w.tale.String())
			})
		}
	}
}

func TestStepNeverWaitsForMorePodsThanTheWorkloadHas(t *testing.T) {
	w := newWorld(t, options{steps: []v1alpha1.Step{matching("insiders", 6, nil)}})
	w.image("checkout:2")
	w.end(v1alpha1.OutcomePromoted)
}

func TestRouteThatCannotBeRenderedStallsAndSaysSo(t *testing.T) {
	for name, prepare := range map[string]func(w *world){
		"while a step holds": func(w *world) { w.at("ten") },
		"before the first weight": func(w *world) {
			w.until("the canary is named", func() bool { return w.last.Rule == planner.RuleConfirming })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			w.image("checkout:2")
			prepare(w)
			route := w.store.get("HTTPRoute", "checkout")
			rules, _, _ := unstructured.NestedSlice(route.Object, "spec", "rules")
			for _, rule := range rules {
				rule.(map[string]any)["backendRefs"].([]any)[0].(map[string]any)["name"] = "elsewhere"
			}
			require.NoError(t, unstructured.SetNestedSlice(route.Object, rules[:1], "spec", "rules"))
			w.store.put(route)
			w.tick()
			require.NotPanics(t, func() { w.tick() })
		})
	}
}

func TestCanaryServiceDeletedMidStepComesBackBeforeItsWeight(t *testing.T) {
	w := newWorld(t, options{})
	w.image("checkout:2")
	w.at("half")
	delete(w.store.objects, keyOf("Service", "checkout-canary"))
	w.others() // its endpoints go
	for range 10 {
		in := w.input()
		d := planner.Plan(in)
		for _, write := range d.Writes {
			if write.Kind.Kind != "HTTPRoute" {
				continue
			}
			before, _ := canaryWeight(w.store.get("HTTPRoute", "checkout"), "checkout")
			w.tick()
			after, _ := canaryWeight(w.store.get("HTTPRoute", "checkout"), "checkout")
			require.False(t, after > before && in.Observed.Services[0].CanaryReady == 0,
				"the weight rises from %d to %d on no endpoints\n%s", before, after, w.tale.String())
		}
		w.tick()
	}
	require.Equal(t, "half", w.status.StepName, w.tale.String())
}

func TestCanaryServiceEditedMidStepIsPutRight(t *testing.T) {
	w := newWorld(t, options{})
	w.image("checkout:2")
	w.at("half")
	service := w.store.get("Service", "checkout-canary")
	unstructured.RemoveNestedField(service.Object, "spec", "selector", v1alpha1.LabelTemplateHash)
	w.store.put(service)
	w.rest()
	selector, _, _ := unstructured.NestedMap(w.store.get("Service", "checkout-canary").Object, "spec", "selector")
	require.Contains(t, selector, v1alpha1.LabelTemplateHash, "half of the canary's requests reach stable pods\n%s", w.tale.String())
}

// TestContentionIsSeenAtAnyStage: a rival that answers each of our writes at once is never seen to have
// our split in effect, and must be counted all the same.
func TestContentionIsSeenAtAnyStage(t *testing.T) {
	w := newWorld(t, options{})
	w.image("checkout:2")
	w.until("the first weight", func() bool { return w.status.Progress.Shifted })
	w.rival = w.gitRoute()
	writes := 0
	for until := w.now().Add(40 * time.Second); w.now().Before(until); {
		w.tick()
		for _, write := range w.last.Writes {
			if write.Kind.Kind == "HTTPRoute" {
				writes++
			}
		}
	}
	require.LessOrEqual(t, writes, 11, "two writers in a loop\n%s", w.tale.String())
}

// TestCanaryKeepsItsPodsUntilTheRouteIsBack: someone gives the canary weight again as its pods go.
func TestCanaryKeepsItsPodsUntilTheRouteIsBack(t *testing.T) {
	w := newWorld(t, options{})
	w.image("checkout:2")
	w.at("half")
	weighted := w.store.get("HTTPRoute", "checkout")
	w.abort()
	w.until("the hold of the template", func() bool {
		return len(w.last.Writes) > 0 && w.status.Progress.Stage == v1alpha1.StageRetreating
	})
	w.store.put(weighted)
	w.reconcile()
	for i, write := range w.last.Writes {
		if write.Verb == intent.Scale && write.Replicas == 0 {
			ppm, _ := canaryWeight(weighted, "checkout")
			require.Fail(t, "the pods go before the requests", "write %d is %s while the route sends %d ppm\n%s", i, write, ppm, w.tale.String())
		}
	}
}

// TestScaledFarDownMidStepKeepsStable: the native controller's rounding leaves stable a pod too many and
// the canary none. Stable keeps what the user wants, and the canary comes back.
func TestScaledFarDownMidStepKeepsStable(t *testing.T) {
	for size := int32(8); size > 0; size-- {
		t.Run(fmt.Sprintf("from 10 to %d", size), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{replicas: 10, bounds: "maxSurge: 1, maxUnavailable: 0", steps: []v1alpha1.Step{weigh("ten", 10, approval())}})
			w.image("checkout:2")
			w.at("ten")
			w.watch = func(what string) {
				pods := w.input().Observed.Kind.Observe(w.input().Observed.Workload)
				require.GreaterOrEqual(t, pods.Stable.Ready, size, "%s\n%s", what, w.tale.String())
			}
			w.scale(size)
			w.at("ten")
			w.rest()
			require.Contains(t, w.summary(), "1 pods run checkout:2")
		})
	}
}

// TestScaledAsItEndsLeavesNothingBehind: what is on the ReplicaSets can only be told once the native
// controller has seen the Deployment, so that a Release is not over before.
func TestScaledAsItEndsLeavesNothingBehind(t *testing.T) {
	w := newWorld(t, options{})
	w.image("checkout:2")
	w.promote()
	w.until("the last decision", func() bool {
		if w.status.Progress.Stage == v1alpha1.StageRestoring && w.status.Progress.EffectSince != nil {
			w.faults = faults{how: killed} // the next one is persisted, and nothing of it is done
		}
		return w.last.Rule == planner.RuleEnded
	})
	w.faults = noFaults
	w.scale(6)
	w.reconcile()
	w.end(v1alpha1.OutcomePromoted)
}

// TestStableReappliedAsItEndsIsWrittenOnce: the second of two writes to one version of an object is refused, and what
// comes after it waits for another look.
func TestStableReappliedAsItEndsIsWrittenOnce(t *testing.T) {
	w := newWorld(t, options{})
	guard(w)
	w.image("checkout:2")
	w.at("half")
	w.abort()
	w.until("the last decision", func() bool {
		if w.status.Progress.Stage == v1alpha1.StageCleaning {
			w.faults = faults{how: killed} // the next one is persisted, and nothing of it is done
		}
		return w.last.Rule == planner.RuleEnded
	})
	w.faults = noFaults
	w.image("checkout:1")
	w.end(v1alpha1.OutcomeAborted)
}
