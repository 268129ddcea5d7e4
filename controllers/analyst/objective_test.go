package analyst

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

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
