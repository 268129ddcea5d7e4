package analyst

import (
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
