package release_test

import (
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// judgedSteps wait for evidence: at a tenth for as long as it takes, at half as this hold says.
func judgedSteps(half *v1alpha1.Hold) options {
	return options{steps: []v1alpha1.Step{weigh("ten", 10, confident()), weigh("half", 50, half)}}
}

// approvedWithin waits for evidence for so long, or goes back, and for approval however long.
func approvedWithin(d time.Duration) *v1alpha1.Hold {
	hold := confidentWithin(d, "Rollback")
	hold.Approval = approval().Approval
	return hold
}

// storiesOfEvidence are those of steps that wait for evidence, and of what it says.
var storiesOfEvidence = map[string]story{
	"evidence-awaited": {"A step ends only once the evidence passes; no data holds, and promote does not wait for it.", judgedSteps(approval()), func(w *world) {
		w.judge(v1alpha1.VerdictNoData, "Prometheus does not answer")
		begin(w)
		w.at("ten")
		w.pass(10 * time.Minute)
		w.judge(v1alpha1.VerdictInconclusive, "120 requests, 400 needed")
		w.pass(10 * time.Minute)
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		w.at("half")
		w.judge(v1alpha1.VerdictNoData, "Prometheus does not answer")
		w.promote()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"evidence-in-the-background": {
		"A step that holds for a time goes on while the evidence is open, and waits while something points to harm.",
		options{steps: []v1alpha1.Step{weigh("ten", 10, holdFor(time.Minute)), weigh("half", 50, holdFor(time.Minute))}},
		func(w *world) {
			w.judge(v1alpha1.VerdictInconclusive, "120 requests, 400 needed")
			begin(w)
			w.at("half")
			w.doubt("errors 1.4% against 1%")
			w.pass(10 * time.Minute)
			w.judge(v1alpha1.VerdictInconclusive, "errors 1.1% against 1%")
			w.end(v1alpha1.OutcomePromoted)
		},
	},
	"evidence-at-most-advance": {
		"Evidence that stays open is waited for as long as the step says; then it goes on.",
		judgedSteps(confidentWithin(5*time.Minute, "Advance")), func(w *world) {
			w.judge(v1alpha1.VerdictPass, "no worse than stable")
			begin(w)
			w.at("half")
			w.judge(v1alpha1.VerdictInconclusive, "120 requests, 400 needed")
			w.end(v1alpha1.OutcomePromoted)
		},
	},
	"evidence-at-most-without-data": {
		"Without data nothing goes on, whatever time has passed; data that comes lets it.",
		judgedSteps(confidentWithin(5*time.Minute, "Advance")), func(w *world) {
			w.judge(v1alpha1.VerdictPass, "no worse than stable")
			begin(w)
			w.at("half")
			w.judge(v1alpha1.VerdictNoData, "Prometheus does not answer")
			w.pass(time.Hour)
			w.doubt("errors 1.4% against 1%")
			w.pass(time.Hour)
			w.judge(v1alpha1.VerdictInconclusive, "errors 1.1% against 1%")
			w.end(v1alpha1.OutcomePromoted)
		},
	},
	"evidence-at-most-rollback": {
		"Evidence that does not come in time takes the canary back, where the step says so.",
		judgedSteps(confidentWithin(5*time.Minute, "Rollback")), func(w *world) {
			w.judge(v1alpha1.VerdictPass, "no worse than stable")
			begin(w)
			w.at("half")
			w.judge(v1alpha1.VerdictInconclusive, "120 requests, 400 needed")
			w.end(v1alpha1.OutcomeFailed)
		},
	},
	"evidence-at-most-hold": {
		"Evidence is waited for on, and a person decides.",
		judgedSteps(confidentWithin(5*time.Minute, "Hold")), func(w *world) {
			w.judge(v1alpha1.VerdictPass, "no worse than stable")
			begin(w)
			w.at("half")
			w.judge(v1alpha1.VerdictInconclusive, "120 requests, 400 needed")
			w.pass(time.Hour)
			w.promote()
			w.end(v1alpha1.OutcomePromoted)
		},
	},
	"evidence-of-its-own": {
		"A step waits for scrapes of its own, whatever was shown before, even where it holds for nothing.",
		options{steps: []v1alpha1.Step{weigh("ten", 10, nil), weigh("half", 50, nil)}},
		func(w *world) {
			w.judge(v1alpha1.VerdictInconclusive, "120 requests, 400 needed")
			begin(w)
			w.until("the second step", func() bool { return w.status.StepName == "half" })
			w.tooSoon()
			w.pass(10 * time.Minute)
			w.judge(v1alpha1.VerdictInconclusive, "480 requests, 900 needed")
			w.end(v1alpha1.OutcomePromoted)
		},
	},
	"evidence-passed-then-restart": {
		"A step that has passed in time waits for approval through a restart that knows nothing yet, and through doubt that comes later.",
		judgedSteps(approvedWithin(5 * time.Minute)), func(w *world) {
			w.judge(v1alpha1.VerdictPass, "no worse than stable")
			begin(w)
			w.at("half")
			w.pass(time.Minute)
			w.judge(v1alpha1.VerdictInconclusive, "errors 1.1% against 1%")
			w.pass(time.Hour)
			w.silence("the sources of metrics have yet to be asked")
			w.pass(time.Minute)
			w.judge(v1alpha1.VerdictInconclusive, "errors 1.1% against 1%")
			w.pass(time.Minute)
			w.approve("half")
			w.end(v1alpha1.OutcomePromoted)
		},
	},
	"metrics-silent": {
		"No step begins while its metrics are silent: the canary has its pods, and gets nothing.",
		judgedSteps(nil), func(w *world) {
			w.silence("errors: no requests of stable are counted")
			begin(w)
			w.pass(time.Hour)
			w.judge(v1alpha1.VerdictPass, "no worse than stable")
			w.at("half")
			w.end(v1alpha1.OutcomePromoted)
		},
	},
	"analysis-fails-between-steps": {
		"What the canary does with the share it has counts while the next step gets its pods.",
		judgedSteps(nil), func(w *world) {
			w.judge(v1alpha1.VerdictPass, "no worse than stable")
			begin(w)
			w.until("the second step", func() bool { return w.status.StepName == "half" })
			w.judge(v1alpha1.VerdictFail, "errors 4.1% against 0.2%")
			w.end(v1alpha1.OutcomeFailed)
		},
	},
}

// testOf is an A/B test of both halves of the users for an hour, and for two at most.
func testOf(decision string) options {
	return options{steps: []v1alpha1.Step{weigh("half", 50, nil)}, change: func(p *v1alpha1.RolloutSpec) {
		p.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane", Stable: true}
		p.Strategy.ABTest = &v1alpha1.ABTest{Step: "half", Goal: "shop/orders", For: *long(time.Hour), AtMost: long(2 * time.Hour), Decision: decision}
	}}
}

// testAfterTen has a step before its A/B test.
func testAfterTen() options {
	o := testOf(v1alpha1.DecisionReport)
	o.steps = append([]v1alpha1.Step{weigh("ten", 10, &v1alpha1.Hold{For: long(10 * time.Minute)})}, o.steps...)
	return o
}

// chosenAfterTen has users chosen by a header for its A/B test.
func chosenAfterTen() options {
	o := testAfterTen()
	o.steps[1] = matching("half", 1, nil)
	kept := o.change
	o.change = func(p *v1alpha1.RolloutSpec) {
		kept(p)
		p.Strategy.Stickiness.For = long(time.Hour) // and the test may last two
	}
	return o
}

// storiesOfTests are those of A/B tests.
var storiesOfTests = map[string]story{
	"ab-test-won": {"A canary that wins is promoted, not before the test has run for its time.", testOf(v1alpha1.DecisionPromoteWinner), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.test("Better", "orders +0.9 points (0.4 to 1.4)")
		w.pass(50 * time.Minute)
		w.end(v1alpha1.OutcomePromoted)
	}},
	"ab-test-without-winner": {"A test that has shown nothing in its time keeps stable.", testOf(v1alpha1.DecisionPromoteWinner), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.test("Open", "orders +0.1 points (-0.4 to 0.6)")
		w.end(v1alpha1.OutcomeFailed)
	}},
	"ab-test-reported": {"A person reads the report and decides.", testOf(v1alpha1.DecisionReport), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.test("Worse", "orders -0.9 points (-1.4 to -0.4)")
		w.pass(90 * time.Minute)
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"ab-test-approved-ahead": {"Who approves before the report is there has the test run for its time all the same.", testOf(v1alpha1.DecisionReport), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.approve("half")
		w.test("Open", "orders +0.1 points (-0.4 to 0.6)")
		w.pass(59 * time.Minute)
		w.tells("the test at step half runs for 1h0m0s at least; orders +0.1 points (-0.4 to 0.6)")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"ab-test-refreshed-away": {"The Rollout has no step for the test any more: the Release keeps its own.", testAfterTen(), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("ten")
		w.refresh(weigh("ten", 10, nil), weigh("quarter", 25, nil))
		w.tick()
		w.tale.line(w, "", "%s", w.status.Progress.Refresh.Refusal)
		w.at("half")
		w.test("Worse", "orders -0.9 points (-1.4 to -0.4)")
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"ab-test-refreshed-longer-than-users-are-kept": {"A match that chose users is to become a weight, and the Release keeps none: it stays.", chosenAfterTen(), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("ten")
		w.refresh(weigh("ten", 10, nil), weigh("half", 50, nil))
		w.tick()
		w.tale.line(w, "", "%s", w.status.Progress.Refresh.Refusal)
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"ab-test-restart": {"A restart that knows nothing yet ends no test.", testOf(v1alpha1.DecisionPromoteWinner), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.test("Open", "orders +0.1 points (-0.4 to 0.6)")
		w.pass(time.Hour + 59*time.Minute)
		w.silence("the sources of metrics have yet to be asked")
		w.pass(5 * time.Minute)
		w.test("Better", "orders +0.9 points (0.4 to 1.4)")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"ab-test-without-users": {"A test that has counted nobody keeps what there is: a person decides, or users who are counted at last.", testOf(v1alpha1.DecisionPromoteWinner), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.pass(3 * time.Hour)
		w.tells("the test at step half has run for 2h0m0s, and can't be decided: no users are counted yet; mend what it counts, or promote or abort")
		w.test("", "orders not counted since 12:00:00")
		w.pass(time.Hour)
		w.test("Better", "orders +0.9 points (0.4 to 1.4)")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"ab-test-skewed": {"Users who were not shared as declared say nothing, and a person decides.", testOf(v1alpha1.DecisionPromoteWinner), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.test("Skewed", "canary got 60 % of 5000 users, 50 % were declared")
		w.pass(3 * time.Hour)
		w.tells("the test at step half has run for 2h0m0s, and can't be decided: canary got 60 % of 5000 users, 50 % were declared; mend what it counts, or promote or abort")
		w.promote()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"ab-test-skewed-report": {"A report that says so is read like any other, once its time is over.", testOf(v1alpha1.DecisionReport), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.test("Skewed", "canary got 60 % of 5000 users, 50 % were declared")
		w.pass(3 * time.Hour)
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"ab-test-harm": {"What does harm is taken back, whatever the test says.", testOf(v1alpha1.DecisionPromoteWinner), func(w *world) {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
		begin(w)
		w.at("half")
		w.test("Better", "orders +0.9 points (0.4 to 1.4)")
		w.judge(v1alpha1.VerdictFail, "errors 4.1% against 0.2%")
		w.end(v1alpha1.OutcomeFailed)
	}},
}
