package analyst

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestConditionsThatTakeLong: a source may answer half a million numbers. What would look at each of them for each ends, and says so.
func TestConditionsThatTakeLong(t *testing.T) {
	made, err := compiled(v1alpha1.ThresholdMetric{Success: "!result.exists(x, result.exists(y, y > 1.0))"}, false)
	require.NoError(t, err)
	got := made.measured(noon, analysis.Value{JSON: make([]any, 0), Numbers: make([]analysis.Number, 500_000)}, nil)
	require.Equal(t, analysis.OutcomeSuccess, got.Outcome, "none of none")
	got = made.measured(noon, analysis.Value{Numbers: make([]analysis.Number, 500_000)}, nil)
	require.Equal(t, analysis.OutcomeError, got.Outcome)
	require.Equal(t, "success: its expression takes too long; make it simpler", got.Text)
}

// TestConditionsQuoteNoAnswer: what CEL says of types and names helps to mend an expression; what its functions say of an answer may be
// anything.
func TestConditionsQuoteNoAnswer(t *testing.T) {
	for success, want := range map[v1alpha1.Expression]string{
		"ip(result.token).family() == 4":    "success: the expression doesn't fit the value; correct it",
		"url(result.token).getHost() == ''": "success: the expression doesn't fit the value; correct it",
		"result.tocken == ''":               "success: the expression doesn't fit the value: no such key: tocken; correct it",
		"result.token > 5":                  "success: the expression doesn't fit the value: no such overload; correct it",
	} {
		made, err := compiled(v1alpha1.ThresholdMetric{Success: success}, false)
		require.NoError(t, err)
		got := made.measured(noon, analysis.Value{JSON: map[string]any{"token": "s3cret token"}}, nil)
		require.Equal(t, analysis.OutcomeError, got.Outcome)
		require.Equal(t, want, got.Text)
	}
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

// looked is a value that says when a condition looks at it.
type looked struct {
	ref.Val

	at func()
}

// Equal looks.
func (l looked) Equal(ref.Val) ref.Val {
	l.at()
	return types.True
}

// said is a source of the past that says this.
type said struct{ value any }

// KnowsPast marks it.
func (*said) KnowsPast() {}

// Value is that.
func (s *said) Value(context.Context, string, time.Time) (analysis.Value, error) {
	return analysis.Value{JSON: s.value}, nil
}

// Open opens it for everything.
func (s *said) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return s, nil
}

// TestNobodyWaitsForConditions: what a user wrote is evaluated where other Releases don't wait for it.
func TestNobodyWaitsForConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a *told
		evaluated, waited := 0, 0
		r := released(template(t, `{"name":"queue","threshold":{"query":"q","success":"result == 1"}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a = begin(t, &said{looked{Val: types.Int(1), at: func() {
			if evaluated++; !a.turns.mu.TryLock() {
				waited++
				return
			}
			a.turns.mu.Unlock()
		}}})
		requireReady(t, a, r)
		enter(r, "tenth")
		e, _ := a.judge(r, 2*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		require.Positive(t, evaluated)
		require.Zero(t, waited)
	})
}
