package planner

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// test is the A/B test that runs at the step the Release is at; nil if none does.
func (d *draft) test() *v1alpha1.ABTest {
	test := d.in.Policy.Strategy.ABTest
	if test == nil || d.startedAt() == nil || d.stepName(d.progress.Step) != test.Step {
		return nil
	}
	return test
}

// testing is what the A/B test of the step waits for; nil if there is none, or it lets the canary go on: approved by a person
// who has read the report, or as the winner.
func (d *draft) testing() *v1alpha1.Barrier {
	test := d.test()
	if test == nil {
		return nil
	}
	until := metav1.NewMicroTime(d.startedAt().Add(test.For.Duration.Duration))
	result, stands := d.result(test)
	switch {
	case test.Decision != v1alpha1.DecisionPromoteWinner && d.approved(test.Step):
		return nil
	case d.in.Now.Before(until.Time):
		return &v1alpha1.Barrier{Name: barrierEvidence, Until: &until, Message: fmt.Sprintf("the test at step %s runs for %s at least; %s", test.Step, test.For.Duration.Duration, result)}
	case test.Decision != v1alpha1.DecisionPromoteWinner && stands:
		return &v1alpha1.Barrier{Name: barrierApproval, Message: fmt.Sprintf("the test at step %s has ended: %s; approve the step, or abort", test.Step, result)}
	case test.Decision == v1alpha1.DecisionPromoteWinner && d.won():
		return nil
	}
	barrier := &v1alpha1.Barrier{Name: barrierEvidence, Message: fmt.Sprintf("the test at step %s goes on; %s", test.Step, result)}
	if test.AtMost != nil {
		end := metav1.NewMicroTime(d.startedAt().Add(test.AtMost.Duration.Duration))
		barrier.Until = &end
	}
	return barrier
}

// result tells how the test stands, and whether that is its end: a difference was shown, or none that means anything, or it has
// run for as long as it may.
func (d *draft) result(test *v1alpha1.ABTest) (string, bool) {
	over := test.AtMost != nil && !d.in.Now.Before(d.startedAt().Add(test.AtMost.Duration.Duration))
	if d.in.Evidence == nil || d.in.Evidence.Test == nil {
		return "no users are counted yet", over
	}
	stands := d.in.Evidence.Test
	return stands.Message, over || stands.Outcome != analysis.EffectOpen
}

// won: the canary was shown to be better.
func (d *draft) won() bool {
	e := d.in.Evidence
	return e != nil && e.Test != nil && e.Test.Outcome == analysis.EffectBetter
}

// noWinner: a test that promotes the winner has ended, and the canary is none.
func noWinner(d *draft) string {
	test := d.test()
	if test == nil || test.Decision != v1alpha1.DecisionPromoteWinner || d.skipsHolds() || d.userPaused() != "" || d.won() || d.in.Evidence == nil || !d.in.Evidence.known() {
		return ""
	}
	result, ended := d.result(test)
	if !ended || d.in.Now.Before(d.startedAt().Add(test.For.Duration.Duration)) {
		return ""
	}
	return fmt.Sprintf("the test at step %s has no winner: %s", test.Step, result)
}
