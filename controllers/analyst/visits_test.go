package analyst

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestThresholdOfEachVisit: what was measured at a step lets neither the next one pass nor the same one when it is visited again, and
// another analyst finds the same.
func TestThresholdOfEachVisit(t *testing.T) {
	for name, metric := range map[string]string{
		"once":             `"query":"queue","success":"result < 5"`,
		"by a count":       `"query":"queue","success":"result < 5","interval":"20s","count":3`,
		"after some delay": `"query":"queue","success":"result < 5","initialDelay":"1m"`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := steady(2)
				r := released(template(t, `{"name":"queue","threshold":{`+metric+`}}`))
				r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop", Steps: []string{"tenth", "half"}}}
				a := begin(t, w)
				requireReady(t, a, r)
				for _, step := range []string{"tenth", "half", "tenth"} {
					<-time.After(2 * time.Second)
					w.set(func() { w.values = 0 })
					enter(r, step)
					e := a.Judge(r, a.tell)
					require.NotEqual(t, pass, e.Verdict, e.Message)
					e, _ = a.judge(r, 5*time.Minute, pass)
					require.Equal(t, pass, e.Verdict, e.Message)
					w.set(func() { require.Positive(t, w.values, "it is measured at each visit") })
				}
				<-time.After(2 * time.Second)
				bad := time.Now()
				w.set(func() {
					w.value = func(at time.Time) float64 { return map[bool]float64{true: 1, false: 9}[at.Before(bad)] }
				})
				enter(r, "half")
				e, _ := a.judge(r, 5*time.Minute, pass, fail)
				require.Equal(t, fail, e.Verdict, e.Message)
				again := begin(t, w)
				again.Judge(r, again.tell)
				synctest.Wait()
				after := again.Judge(r, again.tell)
				require.Equal(t, fail, after.Verdict, after.Message)
				for key := range a.inquiries {
					now := time.Now()
					require.Equal(t, a.inquiries[key].record(e, now).Metrics, again.inquiries[key].record(e, now).Metrics)
				}
				enter(r, "tenth")
				w.set(func() { w.value = func(time.Time) float64 { return 1 } })
				e, _ = again.judge(r, 5*time.Minute, pass)
				require.Equal(t, fail, e.Verdict, "a failure stays")
			})
		})
	}
}

// TestThresholdOfAll: without steps it is of the whole way, and what ended stays.
func TestThresholdOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(2)
		r := released(template(t, `{"name":"queue","threshold":{"query":"queue","success":"result < 5"}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, w)
		requireReady(t, a, r)
		enter(r, "tenth")
		a.judge(r, 5*time.Minute, pass)
		w.set(func() { w.values = 0 })
		enter(r, "half")
		e, _ := a.judge(r, 5*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		w.set(func() { require.Zero(t, w.values) })
	})
}

// slowly is a source without a past whose measurements take as long as it says.
type slowly struct {
	mu    sync.Mutex
	begun int
	takes time.Duration
	value float64
}

func (s *slowly) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// Value takes its time.
func (s *slowly) Value(ctx context.Context, _ string, _ time.Time) (analysis.Value, error) {
	s.mu.Lock()
	s.begun++
	value, takes := s.value, s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
		return analysis.Value{Numbers: []analysis.Number{{Value: value}}}, nil
	case <-ctx.Done():
		return analysis.Value{}, ctx.Err()
	}
}

// Open opens it for everything.
func (s *slowly) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return s, nil
}

// TestMeasurementOfTheStepBefore: one that takes longer than its step, as a Job may, is no evidence of the next.
func TestMeasurementOfTheStepBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowly{takes: time.Second, value: 1}
		r := released(template(t, `{"name":"smoke","threshold":{"query":"smoke","success":"result == 1"}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop", Steps: []string{"tenth", "half"}}}
		a := begin(t, s)
		requireReady(t, a, r)
		s.set(func() { s.takes, s.begun = 3*time.Minute, 0 })
		enter(r, "tenth")
		a.judge(r, time.Minute)
		s.set(func() {
			require.Equal(t, 1, s.begun)
			s.value = 0
		})
		enter(r, "half")
		e, took := a.judge(r, 10*time.Minute, pass, fail)
		require.Equal(t, fail, e.Verdict, e.Message)
		require.Greater(t, took, 5*time.Minute)
		s.set(func() { require.Equal(t, 2, s.begun) })

		again := begin(t, s)
		e, _ = again.judge(r, 10*time.Minute, pass, fail)
		require.Equal(t, fail, e.Verdict, e.Message)
		s.set(func() { require.Equal(t, 3, s.begun, "the past can't be measured") })
	})
}

// TestGuard: a threshold without an end, as in the documentation, holds no step that is well, and fails one at any time.
func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(2)
		r := released(template(t, `{"name":"queue","noData":"Ignore","threshold":{"query":"queue","success":"result < 100","interval":"1m","failureLimit":3}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, w)
		requireReady(t, a, r)
		enter(r, "tenth")
		e, took := a.judge(r, 10*time.Minute, pass, fail)
		require.Equal(t, pass, e.Verdict, e.Message)
		require.Less(t, took, time.Minute)

		w.set(func() { w.value = func(time.Time) float64 { return 200 } })
		e, _ = a.judge(r, 2*time.Minute, open, fail)
		require.Equal(t, open, e.Verdict, e.Message)
		w.set(func() { w.value = func(time.Time) float64 { return 1 } })
		e, _ = a.judge(r, 2*time.Minute, pass, fail)
		require.Equal(t, pass, e.Verdict, e.Message)

		<-time.After(10 * time.Second)
		w.set(func() { w.values = 0 })
		enter(r, "half")
		e, _ = a.judge(r, 20*time.Second, pass)
		require.Equal(t, open, e.Verdict, "the step has no measurement of its own: %s", e.Message)
		require.False(t, e.Early, "other steps need not wait for it")
		w.set(func() { require.Zero(t, w.values) })
		e, _ = a.judge(r, 2*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)

		w.set(func() { w.value = func(time.Time) float64 { return 200 } })
		e, took = a.judge(r, 10*time.Minute, fail)
		require.Equal(t, fail, e.Verdict, e.Message)
		require.Contains(t, e.Message, "4 of ")
		require.Less(t, took, 5*time.Minute)
	})
}

// TestCountWithoutInterval: there is one measurement, so it is waited for no other.
func TestCountWithoutInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := released(template(t, `{"name":"queue","threshold":{"query":"queue","success":"result < 5","count":3}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, steady(2))
		requireReady(t, a, r)
		enter(r, "tenth")
		e, _ := a.judge(r, 10*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
	})
}
