package analyst

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

const (
	pass, fail = v1alpha1.VerdictPass, v1alpha1.VerdictFail
	open, none = v1alpha1.VerdictInconclusive, v1alpha1.VerdictNoData
)

func TestBadCanaryFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(1), released()
		a := begin(t, w)
		e := requireReady(t, a, r)
		require.Contains(t, e.Record.Outlook, "evidence on errors takes about 2m")
		require.Contains(t, e.Record.Outlook, "at 10%; about")
		w.canaryFails(0.05)
		w.shift(0.1)
		enter(r, "tenth")
		e, took := a.judge(r, 10*time.Minute, fail)
		require.Equal(t, fail, e.Verdict, e.Message)
		require.Contains(t, e.Message, "errors: error rate")
		require.Less(t, took, 3*time.Minute)
		t.Log("1 -> 5 % after", took, e.Message)
		require.Equal(t, "Compare", e.Record.Metrics[0].Kind)
		require.Equal(t, fail, e.Record.Metrics[0].Verdict)
		require.NotZero(t, a.count())
	})
}

// TestFrequentScrapes: what was scraped a moment ago and can't be known yet is not missed.
func TestFrequentScrapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		w.every = 2
		a := atTenth(t, w, w, r)
		e, took := a.judge(r, 20*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		t.Log("passes after", took, e.Message)
	})
}

func TestSlowCanaryFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(1), released()
		a := begin(t, w)
		requireReady(t, a, r)
		w.set(func() { w.slow = 0.05 })
		w.shift(0.1)
		enter(r, "tenth")
		e, took := a.judge(r, 10*time.Minute, fail)
		require.Equal(t, fail, e.Verdict, e.Message)
		require.Contains(t, e.Message, "latency: share of requests slower than 100ms")
		require.Equal(t, "0.1", e.Record.Metrics[1].Edge)
		t.Log("slow after", took)
	})
}

func TestEqualCanaryPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		a := atTenth(t, w, w, r)
		e, took := a.judge(r, 20*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		t.Log("passes after", took, e.Message)
		require.Len(t, e.Record.Metrics, 3)
		require.Equal(t, pass, e.Record.Metrics[2].Verdict, "the split is as declared: %s", e.Record.Metrics[2].Reason)
		require.InDelta(t, 10, number(ptrTo(v1alpha1.Decimal(e.Record.Share[:len(e.Record.Share)-1])), 0), 2)

		w.shift(0.5)
		enter(r, "half")
		e = a.Judge(r, a.tell)
		require.Equal(t, open, e.Verdict, "what was shown before lets a new step not pass")
		require.Equal(t, newStep, e.Message)
		e, took = a.judge(r, 10*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		require.GreaterOrEqual(t, took, 2*15*time.Second)
		require.Contains(t, e.Message, "shown to be under 1.5x", "half of the traffic shows more")
	})
}

// TestIncidentOfAllFailsNothing: half of all requests fail, whoever answers them.
func TestIncidentOfAllFailsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(3), released()
		a := begin(t, w)
		requireReady(t, a, r)
		from := int(time.Since(w.start)/time.Second) + 300
		w.set(func() {
			w.errors = func(second int, _ bool) float64 {
				if second > from && second < from+180 {
					return 0.5
				}
				return 0.01
			}
		})
		w.shift(0.1)
		enter(r, "tenth")
		e, _ := a.judge(r, 20*time.Minute, fail)
		require.Equal(t, pass, e.Verdict, e.Message)
	})
}

// TestRestart: another analyst finds the same at the same time, by the same numbers.
func TestRestart(t *testing.T) {
	for name, errors := range map[string]float64{"an equal canary": 0.01, "a bad one": 0.02} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := steady(4), released()
				a := begin(t, w)
				requireReady(t, a, r)
				w.canaryFails(errors)
				w.shift(0.1)
				enter(r, "tenth")
				a.judge(r, 100*time.Minute)
				w.shift(0.5)
				enter(r, "half")
				before, _ := a.judge(r, 23*time.Minute)
				r.Status.Analysis = before.Record
				again := begin(t, w)
				again.Judge(r, again.tell)
				synctest.Wait()
				after := again.Judge(r, again.tell)
				require.Equal(t, before.Verdict, after.Verdict)
				require.Equal(t, before.Harm, after.Harm)
				require.Len(t, after.Record.Metrics, 3)
				for i, m := range after.Record.Metrics {
					was := before.Record.Metrics[i]
					require.Equal(t, was.Verdict, m.Verdict, m.Name)
					require.Equal(t, was.Verdicts, m.Verdicts, m.Name)
				}
				// Written down at the same time, all of it is the same.
				x, y := a.inquiries, again.inquiries
				for key := range x {
					now := time.Now()
					x, y := x[key].record(before, now), y[key].record(before, now)
					require.Equal(t, x, y)
				}
			})
		})
	}
}

// TestRestartMeasuresThePast: thresholds of a source that knows it, each measurement once and as of its time, between what is counted.
func TestRestartMeasuresThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(14)
		r := released(template(t, comparing("")+`,{"name":"queue","threshold":{"query":"queue","success":"result < 5","interval":"1m","failureLimit":1000}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		full := time.Now().Add(100 * time.Minute)
		w.value = func(at time.Time) float64 { return map[bool]float64{true: 9, false: 1}[at.After(full)] }
		a := atTenth(t, w, w, r)
		before, _ := a.judge(r, 3*time.Hour)
		w.set(func() { w.values = 0 })
		again := begin(t, w)
		again.Judge(r, again.tell)
		synctest.Wait()
		after := again.Judge(r, again.tell)
		w.set(func() { require.InDelta(t, 180, w.values, 2) })
		require.Equal(t, before.Verdict, after.Verdict)
		require.Equal(t, before.Record.Metrics[1].Verdicts, after.Record.Metrics[1].Verdicts)
		for key := range a.inquiries {
			now := time.Now()
			require.Equal(t, a.inquiries[key].record(before, now).Metrics, again.inquiries[key].record(before, now).Metrics)
		}
	})
}

// vendor opens a source that has values of the past, and no counters.
type vendor struct{ world *world }

type remembering struct{ analysis.Source }

// KnowsPast marks it.
func (remembering) KnowsPast() {}

// Open opens it for everything.
func (v vendor) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return remembering{v.world}, nil
}

// TestRestartMeasuresThePastOfVendors: what was bad before a restart counts after it, at steps that are over too.
func TestRestartMeasuresThePastOfVendors(t *testing.T) {
	for name, long := range map[string]time.Duration{"still open": 25 * time.Minute, "failed": 50 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := steady(15)
				r := released(template(t, `{"name":"queue","threshold":{"query":"queue","success":"result < 5","interval":"1m","count":90,"failureLimit":20}}`))
				r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
				w.value = func(at time.Time) float64 { return map[bool]float64{true: 9, false: 1}[at.Minute()%2 == 0] }
				a := begin(t, vendor{w})
				requireReady(t, a, r)
				enter(r, "tenth")
				a.judge(r, 10*time.Minute)
				enter(r, "half")
				before, _ := a.judge(r, long)
				again := begin(t, vendor{w})
				again.Judge(r, again.tell)
				synctest.Wait()
				after := again.Judge(r, again.tell)
				require.Equal(t, map[string]v1alpha1.Verdict{"still open": open, "failed": fail}[name], before.Verdict, before.Message)
				require.Equal(t, before.Verdict, after.Verdict, after.Message)
				for key := range a.inquiries {
					now := time.Now()
					require.Equal(t, a.inquiries[key].record(before, now).Metrics, again.inquiries[key].record(before, now).Metrics)
				}
			})
		})
	}
}

func ptrTo[T any](v T) *T { return &v }
