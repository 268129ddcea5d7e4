package analyst

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// echoes opens sources whose value is the last part of their address. It keeps who was asked what.
type echoes struct {
	mu    sync.Mutex
	asked []string
}

type echo struct {
	all     *echoes
	address string
}

// Open opens the one of an address.
func (e *echoes) Open(_ context.Context, _ *v1alpha1.Release, _ *v1alpha1.AnalysisTemplateRef, spec *v1alpha1.MetricSource) (analysis.Source, error) {
	return echo{e, spec.Web.Address}, nil
}

// Value is a number.
func (e echo) Value(_ context.Context, query string, _ time.Time) (analysis.Value, error) {
	e.all.mu.Lock()
	defer e.all.mu.Unlock()
	e.all.asked = append(e.all.asked, e.address+" "+query)
	value, err := strconv.ParseFloat(e.address[strings.LastIndex(e.address, "/")+1:], 64)
	return analysis.Value{Numbers: []analysis.Number{{Value: value}}}, err
}

// TestThresholdAsksByItsStep: query, condition and source are of the step at which it is measured.
func TestThresholdAsksByItsStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echoes{}
		r := released(`{"source":{"web":{"address":"http://a/{{release.weight}}"}},"metrics":[{"name":"queue",
			"threshold":{"query":"{{release.step}}","success":"result == {{release.weight}}","interval":"30s"}}]}`)
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, e)
		requireReady(t, a, r)
		for _, step := range []struct{ name, asks string }{{"tenth", "http://a/10 tenth"}, {"half", "http://a/50 half"}, {"tenth", "http://a/10 tenth"}} {
			e.mu.Lock()
			e.asked = nil
			e.mu.Unlock()
			enter(r, step.name)
			found, _ := a.judge(r, 2*time.Minute)
			require.Equal(t, pass, found.Verdict, found.Message)
			e.mu.Lock()
			require.GreaterOrEqual(t, len(e.asked), 3)
			for _, asked := range e.asked {
				require.Equal(t, step.asks, asked)
			}
			e.mu.Unlock()
		}
	})
}

// TestRestartAsksByTheStepsBefore: of a source that knows the past, each measurement is by the step of its time.
func TestRestartAsksByTheStepsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(2)
		r := released(template(t, `{"name":"share","threshold":{"query":"q","success":"result == {{release.weight}}","interval":"1m"}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		half := time.Now().Add(time.Hour)
		w.value = func(at time.Time) float64 { return map[bool]float64{true: 10, false: 50}[at.Before(half)] }
		a := begin(t, w)
		requireReady(t, a, r)
		enter(r, "tenth")
		a.judge(r, 30*time.Minute+7*time.Second, fail) // between two measurements
		w.set(func() { half = time.Now() })
		enter(r, "half")
		before, _ := a.judge(r, 10*time.Minute, fail)
		require.Equal(t, pass, before.Verdict, before.Message)
		again := begin(t, w)
		again.Judge(r, again.tell)
		synctest.Wait()
		after := again.Judge(r, again.tell)
		require.Equal(t, pass, after.Verdict, after.Message)
		for key := range a.inquiries {
			now := time.Now()
			require.Equal(t, a.inquiries[key].record(before, now).Metrics, again.inquiries[key].record(before, now).Metrics)
		}
	})
}

// TestCountersOfAStep: nothing is judged by counters that are others at each step.
func TestCountersOfAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := released(template(t, strings.ReplaceAll(comparing(""), `response_code=`, `step=\"{{release.step}}\",response_code=`)))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, steady(2))
		e, _ := a.judge(r, time.Minute)
		require.Contains(t, e.Unready, "template shop: metric errors has {{release.step}}, which is another one at each step")
	})
}
