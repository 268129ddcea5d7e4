package analyst

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// objective is a metric of istio's errors of the canary, alone.
func objective(t *testing.T, more string) *v1alpha1.Release {
	t.Helper()
	r := released(template(t, `{"name":"slo","objective":{"canary":{"requests":["istio_requests_total{destination_service_name=\"web-canary\"}"],`+
		`"events":["istio_requests_total{destination_service_name=\"web-canary\",response_code=\"503\"}"]},"objective":"0.999"`+more+`}}`))
	r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
	return r
}

// TestObjectiveNoise: traffic that is said to be noisier is judged by more of it.
func TestObjectiveNoise(t *testing.T) {
	took := map[string]time.Duration{}
	for _, noise := range []string{"1", "20"} {
		synctest.Test(t, func(t *testing.T) {
			w, r := steady(2), objective(t, `,"noise":"`+noise+`"`)
			a := begin(t, w)
			requireReady(t, a, r)
			w.canaryFails(0.0001)
			w.shift(0.1)
			enter(r, "tenth")
			e, some := a.judge(r, 3*time.Hour, pass)
			require.Equal(t, pass, e.Verdict, e.Message)
			require.Equal(t, noise, e.Record.Metrics[0].Noise)
			took[noise] = some
		})
	}
	require.Greater(t, took["20"], 3*took["1"])
}

// uncounted leaves out the series of what had no request yet, as gateways do.
type uncounted struct{ *world }

func (u uncounted) Samples(ctx context.Context, selector string, from, to time.Time) ([]analysis.Series, error) {
	all, err := u.world.Samples(ctx, selector, from, to)
	return slices.DeleteFunc(all, func(s analysis.Series) bool { return s.Samples[len(s.Samples)-1].Value == 0 }), err
}

// Open opens it for everything.
func (u uncounted) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return u, nil
}

// TestObjectiveWithoutTheCanary: a step that sends the canary nothing is not held for want of its requests, and those of the next step
// are judged as ever. What was shown of it stays where a later step sends it nothing again.
func TestObjectiveWithoutTheCanary(t *testing.T) {
	for name, of := range map[string]struct {
		fails float64
		want  v1alpha1.Verdict
	}{"good": {0.0001, pass}, "bad": {0.05, fail}} {
		for _, beside := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, beside golden signals %t", name, beside), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, r := steady(2), objective(t, "")
					if beside {
						r.Spec.Policy.Analysis.GoldenSignals = &v1alpha1.GoldenSignals{Source: "Istio"}
					}
					steps := r.Spec.Policy.Strategy.Steps
					steps[0].Weight.IntVal = 0
					r.Spec.Policy.Strategy.Steps = append(steps, v1alpha1.Step{Name: "none", Weight: ptrTo(intstr.FromInt(0))})
					w.set(func() {
						w.errors = func(_ int, canary bool) float64 { return map[bool]float64{true: of.fails, false: 0.0001}[canary] }
					})
					a := begin(t, uncounted{w})
					requireReady(t, a, r)
					enter(r, "tenth")
					e, _ := a.judge(r, 20*time.Minute, pass)
					require.Equal(t, pass, e.Verdict, e.Message)
					a.judge(r, 20*time.Minute)

					w.shift(0.5)
					enter(r, "half")
					e, _ = a.judge(r, 15*time.Second, pass)
					require.NotEqual(t, pass, e.Verdict, "nothing is known of the canary yet: %s", e.Message)
					e, _ = a.judge(r, time.Hour, of.want)
					require.Equal(t, of.want, e.Verdict, e.Message)

					w.shift(0)
					enter(r, "none")
					e, _ = a.judge(r, 20*time.Minute)
					require.Equal(t, of.want, e.Verdict, e.Message)
					a.requireSameAfterRestart(t, uncounted{w}, r, of.want)
				})
			})
		}
	}
}

// TestObjectiveOnceItIsPromoted: after steps that sent the canary nothing it has all requests, and is judged by them; without any data
// nothing passes.
func TestObjectiveOnceItIsPromoted(t *testing.T) {
	for name, of := range map[string]struct {
		fails  float64
		silent bool
		want   v1alpha1.Verdict
	}{"good": {0.0001, false, pass}, "bad": {0.05, false, fail}, "unknown": {0.05, true, none}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := steady(2), objective(t, "")
				r.Spec.Policy.Analysis.Templates[0].Promoted = true
				r.Spec.Policy.Strategy.Steps = r.Spec.Policy.Strategy.Steps[:1]
				r.Spec.Policy.Strategy.Steps[0].Weight.IntVal = 0
				w.canaryFails(of.fails)
				a := begin(t, uncounted{w})
				requireReady(t, a, r)
				enter(r, "tenth")
				e, _ := a.judge(r, 20*time.Minute, pass)
				require.Equal(t, pass, e.Verdict, e.Message)
				w.shift(1)
				over(r, v1alpha1.StageKeeping)
				if of.silent {
					w.set(func() { w.failed = errSilent })
				}
				e, _ = a.judge(r, 10*time.Minute, pass, fail)
				require.Equal(t, of.want, e.Verdict, e.Message)
			})
		})
	}
}
