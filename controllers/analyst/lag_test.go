package analyst

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestSourceThatLags: who says how late its samples are has them judged as those of any other source; who doesn't lacks data.
func TestSourceThatLags(t *testing.T) {
	const late = 45 * time.Second
	for lag, verdict := range map[time.Duration]v1alpha1.Verdict{0: none, late: fail} {
		synctest.Test(t, func(t *testing.T) {
			w, r := steady(4), released()
			w.late = late
			a := begin(t, w)
			a.Lag = lag
			requireReady(t, a, r)
			w.canaryFails(0.05)
			w.shift(0.1)
			enter(r, "tenth")
			e, took := a.judge(r, 10*time.Minute, fail)
			require.Equal(t, verdict, e.Verdict, e.Message)
			t.Log(verdict, "after", took, e.Message)
		})
	}
}

// TestLagOfASource: a template's source has its own.
func TestLagOfASource(t *testing.T) {
	const minute = time.Minute
	own := &v1alpha1.MetricSource{Prometheus: &v1alpha1.PrometheusSource{Lag: &v1alpha1.Duration{Duration: metav1.Duration{Duration: time.Second}}}}
	require.Equal(t, minute, ask{}.lag(minute))
	require.Equal(t, time.Second, ask{source: own}.lag(minute))
	require.Zero(t, ask{source: &v1alpha1.MetricSource{Prometheus: &v1alpha1.PrometheusSource{}}}.lag(minute))
	require.Zero(t, ask{source: &v1alpha1.MetricSource{}}.lag(minute))
}

// lagging is a template of a source that knows what was scraped ten minutes later.
func lagging(metrics string) string {
	return `{"source":{"prometheus":{"address":"http://thanos","lag":"10m"}},"metrics":[` + metrics + `]}`
}

// TestLagDelaysNoFailureOfOthers: what fails by golden signals fails as soon as without a template whose source lags.
func TestLagDelaysNoFailureOfOthers(t *testing.T) {
	took := map[string]time.Duration{}
	for name, templates := range map[string][]string{
		"alone": nil, "beside one that decides nothing": {lagging(comparing(`,"dryRun":true`))}, "beside one that decides": {lagging(comparing(""))},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, r := steady(4), byGoldenSignals(templates...)
			a := begin(t, w)
			requireReady(t, a, r)
			w.canaryFails(0.2)
			w.shift(0.1)
			enter(r, "tenth")
			e, after := a.judge(r, 10*time.Minute, fail)
			require.Equal(t, fail, e.Verdict, e.Message)
			took[name] = after
		})
	}
	for name, after := range took {
		require.Equal(t, took["alone"], after, name)
	}
}

// TestLagHoldsWhatPasses: what is known later is waited for, as long as it decides.
func TestLagHoldsWhatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), byGoldenSignals(lagging(comparing("")))
		a := atTenth(t, w, w, r)
		e, _ := a.judge(r, 9*time.Minute, pass)
		require.Equal(t, none, e.Verdict, e.Message)
		require.Empty(t, e.Unready)
		require.Contains(t, e.Message, "metric vendor/errors: its samples are known in")
		e, _ = a.judge(r, 30*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		a.requireSameAfterRestart(t, w, r, pass)
	})
}

// TestThresholdOfASourceThatLags: it is measured as of times whose values have come, and a restart finds the same.
func TestThresholdOfASourceThatLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(2)
		r := released(strings.ReplaceAll(lagging(`{"name":"queue","threshold":{"query":"queue","success":"result < 5","interval":"1m","count":30,"failureLimit":3}}`), "10m", "2m"))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		begun := time.Now()
		w.value = func(at time.Time) float64 {
			if time.Since(at) < 2*time.Minute {
				return 100 // nothing has come yet
			}
			return map[bool]float64{true: 9, false: 1}[at.Sub(begun) > 5*time.Minute && at.Sub(begun) < 7*time.Minute]
		}
		a := begin(t, w)
		requireReady(t, a, r)
		enter(r, "tenth")
		e, _ := a.judge(r, 25*time.Minute, fail)
		require.Equal(t, open, e.Verdict, e.Message)
		require.Contains(t, e.Message, "2 of them failed")
		enter(r, "half")
		e, took := a.judge(r, 20*time.Minute, pass, fail)
		require.Equal(t, pass, e.Verdict, e.Message)
		require.Greater(t, took, 5*time.Minute)
		a.requireSameAfterRestart(t, w, r, pass)
	})
}
