package analyst

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// over ends the present step, and has the Release go on to a stage.
func over(r *v1alpha1.Release, stage v1alpha1.Stage) {
	now := metav1.NowMicro()
	r.Status.Steps[len(r.Status.Steps)-1].EndedAt = &now
	r.Status.Progress.Stage, r.Status.Progress.StageSince = stage, &now
	r.ResourceVersion += "over"
}

// whole is a Release whose last step sends everything to the canary.
func whole(r *v1alpha1.Release) *v1alpha1.Release {
	r.Spec.Policy.Strategy.Steps[1].Weight.IntVal = 100
	return r
}

func requirePasses(t *testing.T, a *told, r *v1alpha1.Release, when string) {
	t.Helper()
	e := a.Judge(r, a.tell)
	require.Equal(t, v1alpha1.VerdictPass, e.Verdict, "%s: %s", when, e.Message)
	for _, m := range e.Record.Metrics {
		require.Equal(t, v1alpha1.VerdictPass, m.Verdict, "%s: %s: %s", when, m.Name, m.Reason)
		require.Equal(t, v1alpha1.VerdictPass, m.Verdicts[len(m.Verdicts)-1].Verdict, "%s: %s", when, m.Name)
	}
}

// TestStepOfAll: what was shown before stays where nothing can be compared any more, however long the data plane takes to follow
// before the step is in effect; in the record too, and once all steps are over.
func TestStepOfAll(t *testing.T) {
	for _, gap := range []time.Duration{0, 20 * time.Second, 40 * time.Second, time.Minute} {
		t.Run(gap.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := steady(2), whole(released())
				a := atTenth(t, w, w, r)
				a.judge(r, 20*time.Minute, v1alpha1.VerdictPass)
				requirePasses(t, a, r, "at a tenth")
				now := metav1.NowMicro()
				r.Status.Steps[0].EndedAt = &now
				r.Status.Steps = append(r.Status.Steps, v1alpha1.StepStatus{Name: "half", Visit: 1, EnteredAt: now})
				r.ResourceVersion += "entered"
				w.shift(1)
				a.judge(r, gap)
				enter(r, "half")
				a.judge(r, 10*time.Minute)
				requirePasses(t, a, r, "at all")
				over(r, v1alpha1.StageFilling)
				a.judge(r, 3*time.Minute)
				requirePasses(t, a, r, "once the steps are over")
				r.Status.Progress.Stage = v1alpha1.StageKeeping
				a.judge(r, 3*time.Minute)
				requirePasses(t, a, r, "once it is promoted")
			})
		})
	}
}

// TestRestartAtAStepOfAll: who begins there, and whose source doesn't answer, doesn't know what was shown before, so nothing passes.
func TestRestartAtAStepOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), whole(released())
		a := atTenth(t, w, w, r)
		a.judge(r, 2*time.Minute)
		w.shift(1)
		enter(r, "half")
		w.set(func() { w.failed = errSilent })
		again := begin(t, w)
		e, _ := again.judge(r, 10*time.Minute, v1alpha1.VerdictPass)
		require.Equal(t, v1alpha1.VerdictNoData, e.Verdict, e.Message)
		require.Contains(t, e.Message, "gave no answer")
	})
}

// TestObjectiveBesideComparisons: an objective alone doesn't let a canary pass that was not shown to be as good as stable.
func TestObjectiveBesideComparisons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slo = `{"name":"slo","objective":{"canary":{"requests":["istio_requests_total{destination_service_name=\"web-canary\"}"],` +
			`"events":["istio_requests_total{destination_service_name=\"web-canary\",response_code=\"503\"}"]},"objective":"0.99"}}`
		w, r := steady(2), whole(byGoldenSignals(template(t, slo)))
		a := atTenth(t, w, w, r)
		w.canaryFails(0.017)
		e, _ := a.judge(r, 3*time.Minute, v1alpha1.VerdictPass, v1alpha1.VerdictFail)
		require.Equal(t, v1alpha1.VerdictInconclusive, e.Verdict, e.Message)
		w.shift(1)
		enter(r, "half")
		e, _ = a.judge(r, 10*time.Minute, v1alpha1.VerdictPass, v1alpha1.VerdictFail)
		require.Equal(t, v1alpha1.VerdictInconclusive, e.Verdict, e.Message)
	})
}

// minutely are scraped each minute.
type minutely struct{ *world }

func (m minutely) Samples(ctx context.Context, selector string, from, to time.Time) ([]analysis.Series, error) {
	all, err := m.world.Samples(ctx, selector, from, to)
	for i := range all {
		var some []analysis.Sample
		for _, sample := range all[i].Samples {
			if sample.Time.Sub(m.start)%time.Minute < time.Second {
				some = append(some, sample)
			}
		}
		all[i].Samples = some
	}
	return all, err
}

// twoPaces has what a template asks scraped each minute, and all else as usual.
type twoPaces struct{ *world }

func (p twoPaces) Open(_ context.Context, _ *v1alpha1.Release, ref *v1alpha1.AnalysisTemplateRef, _ *v1alpha1.MetricSource) (analysis.Source, error) {
	if ref != nil {
		return minutely(p), nil
	}
	return p.world, nil
}

// TestTwoPaces: of metrics that are judged together, the one that is scraped more often is not older for that once all is over.
func TestTwoPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), byGoldenSignals(template(t, strings.Replace(comparing(""), `"name":"errors"`, `"name":"own"`, 1)))
		a := atTenth(t, twoPaces{w}, w, r)
		a.judge(r, 30*time.Minute, v1alpha1.VerdictPass)
		w.shift(0.5)
		enter(r, "half")
		a.judge(r, 30*time.Minute)
		requirePasses(t, a, r, "at half")
		over(r, v1alpha1.StageFilling)
		a.judge(r, 5*time.Minute)
		requirePasses(t, a, r, "once the steps are over")
	})
}

// TestIdleBefore: where stable had no requests before the first step, its first ones tell what is slow.
func TestIdleBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		w.rate = 0
		a := atTenth(t, w, w, r)
		a.judge(r, time.Minute)
		w.set(func() { w.rate = 100 })
		e, _ := a.judge(r, 30*time.Minute, v1alpha1.VerdictPass, v1alpha1.VerdictFail)
		require.Equal(t, v1alpha1.VerdictPass, e.Verdict, e.Message)
		a.requireSameAfterRestart(t, w, r, e.Verdict)
	})
}

// TestRateOfEventsWithoutRequests: what is written of the course stays finite.
func TestRateOfEventsWithoutRequests(t *testing.T) {
	m := &metric{ask: ask{AnalysisMetric: v1alpha1.AnalysisMetric{Compare: &v1alpha1.CompareMetric{}}}}
	track := newTrack(allPoints, ofArms)
	for k := range 7 {
		i := analysis.Interval{End: noon.Add(time.Duration(k) * 15 * time.Second), Canary: analysis.Counts{Exposures: 10, Events: 2}, Stable: analysis.Counts{Exposures: 90, Events: 1}}
		if k%2 == 1 {
			i.Canary = analysis.Counts{Events: 3}
		}
		track.add(m.rates(i))
	}
	rows := strings.Split(strings.TrimSpace(track.table(noon)), "\n")
	require.Greater(t, len(rows), 2)
	for _, row := range rows[1:] {
		require.Equal(t, "0.2", strings.Split(row, ",")[6], row)
	}
}
