package analyst

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestRestartDuringAnOutage: what a source can't say now of the past it is asked again, and nothing of it counts as an error.
func TestRestartDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(2)
		r := released(template(t, `{"name":"queue","threshold":{"query":"queue","success":"result < 5","interval":"1m","count":30,"failureLimit":3}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, w)
		requireReady(t, a, r)
		begun := time.Now()
		w.set(func() {
			w.value = func(at time.Time) float64 {
				return map[bool]float64{true: 9, false: 1}[at.Sub(begun) > 2*time.Minute && at.Sub(begun) < 5*time.Minute]
			}
		})
		enter(r, "tenth")
		e, _ := a.judge(r, 28*time.Minute)
		require.Equal(t, open, e.Verdict, e.Message)

		a.Forget(types.NamespacedName{Namespace: "shop", Name: "web-7"})
		w.set(func() { w.failed, w.values = errSilent, 0 })
		again := begin(t, w)
		e, _ = again.judge(r, 50*time.Second)
		require.Equal(t, none, e.Verdict)
		require.Contains(t, e.Message, "prometheus gave no answer")
		w.set(func() {
			require.InDelta(t, 4, w.values, 1, "it is asked every 15 s")
			w.failed = nil
		})
		e, _ = again.judge(r, 4*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		require.Contains(t, e.Message, "30 measurements were taken, 2 of them failed")
		require.Empty(t, e.Unready)
	})
}

// TestShortOutage: another analyst finds the same, though its source answers now what it did not then.
func TestShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(2)
		r := released(template(t, `{"name":"queue","threshold":{"query":"queue","success":"result < 5","interval":"1m","count":30,"failureLimit":3}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, w)
		requireReady(t, a, r)
		enter(r, "tenth")
		a.judge(r, 4*time.Minute+50*time.Second)
		begun := time.Now()
		w.set(func() {
			w.failed = errSilent
			w.value = func(at time.Time) float64 {
				return map[bool]float64{true: 9, false: 1}[at.After(begun) && at.Before(begun.Add(40*time.Second))]
			}
		})
		e, _ := a.judge(r, 40*time.Second)
		require.Contains(t, e.Unready, "prometheus gave no answer")
		w.set(func() { w.failed = nil })
		e, _ = a.judge(r, 20*time.Minute)
		require.Equal(t, open, e.Verdict, e.Message)
		require.Contains(t, e.Message, "1 of them failed", "what was bad meanwhile is known later")
		a.requireSameAfterRestart(t, w, r, open)
	})
}

// narrow has too many samples to answer for a longer time.
type narrow struct {
	*world

	most time.Duration
}

// Samples are those of the world.
func (n narrow) Samples(ctx context.Context, selector string, from, to time.Time) ([]analysis.Series, error) {
	if to.Sub(from) > n.most {
		return nil, egress.ErrTooLarge
	}
	return n.world.Samples(ctx, selector, from, to)
}

// Open opens it for everything.
func (n narrow) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return n, nil
}

// TestRestartWithManySamples: a past that is too much to be asked for at once is asked for by parts.
func TestRestartWithManySamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		a := atTenth(t, narrow{w, 40 * time.Minute}, w, r)
		before, _ := a.judge(r, 100*time.Minute)
		again := begin(t, narrow{w, 40 * time.Minute})
		again.Judge(r, again.tell)
		synctest.Wait()
		after := again.Judge(r, again.tell)
		require.Equal(t, before.Verdict, after.Verdict, after.Message)
		require.Empty(t, after.Unready)
		for key := range a.inquiries {
			now := time.Now()
			require.Equal(t, a.inquiries[key].record(before, now).Metrics, again.inquiries[key].record(before, now).Metrics)
		}
	})
}

// slowPast takes a second for each value.
type slowPast struct{ *world }

// Value is that of the world.
func (s slowPast) Value(ctx context.Context, query string, at time.Time) (analysis.Value, error) {
	<-time.After(time.Second)
	return s.world.Value(ctx, query, at)
}

// Open opens it for everything.
func (s slowPast) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return s, nil
}

// TestRestartThatTakesLong: what counters show is told while measurements of the past are still being taken, and nothing passes
// before all of them are.
func TestRestartThatTakesLong(t *testing.T) {
	const guard = `{"name":"queue","threshold":{"query":"queue","success":"result < 5","interval":"1m","failureLimit":3}}`
	for errors, want := range map[float64]v1alpha1.Verdict{0.2: fail, 0.01: pass} {
		synctest.Test(t, func(t *testing.T) {
			w, r := steady(2), byGoldenSignals(template(t, guard))
			a := begin(t, slowPast{w})
			requireReady(t, a, r)
			w.canaryFails(errors)
			w.shift(0.1)
			enter(r, "tenth")
			before, _ := a.judge(r, 3*time.Hour)
			require.Equal(t, want, before.Verdict, before.Message)
			again := begin(t, slowPast{w})
			e, took := again.judge(r, 10*time.Minute, pass, fail)
			require.Equal(t, want, e.Verdict, e.Message)
			if want == fail {
				require.Less(t, took, time.Minute)
			} else {
				require.Greater(t, took, 3*time.Minute)
			}
			again.judge(r, 5*time.Minute)
			a.judge(r, 2*time.Minute)
			<-time.After(7 * time.Second) // between two measurements
			synctest.Wait()
			for key := range a.inquiries {
				now := time.Now()
				require.Equal(t, a.inquiries[key].record(e, now).Metrics, again.inquiries[key].record(e, now).Metrics)
			}
		})
	}
}
