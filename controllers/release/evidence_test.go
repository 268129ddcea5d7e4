package release

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// says is an analyst with one opinion.
type says struct{ verdict v1alpha1.Verdict }

// Judge says it.
func (s says) Judge(*v1alpha1.Release, func()) *planner.Evidence {
	return &planner.Evidence{Verdict: s.verdict, Message: "by and large"}
}

// Forget has nothing to forget.
func (says) Forget(types.NamespacedName) {}

// TestStepThatBeginsIsNotJudgedByNothing: a step without a hold would be left at the look at which it begins,
// if no evidence meant that none is asked, or what was shown at an earlier step that this one may end.
func TestStepThatBeginsIsNotJudgedByNothing(t *testing.T) {
	stepping := &v1alpha1.Release{Status: v1alpha1.ReleaseStatus{
		Progress: v1alpha1.Progress{Stage: v1alpha1.StageStepping}, Steps: []v1alpha1.StepStatus{{Name: "half"}},
	}}
	judged, failed := &Reconciler{Analyst: says{v1alpha1.VerdictPass}}, &Reconciler{Analyst: says{v1alpha1.VerdictFail}}
	require.Nil(t, (&Reconciler{}).evidence(stepping), "nobody judges")
	require.Equal(t, v1alpha1.VerdictNoData, judged.evidence(stepping).Verdict)
	require.Equal(t, v1alpha1.VerdictNoData, failed.evidence(stepping).Verdict, "it has had no requests to fail")
	first := v1alpha1.StepStatus{Name: "ten", StartedAt: &metav1.MicroTime{}, EndedAt: &metav1.MicroTime{}}
	stepping.Status.Steps = append([]v1alpha1.StepStatus{first}, stepping.Status.Steps...)
	require.Equal(t, v1alpha1.VerdictNoData, judged.evidence(stepping).Verdict)
	require.Equal(t, v1alpha1.VerdictFail, failed.evidence(stepping).Verdict, "what the canary does with the share it has counts")
	stepping.Status.Steps[1].StartedAt = &metav1.MicroTime{}
	require.Equal(t, v1alpha1.VerdictPass, judged.evidence(stepping).Verdict)
	stepping.Status.Progress.Cause = v1alpha1.CauseAborted
	require.Nil(t, judged.evidence(stepping), "on the way back nothing is judged")
}
