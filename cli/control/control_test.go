package control_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/control"
)

func approvals(pairs ...string) []v1alpha1.Approval {
	var all []v1alpha1.Approval
	for _, step := range pairs {
		all = append(all, v1alpha1.Approval{Step: step, Visit: 1})
	}
	return all
}

func with(rel v1alpha1.Release, change func(*v1alpha1.Release)) v1alpha1.Release {
	change(&rel)
	return rel
}

type asking struct {
	verb control.Verb
	rel  v1alpha1.Release
	want v1alpha1.Control
	says string
}

func verbsThatAsk() map[string]asking {
	return map[string]asking{
		"approve takes the step that waits": {
			control.Approve(""), clitest.AwaitingApproval(),
			v1alpha1.Control{Approvals: approvals("insiders")},
			"Approved step insiders of Release shop/checkout-4: it goes on to step first",
		},
		"approve says that the clock still runs": {
			control.Approve(""), clitest.ApprovalAndClock(),
			v1alpha1.Control{Approvals: approvals("half")},
			"Approved step half of Release shop/checkout-4: it goes on to the promotion once the step's time is over",
		},
		"approve takes a step to come by name": {
			control.Approve("half"), clitest.Holding(),
			v1alpha1.Control{Approvals: approvals("half")},
			"Approved step half of Release shop/checkout-4: it will not stop there for a person",
		},
		"approve keeps other approvals": {
			control.Approve("half"),
			with(clitest.Holding(), func(r *v1alpha1.Release) { r.Spec.Control.Approvals = approvals("insiders") }),
			v1alpha1.Control{Approvals: approvals("insiders", "half")},
			"it will not stop there",
		},
		"approve names the visit under way": {
			control.Approve(""),
			with(clitest.AwaitingApproval(), func(r *v1alpha1.Release) {
				r.Status.Progress.Visit, r.Status.Steps[0].Visit = 2, 2
				r.Spec.Control.Approvals = approvals("insiders")
			}),
			v1alpha1.Control{Approvals: append(approvals("insiders"), v1alpha1.Approval{Step: "insiders", Visit: 2})},
			"Approved step insiders",
		},
		"pause": {
			control.Pause, clitest.Holding(),
			v1alpha1.Control{Paused: true},
			"Asked Release shop/checkout-4 to pause at step first",
		},
		"resume": {
			control.Resume, clitest.PausedAtFirst(), v1alpha1.Control{}, "it goes on to step half once the hold of step first is over",
		},
		"abort": {
			control.Abort, clitest.Holding(),
			v1alpha1.Control{DesiredOutcome: v1alpha1.OutcomeAbort},
			"all traffic goes back to the stable version, the canary's pods go after 30s of draining",
		},
		"abort past the point of no return": {
			control.Abort, clitest.PastNoReturn(),
			v1alpha1.Control{DesiredOutcome: v1alpha1.OutcomeAbort},
			"the promotion finishes, and then a Release takes the old version back by the same steps",
		},
		"abort wins over promote": {
			control.Abort, clitest.Promoting(), v1alpha1.Control{DesiredOutcome: v1alpha1.OutcomeAbort}, "to abort",
		},
		"goto goes back to a step": {
			control.GoTo("insiders"), clitest.Holding(),
			v1alpha1.Control{GoTo: &v1alpha1.GoTo{Step: "insiders", ID: "insiders-2"}},
			"Asked Release shop/checkout-4 to go to step insiders at step first: what holds there holds again",
		},
		"goto goes over a step that may be skipped": {
			control.GoTo("half"), with(clitest.Holding(), func(r *v1alpha1.Release) { r.Spec.Policy.Strategy.Steps[1].Skippable = true }),
			v1alpha1.Control{GoTo: &v1alpha1.GoTo{Step: "half", ID: "half-2"}},
			"to go to step half",
		},
		"abort by steps says so": {
			control.Abort, with(clitest.Holding(), func(r *v1alpha1.Release) {
				r.Spec.Policy.Rollback = v1alpha1.RollbackSpec{Traffic: "BySteps", Then: "Hold"}
			}),
			v1alpha1.Control{DesiredOutcome: v1alpha1.OutcomeAbort},
			"down the weights of the steps, and after 30s of draining the canary's pods are kept for 10m0s without requests",
		},
	}
}

// verbsThatHasten ask a Release to go on sooner, or elsewhere.
func verbsThatHasten() map[string]asking {
	return map[string]asking{
		"refresh": {
			control.Refresh, clitest.Holding(),
			v1alpha1.Control{Refresh: "2"},
			"Asked Release shop/checkout-4 to take the Rollout's steps for what comes after this one at step first",
		},
		"ship": {
			control.Ship("INC-42"), clitest.Holding(),
			v1alpha1.Control{Emergency: &v1alpha1.Emergency{Reason: "INC-42"}},
			"it waits for no hold, no evidence and no freeze",
		},
		"promote in a freeze says that it waits": {
			control.Promote, clitest.Frozen(),
			v1alpha1.Control{DesiredOutcome: v1alpha1.OutcomePromote},
			"retires the old pods, once its freeze is over",
		},
		"promote says whose approval it skips": {
			control.Promote, clitest.AwaitingApproval(),
			v1alpha1.Control{DesiredOutcome: v1alpha1.OutcomePromote},
			"not even for approval of insiders, half",
		},
		"promote of a paused Release says that it does not move": {
			control.Promote, clitest.PausedAtFirst(),
			v1alpha1.Control{Paused: true, DesiredOutcome: v1alpha1.OutcomePromote},
			"but it is paused, go on with: kubectl crossfade resume checkout -n shop",
		},
	}
}

func TestVerbsThatAsk(t *testing.T) {
	tests := verbsThatAsk()
	maps.Copy(tests, verbsThatHasten())
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := test.rel.DeepCopy()
			answer, err := test.verb(&test.rel)
			require.NoError(t, err)
			require.True(t, answer.Changed)
			require.Equal(t, test.want, answer.Control)
			require.Contains(t, answer.Message, test.says)
			require.Equal(t, before, &test.rel, "a verb changes nothing itself")

			test.rel.Spec.Control = answer.Control
			test.rel.Generation++
			again, err := test.verb(&test.rel)
			require.NoError(t, err, "asking again is harmless")
			require.False(t, again.Changed)
			require.Equal(t, answer.Control, again.Control)
			require.NotEqual(t, answer.Message, again.Message)
		})
	}
}

func TestVerbsThatHaveNothingToDo(t *testing.T) {
	tests := map[string]struct {
		verb control.Verb
		rel  v1alpha1.Release
		says string
	}{
		"resume of what is not paused is no approval": {
			control.Resume, clitest.AwaitingApproval(), "is not paused: it waits for approval of step insiders: kubectl crossfade approve checkout -n shop",
		},
		"abort of what goes back": {control.Abort, clitest.Collapsed(), "is going back already (the canary had no ready endpoint"},
		"promote of what promotes by itself": {
			control.Promote, with(clitest.Promoting(), func(r *v1alpha1.Release) { r.Spec.Control.DesiredOutcome = "" }), "has taken its last step",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			answer, err := test.verb(&test.rel)
			require.NoError(t, err)
			require.False(t, answer.Changed)
			require.Contains(t, answer.Message, test.says)
		})
	}
}

func TestVerbsThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		verb control.Verb
		rel  v1alpha1.Release
		want string
	}{
		"approve without anything waiting names what may be approved ahead": {
			control.Approve(""), clitest.Holding(),
			"approve Release shop/checkout-4: it is not waiting for approval: it goes on to step half once the hold of step first is over; " +
				"approve step half ahead of time with: kubectl crossfade approve checkout --step half -n shop",
		},
		"approve before the step is in effect": {
			control.Approve(""), clitest.PodsFailing(),
			"approve Release shop/checkout-4: it is not waiting for approval: step half is not in effect yet; " +
				"approve step half ahead of time with: kubectl crossfade approve checkout --step half -n shop",
		},
		"approve of an unknown step": {
			control.Approve("fisrt"), clitest.Holding(),
			`approve Release shop/checkout-4: it has no step "fisrt"; its steps are insiders, first, half`,
		},
		"approve of a step that asks nobody": {
			control.Approve("first"), clitest.ApprovalAndClock(),
			"approve Release shop/checkout-4: step first needs no approval; " +
				"approve step half ahead of time with: kubectl crossfade approve checkout --step half -n shop",
		},
		"approve of a step that is over": {
			control.Approve("insiders"), with(clitest.Holding(), func(r *v1alpha1.Release) { r.Spec.Control.Approvals = approvals("half") }),
			"approve Release shop/checkout-4: step insiders is over; it is at step first",
		},
		"approve of what goes back": {
			control.Approve(""), clitest.Collapsed(),
			"approve Release shop/checkout-4: it is going back (the canary had no ready endpoint for 5s while it carried traffic), which no approval stops",
		},
		"refresh of what promotes": {
			control.Refresh, clitest.Promoting(),
			"refresh Release shop/checkout-4: all its steps are over and it is promoting; the next Release takes the Rollout's steps",
		},
		"ship of what goes back": {
			control.Ship("INC-42"), clitest.Collapsed(),
			"ship Release shop/checkout-4: it is going back (the canary had no ready endpoint for 5s while it carried traffic), " +
				"which is final; apply another version for a new Release",
		},
		"approve of what promotes": {
			control.Approve(""), clitest.Promoting(),
			"approve Release shop/checkout-4: all its steps are over and it is promoting; nothing is left to approve",
		},
		"resume does not touch a workload that a person paused": {
			control.Resume, clitest.WorkloadPaused(),
			"resume Release shop/checkout-4: it is not paused, but its Deployment is; go on with: kubectl rollout resume deployment/checkout -n shop",
		},
		"pause of what goes back": {
			control.Pause, clitest.Collapsed(),
			"pause Release shop/checkout-4: it is going back (the canary had no ready endpoint for 5s while it carried traffic), which a pause does not stop",
		},
		"goto an unknown step": {
			control.GoTo("frist"), clitest.Holding(),
			`goto Release shop/checkout-4: it has no step "frist"; its steps are insiders, first, half`,
		},
		"goto over a step that may not be skipped": {
			control.GoTo("half"), clitest.Holding(),
			"goto Release shop/checkout-4: step first may not be skipped; say skippable: true in the Rollout, for the next Release",
		},
		"goto of what goes back": {
			control.GoTo("first"), clitest.Collapsed(),
			"goto Release shop/checkout-4: it is going back (the canary had no ready endpoint for 5s while it carried traffic), " +
				"which is final; apply another version for a new Release",
		},
		"promote of what goes back": {
			control.Promote, clitest.Collapsed(),
			"promote Release shop/checkout-4: it is going back (the canary had no ready endpoint for 5s while it carried traffic), " +
				"which is final; apply another version for a new Release",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.verb(&test.rel)
			require.EqualError(t, err, test.want)
		})
	}
}

func TestApprovable(t *testing.T) {
	rel := clitest.Holding()
	require.Equal(t, []string{"half"}, control.Approvable(&rel))
	rel = clitest.Promoting()
	require.Empty(t, control.Approvable(&rel))
}
