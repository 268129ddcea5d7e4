package analyst

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestSilentSource: nobody waits for one that never answers, and once it does, there is evidence.
func TestSilentSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(5), released()
		w.failed = errSilent
		a := begin(t, w)
		a.Judge(r, a.tell)
		e, _ := a.judge(r, 20*time.Second)
		require.Contains(t, e.Unready, "metric errors: prometheus gave no answer")
		require.Equal(t, none, e.Verdict)
		w.set(func() { w.failed = nil })
		e, _ = a.judge(r, 20*time.Second)
		require.Empty(t, e.Unready)

		w.shift(0.1)
		enter(r, "tenth")
		e, _ = a.judge(r, 20*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		w.set(func() { w.failed = errSilent })
		e, took := a.judge(r, 5*time.Minute, none)
		require.Equal(t, none, e.Verdict)
		require.Less(t, took, 90*time.Second)
		require.NotEmpty(t, e.Unready)
		require.Contains(t, e.Message, "prometheus gave no answer")
		w.set(func() { w.failed = nil })
		e, _ = a.judge(r, 5*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		require.Empty(t, e.Unready)

		w.set(func() { w.silent = true })
		before := time.Now()
		a.judge(r, time.Minute)
		require.Less(t, time.Since(before), 61*time.Second, "Judge waited")
	})
}

// TestUncounted: the source answers, and knows nothing of stable.
func TestUncounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(5), released()
		w.start = time.Now().Add(time.Hour)
		a := begin(t, w)
		a.Judge(r, a.tell)
		e, _ := a.judge(r, 20*time.Second)
		require.Contains(t, e.Unready, "metric errors: its source has no two scrapes of stable in the last 10m; see whether it is scraped, and whether istio_requests_total{")
	})
}

// TestAtMostOneQuery: each metric asks once for an interval, and those of one counter ask together.
func TestAtMostOneQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(6), released()
		a := atTenth(t, w, w, r)
		a.judge(r, time.Minute)
		w.set(func() { w.samples = nil })
		a.judge(r, 20*time.Minute)
		ends := map[string]int{}
		for _, s := range w.asked() {
			ends[s.selector+s.to.String()]++
		}
		for what, n := range ends {
			require.Equal(t, 1, n, what)
		}
		require.InDelta(t, 2*20*4, len(w.asked()), 4, "errors and split are one query, latency is one")
		for _, s := range w.asked() {
			require.LessOrEqual(t, s.to.Sub(s.from), 6*time.Minute)
			require.Less(t, s.at.Sub(s.to), 25*time.Second)
		}
	})
}

// TestForgotten: nothing is asked for a Release that nobody asks about, and it goes on when somebody does.
func TestForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(6), released()
		a := atTenth(t, w, w, r)
		a.judge(r, 10*time.Minute)
		<-time.After(time.Hour)
		n := len(w.asked())
		<-time.After(time.Hour)
		require.Len(t, w.asked(), n)
		e, _ := a.judge(r, 20*time.Second)
		require.Equal(t, pass, e.Verdict)
		require.Greater(t, len(w.asked()), n)
	})
}

// template is the text of one.
func template(t *testing.T, metrics string) string {
	t.Helper()
	var spec v1alpha1.AnalysisTemplateSpec
	require.NoError(t, json.Unmarshal([]byte(`{"metrics":[`+metrics+`]}`), &spec))
	text, err := json.Marshal(spec)
	require.NoError(t, err)
	return string(text)
}

// comparing is a metric of istio's errors.
func comparing(more string) string {
	of := func(service string) string {
		return fmt.Sprintf(`{"requests":["istio_requests_total{destination_service_name=\"%[1]s\"}"],"events":["istio_requests_total{destination_service_name=\"%[1]s\",response_code=\"503\"}"]}`, service)
	}
	return fmt.Sprintf(`{"name":"errors","compare":{"shared":true,"canary":%s,"stable":%s}%s}`, of("web-canary"), of("web"), more)
}

func TestDryRunDecidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(7)
		w.value = func(time.Time) float64 { return 1 }
		r := released(template(t, comparing(`,"dryRun":true`)+`,{"name":"queue","threshold":{"query":"queue","success":"result < 5","count":3,"interval":"1m"}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, w)
		requireReady(t, a, r)
		w.canaryFails(0.2)
		w.shift(0.1)
		enter(r, "tenth")
		e, _ := a.judge(r, 10*time.Minute, fail)
		require.Equal(t, pass, e.Verdict, e.Message)
		require.False(t, e.Harm)
		require.Equal(t, "shop/errors", e.Record.Metrics[0].Name)
		require.Equal(t, fail, e.Record.Metrics[0].Verdict)
		require.True(t, e.Record.Metrics[0].DryRun)
	})
}

// TestScopes: a template with steps is judged at these alone, and holds no other.
func TestScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(8)
		r := released(template(t, comparing("")), template(t, `{"name":"smoke","threshold":{"query":"smoke","success":"result == 1","interval":"15s"}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "all"}, {Name: "later", Steps: []string{"half"}}}
		w.value = func(time.Time) float64 { return 0 }
		a := begin(t, w)
		requireReady(t, a, r)
		var asked, after int
		w.set(func() { asked = w.values })
		w.shift(0.1)
		enter(r, "tenth")
		e, _ := a.judge(r, 20*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		w.set(func() { after = w.values })
		require.Equal(t, asked, after, "smoke is measured at half")
		w.shift(0.5)
		enter(r, "half")
		e, took := a.judge(r, 5*time.Minute, fail)
		require.Equal(t, fail, e.Verdict, e.Message)
		require.Contains(t, e.Message, "later/smoke: 1 of 1 measurements failed, 0 are borne; the last is 0")
		require.LessOrEqual(t, took, 30*time.Second)
	})
}

func TestThreshold(t *testing.T) {
	tests := map[string]struct {
		metric string
		value  float64
		failed error
		want   v1alpha1.Verdict
		says   string
	}{
		"passes by its count":          {`"query":"q","success":"result < 5","count":3,"interval":"30s"}`, 1, nil, pass, "3 measurements were taken"},
		"one without an interval":      {`"query":"q","success":"result < 5"}`, 1, nil, pass, "1 measurements"},
		"fails":                        {`"query":"q","failure":"result > 5","count":30,"interval":"30s"}`, 6, nil, fail, "the last is 6"},
		"neither":                      {`"query":"q","success":"result < 5","failure":"result > 7","interval":"30s"}`, 6, nil, open, "inconclusive"},
		"by series":                    {`"query":"q","success":"series.all(s, s.value < 5.0)"}`, 1, nil, pass, ""},
		"without an answer":            {`"query":"q","success":"result < 5","interval":"30s"}`, 0, errSilent, none, "prometheus gave no answer"},
		"without a value, which fails": {`"query":"q","success":"result < 5","interval":"30s"},"noData":"Fail"`, 0, analysis.ErrNoData, fail, "1 of 1 measurements failed"},
		"without a value, left out":    {`"query":"q","success":"result < 5","interval":"30s"},"noData":"Ignore"`, 0, analysis.ErrNoData, open, "may be left out"},
		"an expression that is wrong":  {`"query":"q","success":"result <"}`, 1, nil, none, "correct the expression"},
		"a value that doesn't fit":     {`"query":"q","success":"result.size() > 1","interval":"30s"}`, 1, nil, none, "doesn't fit the value"},
	}
	for name, test := range tests {
		for _, past := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", knows the past: ", past), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := steady(9)
					r := released(template(t, `{"name":"queue","threshold":{`+test.metric+`}`))
					r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
					if test.value > 0 {
						w.value = func(time.Time) float64 { return test.value }
					}
					var sources Sources = w
					if !past {
						sources = plain{w}
					}
					a := begin(t, sources)
					a.Judge(r, a.tell)
					a.judge(r, 20*time.Second)
					w.set(func() { w.failed = test.failed })
					enter(r, "tenth")
					e, _ := a.judge(r, 2*time.Minute, pass, fail)
					require.Equal(t, test.want, e.Verdict, e.Message)
					require.Contains(t, e.Message, test.says)
				})
			})
		}
	}
}

// TestRecordStaysSmall: a day of three metrics, each of which changes its verdict now and then.
func TestRecordStaysSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(10), released()
		w.set(func() { w.rate = 5 })
		a := atTenth(t, w, w, r)
		news := a.count()
		for range 24 {
			a.judge(r, time.Hour)
		}
		e := a.Judge(r, a.tell)
		text, err := json.Marshal(e.Record)
		require.NoError(t, err)
		t.Log(len(text), "bytes, told", a.count()-news, "times")
		require.Less(t, len(text), 8<<10)
		require.Less(t, a.count()-news, 24*60+60)
		for _, m := range e.Record.Metrics {
			points := strings.Count(m.Series, "\n") - 1
			require.LessOrEqual(t, points, mostPoints)
			require.Greater(t, points, 10)
			require.LessOrEqual(t, len(m.Verdicts), mostVerdicts)
		}
	})
}
