package analyst

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// rare is a world that is scraped less often, and in which the canary is there once it has requests.
type rare struct {
	*world
	every time.Duration
}

// Samples are those of every so many scrapes.
func (s rare) Samples(ctx context.Context, selector string, from, to time.Time) ([]analysis.Series, error) {
	all, err := s.world.Samples(ctx, selector, from, to)
	for i := range all {
		all[i].Samples = slices.DeleteFunc(all[i].Samples, func(sample analysis.Sample) bool {
			return sample.Time.Sub(s.start)%s.every != 0 || sample.Value == 0 && all[i].Labels["destination_service_name"] == "web-canary"
		})
	}
	return slices.DeleteFunc(all, func(series analysis.Series) bool { return len(series.Samples) == 0 }), err
}

// Open opens it for everything.
func (s rare) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return s, nil
}

// TestObjectiveAlone: it finds out by the canary how often is scraped, judges by that, and a restart finds the same.
func TestObjectiveAlone(t *testing.T) {
	for _, every := range []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 4 * time.Minute} {
		for errors, want := range map[float64]v1alpha1.Verdict{0.0001: pass, 0.9: fail} {
			synctest.Test(t, func(t *testing.T) {
				w, r := steady(2), objective(t, "")
				a := begin(t, rare{w, every})
				requireReady(t, a, r)
				w.canaryFails(errors)
				enter(r, "tenth")
				<-time.After(11 * time.Minute)
				w.shift(0.1)
				e, took := a.judge(r, time.Hour, want)
				require.Equal(t, want, e.Verdict, "scraped each %s: %s", every, e.Message)
				t.Log(every, want, "after", took)
				for range 30 * 12 {
					e = a.Judge(r, a.tell)
					require.Equal(t, want, e.Verdict, "scraped each %s: %s", every, e.Message)
					<-time.After(5 * time.Second)
				}
				again := begin(t, rare{w, every})
				again.Judge(r, again.tell)
				synctest.Wait()
				after := again.Judge(r, again.tell)
				require.Equal(t, e.Verdict, after.Verdict)
				for key := range a.inquiries {
					now := time.Now()
					require.Equal(t, a.inquiries[key].record(e, now).Metrics, again.inquiries[key].record(e, now).Metrics)
				}
			})
		}
	}
}
