package analyst

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestConditionsThatTakeLong: a source may answer half a million numbers.
func TestConditionsThatTakeLong(t *testing.T) {
	made, err := compiled(v1alpha1.ThresholdMetric{Success: "!result.exists(x, result.exists(y, y > 1.0))"}, false)
	require.NoError(t, err)
	before := time.Now()
	got := made.measured(before, analysis.Value{JSON: make([]any, 0), Numbers: make([]analysis.Number, 500_000)}, nil)
	require.Equal(t, analysis.OutcomeSuccess, got.Outcome, "none of none")
	got = made.measured(before, analysis.Value{Numbers: make([]analysis.Number, 500_000)}, nil)
	require.Equal(t, analysis.OutcomeError, got.Outcome)
	require.Equal(t, "success: its expression takes too long; make it simpler", got.Text)
	require.Less(t, time.Since(before), 15*time.Second)
}

// TestUndoIsNotJudged: nothing may hold up the way back, and an undo keeps no templates.
func TestUndoIsNotJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := released()
		r.Spec.Undo = &v1alpha1.Undo{Release: "web-6", Revision: "s"}
		a := begin(t, steady(1))
		require.Nil(t, a.Judge(r, a.tell))
	})
}
