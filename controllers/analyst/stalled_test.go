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

// stalling has the world for golden signals, and for templates a source that takes a minute to give no answer.
type stalling struct{ world *world }

// stalled is that source.
type stalled struct{ analysis.CounterSource }

// Samples takes a minute.
func (stalled) Samples(ctx context.Context, _ string, _, _ time.Time) ([]analysis.Series, error) {
	select {
	case <-time.After(time.Minute):
	case <-ctx.Done():
	}
	return nil, errSilent
}

// Open opens either.
func (s stalling) Open(_ context.Context, _ *v1alpha1.Release, of *v1alpha1.AnalysisTemplateRef, _ *v1alpha1.MetricSource) (analysis.Source, error) {
	if of == nil {
		return s.world, nil
	}
	return stalled{s.world}, nil
}

// TestStepThatBeginsMeanwhile: a look that has waited for a source knows the step that began meanwhile, so that the requests of that step
// aren't judged by the share of the one before; and what others found is not old by it.
func TestStepThatBeginsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(3)
		r := released(template(t, comparing(`,"noData":"Ignore"`)))
		r.Spec.Policy.Analysis.GoldenSignals = &v1alpha1.GoldenSignals{Source: "Istio"}
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, stalling{w})
		a.judge(r, time.Minute)
		w.shift(0.1)
		enter(r, "tenth")
		a.judge(r, 4*time.Minute+10*time.Second) // amid a look
		enter(r, "half")
		w.shift(0.5)
		a.judge(r, 5*time.Minute)
		for _, i := range a.inquiries {
			for _, m := range i.metrics {
				if m.Split != nil {
					require.Equal(t, v1alpha1.VerdictPass, m.found.Verdict, m.found.Reason)
					require.Greater(t, m.found.Canary.Exposures, 3600.0, "what was sent at both steps is counted: %s", m.found.Reason)
				}
			}
		}
	})
}
