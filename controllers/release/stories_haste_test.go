package release_test

import (
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// frozen has a freeze that begins at a minute of the hour in which worlds begin, 01:00.
func frozen(minute string, length time.Duration) options {
	return options{change: func(p *v1alpha1.RolloutSpec) {
		p.Freezes = []v1alpha1.Freeze{{Name: "night", Schedule: minute + " 1 * * *", For: *long(length)}}
	}}
}

// waitsForFreeze goes on until a freeze holds the Release.
func waitsForFreeze(w *world) {
	w.t.Helper()
	w.until("a freeze that holds", func() bool {
		return w.last.Rule == planner.RuleHolding && w.status.Barrier != nil && w.status.Barrier.Name == "freeze"
	})
}

// storiesOfHaste are of versions that must wait, and of those that must not.
var storiesOfHaste = map[string]story{
	"freeze-before-the-first-pod": {"In a freeze a new version gets no pod, and the deadline does not run; afterwards it takes the steps.", frozen("0", 2*time.Hour), func(w *world) {
		begin(w)
		waitsForFreeze(w)
		w.pass(time.Hour)
		w.at("half")
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"freeze-between-steps": {"A freeze begins while a step holds: the next one waits until its end, approved as it is.", frozen("1", time.Hour), func(w *world) {
		begin(w)
		w.approve("half")
		waitsForFreeze(w)
		w.end(v1alpha1.OutcomePromoted)
	}},
	"freeze-then-abort": {"A freeze keeps nothing from going back.", frozen("1", time.Hour), func(w *world) {
		begin(w)
		waitsForFreeze(w)
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"freeze-then-goto": {"In a freeze a Release may go to a step with less.", frozen("10", time.Hour), func(w *world) {
		begin(w)
		w.at("half")
		w.pass(15 * time.Minute)
		w.goTo("ten")
		w.until("ten", func() bool { return w.status.StepName == "ten" && w.last.Rule == planner.RuleHolding })
		w.pass(2 * time.Minute)
		waitsForFreeze(w)
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"emergency": {"In an emergency one version takes no steps, in a freeze, against the evidence; its reason stays in the record.", frozen("0", 2*time.Hour), func(w *world) {
		w.judge(v1alpha1.VerdictFail, "errors 4.1% against 0.2%")
		begin(w)
		waitsForFreeze(w)
		w.emergency()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"emergency-that-cannot-run": {"What is shipped in an emergency must run all the same: else it goes back.", options{deadline: time.Minute}, func(w *world) {
		begin(w)
		w.at("half")
		w.emergency()
		w.unreadyCanary()
		w.end(v1alpha1.OutcomeFailed)
	}},
	"refresh": {"The steps of the Rollout are changed and taken over at step ten: what follows is new, what has begun is not.", options{}, func(w *world) {
		begin(w)
		w.until("ten", func() bool { return w.status.StepName == "ten" })
		w.refresh(weigh("ten", 1, nil), weigh("quarter", 25, nil))
		w.end(v1alpha1.OutcomePromoted)
	}},
	"refresh-that-cannot-be": {"The Rollout has no step half any more, at which the Release is: it goes on as it was.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.refresh(weigh("quarter", 25, nil))
		w.tick()
		w.tale.line(w, "", "%s", w.status.Progress.Refresh.Refusal)
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"emergency-of-one-version": {"Another version comes before the one that is shipped has a pod: it takes the steps of its own Release.", frozen("0", time.Hour), func(w *world) {
		begin(w)
		waitsForFreeze(w)
		w.emergency()
		w.faults = faults{at: 1, how: refused}
		w.reconcile()
		w.faults = noFaults
		w.image("checkout:3")
		w.end(v1alpha1.OutcomeSuperseded)
	}},
	"undo-of-one-version": {"Another version comes before the one that is undone has a pod: it takes the steps of its own Release.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
		w.pass(time.Minute)
		before := w.status.Progress.Stable
		w.next()
		w.undo = &v1alpha1.Undo{Release: "checkout-1", Revision: before}
		w.image("checkout:3")
		w.end(v1alpha1.OutcomeSuperseded)
	}},
	"undo-makes-no-copies": {"The version that was stable before comes back without the match of its first step.", options{
		steps: []v1alpha1.Step{matching("insiders", 1, approval()), weigh("half", 50, nil)},
	}, func(w *world) {
		begin(w)
		w.approve("insiders")
		w.end(v1alpha1.OutcomePromoted)
		w.pass(time.Minute)
		before := w.status.Progress.Stable
		w.next()
		w.undo = &v1alpha1.Undo{Release: "checkout-1", Revision: before}
		w.watch = func(string) {
			rules, _, _ := unstructured.NestedSlice(w.store.get(kindRoute, "checkout").Object, "spec", "rules")
			require.Len(w.t, rules, 1)
		}
		w.image("checkout:1")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"undo-within-the-window": {"The version that was stable before comes back without holds, in a freeze.", frozen("10", 5*time.Hour), func(w *world) {
		begin(w)
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
		w.pass(15 * time.Minute)
		before := w.status.Progress.Stable
		w.next()
		w.undo = &v1alpha1.Undo{Release: "checkout-1", Revision: before}
		w.image("checkout:1")
		w.end(v1alpha1.OutcomePromoted)
	}},
}
