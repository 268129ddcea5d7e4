package analyst

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// spelt knows but one counter.
type spelt struct{ *world }

func (s spelt) Samples(ctx context.Context, selector string, from, to time.Time) ([]analysis.Series, error) {
	if !strings.Contains(selector, "istio_requests_total") {
		return nil, nil
	}
	return s.world.Samples(ctx, selector, from, to)
}

// Open opens it for everything.
func (s spelt) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return s, nil
}

// TestGoalThatCountsNobody holds up a Release before its first step where a test is decided by it.
func TestGoalThatCountsNobody(t *testing.T) {
	misspelt := strings.ReplaceAll(orders(""), "istio_requests_total", "istio_request_total")
	for name, test := range map[string]struct {
		goal    string
		uncount bool
		tested  bool
		want    string
	}{
		"misspelt":          {misspelt, false, true, "metric shop/orders: its source has no two scrapes of stable in the last 10m; see whether it is scraped, and whether istio_request_total{"},
		"nobody yet":        {orders(""), true, true, "metric shop/orders: its source has counted no user of stable yet; see whether istio_requests_total{"},
		"decides nothing":   {misspelt, false, false, ""},
		"users are counted": {orders(""), false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := steady(14), trial(t, test.goal)
				if !test.tested {
					r.Spec.Policy.Strategy.ABTest = nil
				}
				if test.uncount {
					w.rate = 0
				}
				a := begin(t, spelt{w})
				a.Judge(r, a.tell)
				e, _ := a.judge(r, 20*time.Second)
				if test.want == "" {
					require.Empty(t, e.Unready)
					return
				}
				require.Contains(t, e.Unready, test.want)
			})
		})
	}
}

// atTest has the Release at its test, of half of the users, in which those of the canary order twice as often.
func atTest(t *testing.T, w *world, r *v1alpha1.Release) *told {
	t.Helper()
	a := begin(t, w)
	requireReady(t, a, r)
	w.canaryFails(0.02)
	w.shift(0.5)
	enter(r, "half")
	return a
}

// TestGoalThatIsLost: a test tells nothing once its users are not counted any more, and goes on where they are again.
func TestGoalThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(15), drawn(t, orders(""))
		a := atTest(t, w, r)
		e, _ := a.judge(r, 30*time.Minute)
		require.Equal(t, analysis.EffectBetter, e.Test.Outcome)
		w.set(func() { w.failed = errSilent })
		e, _ = a.judge(r, 5*time.Minute)
		require.Empty(t, e.Test.Outcome)
		goal := e.Record.Metrics[0]
		require.Equal(t, v1alpha1.VerdictNoData, goal.Verdicts[len(goal.Verdicts)-1].Verdict)
		require.Contains(t, e.Unready, "metric shop/orders: "+errSilent.Error())
		w.set(func() { w.failed = nil })
		e, _ = a.judge(r, 2*time.Minute)
		require.Equal(t, analysis.EffectBetter, e.Test.Outcome)
	})
}

// TestGoalOfATestThatIsOver: its source holds up no step that comes after the test.
func TestGoalOfATestThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(15), longer(t, "")
		a := atTest(t, w, r)
		a.judge(r, 10*time.Minute)
		w.set(func() { w.failed = errSilent })
		e, _ := a.judge(r, 2*time.Minute)
		require.Contains(t, e.Unready, "metric shop/orders: "+errSilent.Error())
		enter(r, "more")
		e, _ = a.judge(r, 2*time.Minute)
		require.Empty(t, e.Unready)
	})
}

// TestFewUsers: no new user for a while is no lack of data.
func TestFewUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(16), drawn(t, orders(""))
		w.rate = 0.01
		a := begin(t, w)
		requireReady(t, a, r)
		w.shift(0.5)
		enter(r, "half")
		e, _ := a.judge(r, 2*time.Hour)
		require.NotNil(t, e.Test)
		require.Equal(t, analysis.EffectOpen, e.Test.Outcome, e.Test.Message)
		require.Equal(t, v1alpha1.VerdictInconclusive, e.Record.Metrics[0].Verdict)
	})
}

// longer is a Release with a test at half and one more step.
func longer(t *testing.T, squares string) *v1alpha1.Release {
	t.Helper()
	r := drawn(t, orders(squares))
	r.Spec.Policy.Strategy.Steps = append(r.Spec.Policy.Strategy.Steps, v1alpha1.Step{Name: "more", Weight: r.Spec.Policy.Strategy.Steps[0].Weight})
	return r
}

// TestResultOfATestThatIsOver: what a test came to stays in the record once its step is over.
func TestResultOfATestThatIsOver(t *testing.T) {
	for name, leave := range map[string]func(r *v1alpha1.Release){
		"next step": func(r *v1alpha1.Release) { enter(r, "more") },
		"promoting": func(r *v1alpha1.Release) { over(r, v1alpha1.StageKeeping) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := steady(15), longer(t, "")
				a := atTest(t, w, r)
				e, _ := a.judge(r, 30*time.Minute)
				during := e.Record.Metrics[0]
				require.Equal(t, analysis.EffectBetter, during.Outcome)
				leave(r)
				e, _ = a.judge(r, 5*time.Minute)
				after := e.Record.Metrics[0]
				require.Equal(t, analysis.EffectBetter, after.Outcome, after.Reason)
				require.NotEmpty(t, after.Difference)
				require.Equal(t, during.Verdicts, after.Verdicts)
			})
		})
	}
}

// TestGoalAfterARestart: what is known of a goal is the same, while its test runs and once that is over.
func TestGoalAfterARestart(t *testing.T) {
	for name, squares := range map[string]string{"shares": "", "means": squared} {
		for _, over := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, over %t", name, over), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, r := steady(15), longer(t, squares)
					a := atTest(t, w, r)
					e, _ := a.judge(r, 2*time.Hour)
					if over {
						enter(r, "more")
						e, _ = a.judge(r, 10*time.Minute)
					}
					a.requireSameAfterRestart(t, w, r, e.Verdict)
				})
			})
		}
	}
}

// TestGoalWithoutUsers: the course of a goal has no difference before both versions have users.
func TestGoalWithoutUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(15), drawn(t, orders(""))
		a := begin(t, w)
		requireReady(t, a, r)
		w.shift(0)
		enter(r, "half")
		e, _ := a.judge(r, 5*time.Minute)
		rows := strings.Split(strings.TrimSpace(e.Record.Metrics[0].Series), "\n")
		require.Greater(t, len(rows), 2)
		for _, row := range rows[1:] {
			require.Regexp(t, `^\d+,,,,,,,0\.0[0-9]+,0,\d+$`, row)
		}
	})
}
