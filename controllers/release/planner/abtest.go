package planner

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// test is the A/B test that runs at the step the Release is at; nil if none does.
func (d *draft) test() *v1alpha1.ABTest {
	test := d.in.Policy.Strategy.ABTest
	if test == nil || d.startedAt() == nil || d.stepName(d.progress.Step) != test.Step {
		return nil
	}
	return test
}

// testing is what the A/B test of the step waits for; nil if there is none, or it has run for its time and lets the canary go on: approved
// by a person, or as the winner.
func (d *draft) testing() *v1alpha1.Barrier {
	test := d.test()
	if test == nil {
		return nil
	}
	until := metav1.NewMicroTime(d.startedAt().Add(test.For.Duration.Duration))
	result, stands := d.result(test)
	switch {
	case d.in.Now.Before(until.Time):
		return &v1alpha1.Barrier{Name: barrierEvidence, Until: &until, Message: fmt.Sprintf("the test at step %s runs for %s at least; %s", test.Step, test.For.Duration.Duration, result)}
	case test.Decision != v1alpha1.DecisionPromoteWinner && d.approved(test.Step):
		return nil
	case test.Decision != v1alpha1.DecisionPromoteWinner && stands:
		return &v1alpha1.Barrier{Name: barrierApproval, Message: fmt.Sprintf("the test at step %s has ended: %s; approve the step, or abort", test.Step, result)}
	case test.Decision == v1alpha1.DecisionPromoteWinner && d.won():
		return nil
	}
	barrier := &v1alpha1.Barrier{Name: barrierEvidence, Message: fmt.Sprintf("the test at step %s goes on; %s", test.Step, result)}
	switch {
	case test.AtMost == nil:
	case !d.spent(test):
		end := metav1.NewMicroTime(d.startedAt().Add(test.AtMost.Duration.Duration))
		barrier.Until = &end
	default: // and nobody knows what of
		barrier.Message = fmt.Sprintf("the test at step %s has run for %s, and can't be decided: %s; mend what it counts, or promote or abort",
			test.Step, test.AtMost.Duration.Duration, result)
	}
	return barrier
}

// untestable says why the A/B test could not run at these steps, those of another Rollout from the present one on; empty if it could, or
// there is none.
func (d *draft) untestable(steps []v1alpha1.Step) string {
	strategy := d.in.Policy.Strategy
	if strategy.ABTest == nil {
		return ""
	}
	at := slices.IndexFunc(steps, func(s v1alpha1.Step) bool { return s.Name == strategy.ABTest.Step })
	if at < 0 {
		return fmt.Sprintf("the Release has an A/B test at step %s, which the Rollout has no more; add the step, or abort", strategy.ABTest.Step)
	}
	ppm, err := trafficrouting.PPM(steps[at].Weight)
	if at <= int(d.progress.Step) || err == nil && ppm == 0 && len(steps[at].Match) > 0 || keepsFor(strategy) {
		return ""
	}
	return fmt.Sprintf("users would see both versions at step %s, at which the Release has an A/B test, since it keeps none for so long; give the step a match and no weight", strategy.ABTest.Step)
}

// keepsFor: users of both versions are kept there for as long as the A/B test lasts.
func keepsFor(s v1alpha1.Strategy) bool {
	return s.Stickiness != nil && s.Stickiness.Stable &&
		trafficrouting.KeptFor(*s.Stickiness) >= max(s.ABTest.For.Duration.Duration, ptr.Deref(s.ABTest.AtMost, v1alpha1.Duration{}).Duration.Duration)
}

// spent: the test has run for as long as it may.
func (d *draft) spent(test *v1alpha1.ABTest) bool {
	return test.AtMost != nil && !d.in.Now.Before(d.startedAt().Add(test.AtMost.Duration.Duration))
}

// result tells how the test stands, and whether that is its end: a difference was shown, or none that means anything, or it has
// run for as long as it may.
func (d *draft) result(test *v1alpha1.ABTest) (string, bool) {
	if d.in.Evidence == nil || d.in.Evidence.Test == nil {
		return "no users are counted yet", d.spent(test)
	}
	stands := d.in.Evidence.Test
	return stands.Message, d.spent(test) || stands.tells() && stands.Outcome != analysis.EffectOpen
}

// tells: its users are counted, and can be compared.
func (t *Test) tells() bool { return t != nil && t.Outcome != "" && t.Outcome != analysis.EffectSkewed }

// won: the canary was shown to be better.
func (d *draft) won() bool {
	e := d.in.Evidence
	return e != nil && e.Test != nil && e.Test.Outcome == analysis.EffectBetter
}

// noWinner: a test that promotes the winner has ended, and the canary is none. Users who aren't counted, or can't be compared, say
// nothing of that.
func noWinner(d *draft) string {
	test, e := d.test(), d.in.Evidence
	if test == nil || test.Decision != v1alpha1.DecisionPromoteWinner || d.skipsHolds() || d.userPaused() != "" || d.won() {
		return ""
	}
	if e == nil || !e.known() || !e.Test.tells() {
		return ""
	}
	result, ended := d.result(test)
	if !ended || d.in.Now.Before(d.startedAt().Add(test.For.Duration.Duration)) {
		return ""
	}
	return fmt.Sprintf("the test at step %s has no winner: %s", test.Step, result)
}
