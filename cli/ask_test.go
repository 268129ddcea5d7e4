package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
)

func TestVerbsWriteControl(t *testing.T) {
	tests := map[string]struct {
		args  []string
		story string
		want  v1alpha1.Control
	}{
		"approve": {[]string{"approve", "checkout"}, "waiting-approval", v1alpha1.Control{Approvals: []v1alpha1.Approval{{Step: "insiders", Visit: 1}}}},
		"approve ahead of time": {
			[]string{"approve", "checkout", "--step", "half"},
			"waiting-approval",
			v1alpha1.Control{Approvals: []v1alpha1.Approval{{Step: "half", Visit: 1}}},
		},
		"pause":   {[]string{"pause", "checkout"}, "stepping-clock", v1alpha1.Control{Paused: true}},
		"resume":  {[]string{"resume", "checkout"}, "paused", v1alpha1.Control{}},
		"abort":   {[]string{"abort", "checkout"}, "stepping-clock", v1alpha1.Control{DesiredOutcome: v1alpha1.OutcomeAbort}},
		"promote": {[]string{"promote", "checkout"}, "stepping-clock", v1alpha1.Control{DesiredOutcome: v1alpha1.OutcomePromote}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, clitest.Stories()[test.story])
			out, err := w.run(t.Context(), test.args...)
			require.NoError(t, err)
			require.Equal(t, test.want, w.release(t).Spec.Control)
			require.Equal(t, 1, w.patches)
			require.Contains(t, out, "Release shop/checkout-4")

			again, err := w.run(t.Context(), test.args...)
			require.NoError(t, err, "asking again is harmless")
			require.NotEqual(t, out, again)
			require.Equal(t, 1, w.patches, "nothing is written again")
		})
	}
}

func TestTwoPeopleApproveAtOnce(t *testing.T) {
	w := newWorld(t, clitest.Stories()["waiting-approval"])
	w.beforePatch = func(n int) error {
		if n > 1 {
			return nil
		}
		other := w.release(t)
		other.Spec.Control.Approvals = []v1alpha1.Approval{{Step: "half", Visit: 1}}
		return w.Update(t.Context(), other)
	}
	_, err := w.run(t.Context(), "approve", "checkout")
	require.NoError(t, err)
	require.Equal(t, 2, w.patches)
	require.ElementsMatch(t, []v1alpha1.Approval{{Step: "half", Visit: 1}, {Step: "insiders", Visit: 1}},
		w.release(t).Spec.Control.Approvals, "neither undoes the other")
}

func TestAbortOvertakesPromote(t *testing.T) {
	w := newWorld(t, clitest.Stories()["stepping-clock"])
	w.beforePatch = func(int) error {
		other := w.release(t)
		other.Spec.Control.DesiredOutcome = v1alpha1.OutcomeAbort
		return w.Update(t.Context(), other)
	}
	_, err := w.run(t.Context(), "promote", "checkout")
	require.EqualError(t, err, "promote Release shop/checkout-4: it is going back (asked to abort), which is final; apply another version for a new Release")
	require.Equal(t, v1alpha1.OutcomeAbort, w.release(t).Spec.Control.DesiredOutcome)
}

func TestVerbsExplainWhatIsMissing(t *testing.T) {
	release := schema.GroupResource{Group: "crossfade.io", Resource: "releases"}
	tests := map[string]struct {
		story  clitest.Story
		args   []string
		refuse error
		want   string
	}{
		"no such Rollout": {
			clitest.Stories()["idle-armed"],
			[]string{"approve", "chekout"},
			nil,
			"read Rollout shop/chekout: not found; there are: checkout",
		},
		"no Rollout at all": {
			clitest.Story{},
			[]string{"pause", "checkout"},
			nil,
			"read Rollout shop/checkout: not found; namespace shop has no Rollouts, choose another one with -n",
		},
		"no name": {
			clitest.Stories()["idle-armed"],
			[]string{"abort"},
			nil,
			"abort: name one Rollout: kubectl crossfade abort ROLLOUT; there are: checkout",
		},
		"no Release yet": {
			clitest.Stories()["idle-armed"],
			[]string{"promote", "checkout"},
			nil,
			"promote Rollout shop/checkout: no Release is in flight; it has had none yet: a new pod template of Deployment checkout begins one",
		},
		"no Release in flight": {
			clitest.Stories()["aborted-resting"],
			[]string{"resume", "checkout"},
			nil,
			"resume Rollout shop/checkout: no Release is in flight; the last one, checkout-4, ended as Aborted 14m ago: an abort was asked for",
		},
		"not allowed": {
			clitest.Stories()["stepping-clock"],
			[]string{"abort", "checkout"},
			apierrors.NewForbidden(release, "checkout-4", nil),
			`abort Release shop/checkout-4: releases.crossfade.io "checkout-4" is forbidden: <nil>`,
		},
		"always changing": {
			clitest.Stories()["stepping-clock"],
			[]string{"pause", "checkout"},
			apierrors.NewConflict(release, "checkout-4", nil),
			"pause Release shop/checkout-4: it kept changing meanwhile; try again",
		},
		"unknown output": {
			clitest.Stories()["idle-armed"], []string{"status", "-o", "wide"}, nil, `status: output "wide" is unknown; use tree, json or yaml`,
		},
		"unknown end": {
			clitest.Stories()["idle-armed"],
			[]string{"status", "checkout", "--until", "later"},
			nil,
			"status: --until later is unknown; use --until ended",
		},
		"the end of nothing": {
			clitest.Stories()["idle-armed"], []string{"status", "--until", "ended"}, nil, "status: --until needs the name of one Rollout",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.story)
			w.beforePatch = func(int) error { return test.refuse }
			_, err := w.run(t.Context(), test.args...)
			require.EqualError(t, err, test.want)
		})
	}
}
