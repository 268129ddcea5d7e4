package release_test

import (
	"time"

	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// threeSteps is a strategy with weights to go back down.
var threeSteps = []v1alpha1.Step{weigh("ten", 10, nil), weigh("quarter", 25, nil), weigh("half", 50, approval())}

func rollback(traffic, then string) options {
	return options{steps: threeSteps, change: func(p *v1alpha1.RolloutSpec) {
		p.Rollback = v1alpha1.RollbackSpec{Traffic: traffic, Then: then}
	}}
}

// keeping keeps the old pods for an hour after the promotion.
func keeping() options {
	o := rollback("BySteps", "Retire")
	inner := o.change
	o.change = func(p *v1alpha1.RolloutSpec) {
		inner(p)
		p.Strategy.KeepOldFor = long(time.Hour)
	}
	return o
}

// looking keeps the canary's pods for a look, and then does what is said.
func looking(timeout string) options {
	o := rollback("AtOnce", "Hold")
	inner := o.change
	o.change = func(p *v1alpha1.RolloutSpec) {
		inner(p)
		p.Rollback.HoldFor, p.Rollback.OnHoldTimeout = long(20*time.Minute), ptr.To(timeout)
	}
	return o
}

// storiesOfPolicy are those that a Rollout's spec.rollback and spec.strategy tell apart.
var storiesOfPolicy = map[string]story{
	"back-by-steps": {"An abort takes the traffic back by the weights of the steps, with the pods untouched until the end.", rollback("BySteps", "Retire"), func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"back-by-steps-then-collapsed": {"On the way back by steps the canary loses its pods: the rest goes back at once.", rollback("BySteps", "Retire"), func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.stage(v1alpha1.StageDescending)
		w.unreadyCanary()
		w.end(v1alpha1.OutcomeFailed)
	}},
	"back-by-steps-then-stable": {"On the way back by steps the stable template is applied: a full rollback, at once.", rollback("BySteps", "Retire"), func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.stage(v1alpha1.StageDescending)
		w.image("checkout:1")
		w.end(v1alpha1.OutcomeReverted)
	}},
	"back-by-steps-then-reset": {"On the way back by steps somebody applies the route from Git: what is back already stays back.", rollback("BySteps", "Retire"), func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.stage(v1alpha1.StageDescending)
		w.resetRoute()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"analysis-fails": {"The evidence turns against the canary while a step waits for approval.", rollback("BySteps", "Retire"), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.judge(v1alpha1.VerdictFail, "errors 4.1% against 0.2%")
		w.end(v1alpha1.OutcomeFailed)
	}},
	"kept-for-a-look": {"After an abort the canary's pods are kept without requests, and retired when the time is over.", looking("Retire"), func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"kept-for-a-look-then-stable": {"The stable template applied again ends the look.", looking("Retire"), func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.stage(v1alpha1.StageObserving)
		w.pass(time.Minute)
		w.image("checkout:1")
		w.end(v1alpha1.OutcomeReverted)
	}},
	"kept-for-a-look-then-newer": {"A newer template ends the look, and gets its own Release.", looking("Revert"), func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.stage(v1alpha1.StageObserving)
		w.image("checkout:3")
		w.end(v1alpha1.OutcomeSuperseded)
	}},
	"failed-pods-kept": {"Pods that cannot start are kept for a post-mortem.", looking("Retire"), func(w *world) {
		begin(w)
		w.breakCanary("CrashLoopBackOff", 5)
		w.end(v1alpha1.OutcomeFailed)
	}},
	"reverted": {"After an abort the stable template is written back.", rollback("AtOnce", "Revert"), func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"wanted-again": {"Stable is applied again, and then the new version again: the policy's revert is for what was rejected.", rollback("AtOnce", "Revert"), func(w *world) {
		begin(w)
		w.at("half")
		w.image("checkout:1")
		w.stage(v1alpha1.StageWithdrawing)
		w.image("checkout:2")
		w.end(v1alpha1.OutcomeReverted)
	}},
	"old-kept": {"The old pods are kept for an hour after the new version has everything.", keeping(), func(w *world) {
		begin(w)
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"old-kept-through-a-blip": {"While the old pods are kept for longer than the progress deadline, a pod of the new version is not ready for a minute: no reason to go back.", keeping(), func(w *world) {
		begin(w)
		w.approve("half")
		w.stage(v1alpha1.StageKeeping)
		w.pass(20 * time.Minute)
		w.unready(1)
		w.pass(time.Minute)
		w.healCanary()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"back-by-steps-not-accepted": {"On the way back by steps the gateway's controller is away: once the deadline has passed the rest goes back at once.", rollback("BySteps", "Retire"), func(w *world) {
		begin(w)
		w.at("half")
		w.deaf = true
		w.abort()
		w.pass(11 * time.Minute)
		w.deaf = false
		w.end(v1alpha1.OutcomeAborted)
	}},
	"old-kept-then-abort": {"While the old pods are kept an abort gives them the traffic back, here by steps.", keeping(), func(w *world) {
		begin(w)
		w.approve("half")
		w.stage(v1alpha1.StageKeeping)
		w.pass(10 * time.Minute)
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"old-kept-then-promote": {"Promote does not wait for the end of keepOldFor.", keeping(), func(w *world) {
		begin(w)
		w.approve("half")
		w.stage(v1alpha1.StageKeeping)
		w.promote()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"blue-green": {"All pods in one batch, a look at them by header, then everything at once; the old pods are kept for ten minutes.", options{
		steps:  []v1alpha1.Step{{Name: "preview", Replicas: percent("100%"), Match: matching("", 1, nil).Match, Hold: approval()}},
		change: func(p *v1alpha1.RolloutSpec) { p.Strategy.KeepOldFor = long(10 * time.Minute) },
	}, func(w *world) {
		begin(w)
		w.at("preview")
		w.approve("preview")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"most-are-ready": {"Of 4 pods 3 are enough with readyPercent 75.", options{
		steps:  []v1alpha1.Step{{Name: "all", Replicas: percent("100%"), Weight: weigh("", 50, nil).Weight, Hold: approval()}},
		change: func(p *v1alpha1.RolloutSpec) { p.ReadyPercent = ptr.To(int32(75)) },
	}, func(w *world) {
		begin(w)
		w.at("all")
		w.unready(1)
		w.pass(time.Minute)
		w.approve("all")
		w.stage(v1alpha1.StageRetiring)
		w.healCanary()
		w.end(v1alpha1.OutcomePromoted)
	}},
}

// storiesOfControl are those that people's requests and the evidence tell apart.
var storiesOfControl = map[string]story{
	"goto-back": {"From 50 % back to 10 %: the weight falls at once, the pods stay, and what held before holds again.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.approve("half")
		w.goTo("ten")
		w.at("ten")
		w.at("half")
		w.rest()
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"goto-forward": {"Over a step that may be skipped; not over one that may not.", options{steps: []v1alpha1.Step{
		{Name: "ten", Weight: weigh("", 10, nil).Weight, Hold: approval(), Skippable: true}, weigh("quarter", 25, approval()), weigh("half", 50, approval()),
	}}, func(w *world) {
		begin(w)
		w.at("ten")
		w.goTo("half")
		w.until("the request is noted", func() bool { return w.status.Progress.GoTo != nil })
		w.tale.line(w, "", "refused: %s", w.status.Progress.GoTo.Refusal)
		w.goTo("quarter")
		w.at("quarter")
		w.promote()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"goto-twice": {"Over two steps, and at once to the one before that: its weight comes after its pods, as that of any step.", options{steps: []v1alpha1.Step{
		{Name: "ten", Weight: weigh("", 10, nil).Weight, Hold: approval(), Skippable: true},
		{Name: "half", Weight: weigh("", 50, nil).Weight, Hold: approval(), Skippable: true},
		weigh("most", 75, approval()),
	}}, func(w *world) {
		begin(w)
		w.at("ten")
		w.goTo("most")
		w.tick()
		w.goTo("half")
		w.at("half")
		w.promote()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"goto-back-from-flipping": {"Back to a step while everything goes to the canary.", options{}, func(w *world) {
		begin(w)
		w.approve("half")
		w.stage(v1alpha1.StageFlipping)
		w.goTo("half")
		w.at("half")
		w.rest()
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"scaled-up-while-cleaning": {"Scaled to 0, and up again as all but the end is done: the native controller fills the canary, which goes again first.", options{}, func(w *world) {
		begin(w)
		w.tick()
		w.tick()
		w.scale(0)
		w.stage(v1alpha1.StageCleaning)
		w.scale(8)
		w.end(v1alpha1.OutcomeFailed)
	}},
	"reset-while-widening": {"Scaled to 0 while the old pods drain, and the route applied from Git: what is to be taken back is back already.", options{}, func(w *world) {
		begin(w)
		w.promote()
		w.stage(v1alpha1.StageDraining)
		w.scale(0)
		w.stage(v1alpha1.StageWidening)
		w.resetRoute()
		w.end(v1alpha1.OutcomeFailed)
	}},
	"suspended-at-half": {"The Rollout is suspended at 50 %: back to stable, and then native behaviour.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.suspend()
		w.end(v1alpha1.OutcomeSuspended)
	}},
	"reset-while-bare": {"Somebody applies the route from Git while the canary has no pod that serves: its weight comes back with the pod, not before.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.unreadyCanary()
		w.tick()
		w.resetRoute()
		w.pass(3 * time.Second)
		w.healCanary()
		w.at("half")
		w.rest()
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
}
