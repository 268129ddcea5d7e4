package analyst

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// squared has values beside shares: each is 1, so the squares are the same.
const squared = `,"squares":["istio_requests_total{destination_service_name=\"%[1]s\",response_code=\"503\"}"]`

// orders is a goal by requests as users, and errors as orders.
func orders(squares string) string {
	of := func(service string) string {
		return fmt.Sprintf(`{"users":["istio_requests_total{destination_service_name=\"%[1]s\"}"],"events":["istio_requests_total{destination_service_name=\"%[1]s\",response_code=\"503\"}"]`+squares+`}`, service)
	}
	return fmt.Sprintf(`{"name":"orders","goal":{"shared":true,"canary":%s,"stable":%s}}`, of("web-canary"), of("web"))
}

// trial is a Release with an A/B test at half, and harm looked for beside it.
func trial(t *testing.T, goal string) *v1alpha1.Release {
	t.Helper()
	r := released(template(t, goal+","+comparing(`,"dryRun":true`)))
	r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
	r.Spec.Policy.Strategy.ABTest = &v1alpha1.ABTest{Step: "half", Goal: "shop/orders"}
	return r
}

// drawn has the test draw its users at once, and keep those of both versions.
func drawn(t *testing.T, goal string) *v1alpha1.Release {
	t.Helper()
	r := trial(t, goal)
	r.Spec.Policy.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane", Stable: true}
	r.Spec.Policy.Strategy.Steps = r.Spec.Policy.Strategy.Steps[1:]
	r.Status.Steps[0].Name = "half"
	return r
}

// TestABTest: the goal is compared at its step, and harm is looked for beside it.
func TestABTest(t *testing.T) {
	for name, squares := range map[string]string{"shares": "", "means": squared} {
		t.Run(name, func(t *testing.T) { testGoal(t, squares) })
	}
}

// testGoal has twice as many events of the canary.
func testGoal(t *testing.T, squares string) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(11), trial(t, orders(squares))
		a := begin(t, w)
		requireReady(t, a, r)
		w.canaryFails(0.02) // twice as many orders, say
		w.shift(0.1)
		enter(r, "tenth")
		e, _ := a.judge(r, 10*time.Minute)
		require.Nil(t, e.Test, "the test is at half")
		w.shift(0.5)
		enter(r, "half")
		e, _ = a.judge(r, 30*time.Minute)
		require.NotNil(t, e.Test)
		require.Equal(t, analysis.EffectBetter, e.Test.Outcome, e.Test.Message)
		require.Regexp(t, `orders (2|0\.02|0\.019|1\.9)`, e.Test.Message)
		goal := e.Record.Metrics[0]
		require.Equal(t, "Goal", goal.Kind)
		require.NotEmpty(t, goal.Half)
		require.Empty(t, goal.Ratio, "a goal is compared by its difference")
		rows := strings.Split(strings.TrimSpace(goal.Series), "\n")
		last := strings.Split(rows[len(rows)-1], ",")
		require.Equal(t, goal.Difference, last[1], "the difference, in %s", rows[len(rows)-1])
		require.InEpsilon(t, parsed(t, goal.Difference)-parsed(t, goal.Half), parsed(t, last[2]), 0.02)
		require.InEpsilon(t, parsed(t, goal.Difference)+parsed(t, goal.Half), parsed(t, last[3]), 0.02)
		require.Empty(t, last[4]+last[5], "evidence of harm")
		said := regexp.MustCompile(`orders (\S+)( %)? of canary and (\S+)`).FindStringSubmatch(e.Test.Message)
		require.NotNil(t, said, e.Test.Message)
		unit := map[string]float64{" %": 100, "": 1}[said[2]]
		require.InEpsilon(t, parsed(t, said[1]), unit*parsed(t, last[6]), 0.01, "what the canary's users did so far")
		require.InEpsilon(t, parsed(t, said[3]), unit*parsed(t, last[7]), 0.01, "what stable's users did so far")
	})
}

func parsed(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}

// TestSampleRatio: a canary that looks better has not won where its users were not drawn as declared.
func TestSampleRatio(t *testing.T) {
	for name, test := range map[string]struct {
		squares string
		share   float64
		change  func(*v1alpha1.Release)
		want    string
	}{
		"as declared":          {share: 0.5, want: analysis.EffectBetter},
		"too many":             {share: 0.6, want: analysis.EffectSkewed},
		"too few":              {share: 0.4, want: analysis.EffectSkewed},
		"a little too many":    {share: 0.52, want: analysis.EffectSkewed},
		"of means":             {squares: squared, share: 0.6, want: analysis.EffectSkewed},
		"of means as declared": {squares: squared, share: 0.5, want: analysis.EffectBetter},
		"chosen by callers": {share: 0.6, want: analysis.EffectBetter, change: func(r *v1alpha1.Release) {
			r.Spec.Policy.Strategy.Stickiness = nil
			r.Spec.Policy.Strategy.Steps[0].Match = []v1alpha1.Match{{}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := steady(13), drawn(t, orders(test.squares))
				if test.change != nil {
					test.change(r)
				}
				a := begin(t, w)
				requireReady(t, a, r)
				w.canaryFails(0.02)
				w.shift(test.share)
				enter(r, "half")
				e, _ := a.judge(r, 30*time.Minute)
				require.NotNil(t, e.Test)
				require.Equal(t, test.want, e.Test.Outcome, e.Test.Message)
				goal := e.Record.Metrics[0]
				require.Equal(t, test.want, goal.Outcome)
				require.Equal(t, e.Test.Message, goal.Reason)
				if test.want == analysis.EffectSkewed {
					require.Equal(t, v1alpha1.VerdictInconclusive, goal.Verdict)
					require.Regexp(t, `^canary got [0-9.]+ % of [0-9]+ users, 50 % were declared, so the arms can't be compared: .*; see whether users are kept`, goal.Reason)
				}
			})
		})
	}
}

// TestUsersWhoAreDrawn: a share is declared of a test whose users were all drawn at its step.
func TestUsersWhoAreDrawn(t *testing.T) {
	between := func(r *v1alpha1.Release) int32 { return courseOf(r).users(at(20).Time, at(21).Time) }
	of := func(first v1alpha1.Step) *v1alpha1.Release {
		r := climbed()
		r.Spec.Policy.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane", Stable: true}
		r.Spec.Policy.Strategy.ABTest = &v1alpha1.ABTest{Step: "half"}
		first.Name = "tenth"
		r.Spec.Policy.Strategy.Steps[0] = first
		return r
	}
	chosen := v1alpha1.Step{Match: []v1alpha1.Match{{}}}
	require.EqualValues(t, 500_000, between(of(chosen)), "who is chosen before isn't kept")
	require.Zero(t, between(of(released().Spec.Policy.Strategy.Steps[0])), "the canary keeps whom a tenth gave it, and half of the others")

	r := of(chosen)
	r.Status.Steps[1].EndedAt = at(15)
	require.Zero(t, between(r), "the test is over")
	r.Status.Steps = append(r.Status.Steps, v1alpha1.StepStatus{Name: "half", StartedAt: at(18)})
	require.EqualValues(t, 500_000, between(r), "users of the visit before are kept, and were drawn by the same weight")

	r = of(chosen)
	r.Spec.Policy.RouteRefs = []v1alpha1.RouteRef{{Rules: []string{"a"}}}
	require.Zero(t, between(r), "other rules send to stable alone")
	r = of(chosen)
	r.Spec.Policy.Strategy.Steps[1].Match = []v1alpha1.Match{{}}
	require.Zero(t, between(r), "some are chosen")
	r = of(chosen)
	r.Spec.Policy.Strategy.Stickiness.Stable = false
	require.Zero(t, between(r), "who sends many requests gets there")
}
