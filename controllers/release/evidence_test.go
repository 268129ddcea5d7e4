package release

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// passes is an analyst whom nothing troubles.
type passes struct{}

// Judge passes.
func (passes) Judge(context.Context, *v1alpha1.Release) (v1alpha1.Verdict, string, error) {
	return v1alpha1.VerdictPass, "no worse than stable", nil
}

// TestStepThatBeginsIsNotJudgedByNothing: a step without a hold would be left at the look at which it begins,
// if no evidence meant that none is asked.
func TestStepThatBeginsIsNotJudgedByNothing(t *testing.T) {
	stepping := &v1alpha1.Release{Status: v1alpha1.ReleaseStatus{
		Progress: v1alpha1.Progress{Stage: v1alpha1.StageStepping}, Steps: []v1alpha1.StepStatus{{Name: "half"}},
	}}
	judged := &Reconciler{Analyst: passes{}}
	require.Nil(t, (&Reconciler{}).evidence(t.Context(), stepping), "nobody judges")
	require.Equal(t, v1alpha1.VerdictNoData, judged.evidence(t.Context(), stepping).Verdict)
	stepping.Status.Steps[0].StartedAt = &metav1.MicroTime{}
	require.Equal(t, v1alpha1.VerdictPass, judged.evidence(t.Context(), stepping).Verdict)
	stepping.Status.Progress.Cause = v1alpha1.CauseAborted
	require.Nil(t, judged.evidence(t.Context(), stepping), "on the way back nothing is judged")
}
