package analyst

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// world has what a gateway counts of both arms, second by second, by chance from a seed; and says how it was asked.
type world struct {
	mu    sync.Mutex
	start time.Time
	seed  uint64
	rate  float64
	// every is how many seconds are between two scrapes.
	every int
	// weight and errors are those of an arm at a second since the start.
	weight func(second int) float64
	errors func(second int, canary bool) float64
	// slow is the share of the canary's requests that are.
	slow float64
	// silent never answers. late is how much later than it is scraped something can be read.
	silent bool
	late   time.Duration
	failed error
	value  func(at time.Time) float64

	totals  []totals
	samples []asking
	values  int
}

// totals are the counters at the end of a second.
type totals struct{ requests, errors, fast [2]float64 }

type asking struct {
	selector string
	from, to time.Time
	at       time.Time
}

func (w *world) until(second int) {
	for len(w.totals) <= second {
		n := len(w.totals)
		var now totals
		if n > 0 {
			now = w.totals[n-1]
		}
		source := rand.NewPCG(w.seed, uint64(n))
		for arm, canary := range []bool{true, false} {
			share := w.weight(n)
			if !canary {
				share = 1 - share
			}
			bad := w.errors(n, canary)
			good := poisson(source, w.rate*share*(1-bad))
			failed := poisson(source, w.rate*share*bad)
			slow := 0.005
			if canary && w.slow > 0 {
				slow = w.slow
			}
			now.requests[arm] += good + failed
			now.errors[arm] += failed
			now.fast[arm] += good + failed - poisson(source, (good+failed)*slow)
		}
		w.totals = append(w.totals, now)
	}
}

func poisson(source rand.Source, mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: source}.Rand()
}

// Samples are what a Prometheus would have stored of istio's counters.
func (w *world) Samples(ctx context.Context, selector string, from, to time.Time) ([]analysis.Series, error) {
	w.mu.Lock()
	silent, failed := w.silent, w.failed
	w.samples = append(w.samples, asking{selector, from, to, time.Now()})
	w.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if failed != nil {
		return nil, failed
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	histogram := strings.Contains(selector, "_bucket")
	var all []analysis.Series
	add := func(arm int, more map[string]string, of func(totals) float64) {
		labels := map[string]string{
			"__name__": "istio_requests_total", "job": "gateway", "instance": "gateway-0", "reporter": "source",
			"destination_service_namespace": "shop", "destination_service_name": []string{"web-canary", "web"}[arm],
		}
		if histogram {
			labels["__name__"] = "istio_request_duration_milliseconds_bucket"
		}
		for k, v := range more {
			labels[k] = v
		}
		s := analysis.Series{Labels: labels}
		first := int(from.Sub(w.start)/time.Second)/w.every*w.every - w.every
		for second := max(first, 0); ; second += w.every {
			at := w.start.Add(time.Duration(second) * time.Second)
			if at.After(to) || at.After(time.Now().Add(-w.late)) {
				break
			}
			if at.After(from) {
				w.until(second)
				s.Samples = append(s.Samples, analysis.Sample{Time: at, Value: of(w.totals[second])})
			}
		}
		if len(s.Samples) > 0 {
			all = append(all, s)
		}
	}
	for arm := range 2 {
		if histogram {
			for _, le := range []string{"100", "250"} {
				add(arm, map[string]string{"le": le}, func(t totals) float64 { return t.fast[arm] })
			}
			add(arm, map[string]string{"le": "+Inf"}, func(t totals) float64 { return t.requests[arm] })
			continue
		}
		add(arm, map[string]string{"response_code": "200"}, func(t totals) float64 { return t.requests[arm] - t.errors[arm] })
		add(arm, map[string]string{"response_code": "503"}, func(t totals) float64 { return t.errors[arm] })
	}
	return all, nil
}

// Value is what a query gives.
func (w *world) Value(ctx context.Context, _ string, at time.Time) (analysis.Value, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.values++
	if w.failed != nil {
		return analysis.Value{}, w.failed
	}
	return analysis.Value{Numbers: []analysis.Number{{Value: w.value(at)}}}, nil
}

// Open opens it for everything.
func (w *world) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return w, nil
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

var errSilent = fmt.Errorf("prometheus gave no answer within 15s; see whether it runs: %w", analysis.ErrUnreachable)

// steady is a world that has run for two hours, in which the canary gets a tenth.
func steady(seed uint64) *world {
	w := &world{
		start: time.Now().Add(-2 * time.Hour), seed: seed, rate: 100, every: 15,
		weight: func(int) float64 { return 0 }, errors: func(int, bool) float64 { return 0.01 }, value: func(time.Time) float64 { return 1 },
	}
	return w
}

// shift has the canary get a share from now on.
func (w *world) shift(share float64) {
	from := int(time.Since(w.start) / time.Second)
	w.set(func() {
		before := w.weight
		w.weight = func(second int) float64 {
			if second < from {
				return before(second)
			}
			return share
		}
	})
}

// canaryFails has the canary err so often.
func (w *world) canaryFails(rate float64) {
	w.set(func() {
		w.errors = func(_ int, canary bool) float64 {
			if canary {
				return rate
			}
			return 0.01
		}
	})
}

// asked is how it was asked for samples.
func (w *world) asked() []asking {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.samples)
}

// released is a Release before its first step.
func released(templates ...string) *v1alpha1.Release {
	weight := func(v int) *intstr.IntOrString { w := intstr.FromInt(v); return &w }
	r := &v1alpha1.Release{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-7", UID: "1", CreationTimestamp: metav1.NewTime(time.Now()), ResourceVersion: "1"},
		Spec: v1alpha1.ReleaseSpec{
			Rollout: v1alpha1.RolloutIdentity{Name: "web"},
			Policy: v1alpha1.RolloutSpec{
				WorkloadRef: v1alpha1.WorkloadRef{Name: "web"}, ServiceRefs: []v1alpha1.ServiceRef{{Name: "web"}},
				Strategy: v1alpha1.Strategy{Steps: []v1alpha1.Step{{Name: "tenth", Weight: weight(10)}, {Name: "half", Weight: weight(50)}}},
				Analysis: &v1alpha1.AnalysisSpec{},
			},
			AnalysisTemplates: templates,
		},
		Status: v1alpha1.ReleaseStatus{
			Stable: &v1alpha1.RevisionStatus{Revision: "aaa"}, Canary: &v1alpha1.RevisionStatus{Revision: "bbb"},
			Progress: v1alpha1.Progress{Stage: v1alpha1.StageStepping},
			Steps:    []v1alpha1.StepStatus{{Name: "tenth", Visit: 1, EnteredAt: metav1.NewMicroTime(time.Now())}},
		},
	}
	if len(templates) == 0 {
		r.Spec.Policy.Analysis.GoldenSignals = &v1alpha1.GoldenSignals{Source: "Istio"}
	}
	return r
}

// enter has the Release enter a step, whose split is in effect now.
func enter(r *v1alpha1.Release, name string) {
	now := metav1.NewMicroTime(time.Now())
	if n := len(r.Status.Steps); n > 0 && r.Status.Steps[n-1].Name != name {
		r.Status.Steps[n-1].EndedAt = &now
		r.Status.Steps = append(r.Status.Steps, v1alpha1.StepStatus{Name: name, Visit: 1, EnteredAt: now})
	}
	r.Status.Steps[len(r.Status.Steps)-1].StartedAt = &now
	r.ResourceVersion += "1"
}

// told is an analyst under test.
type told struct {
	*Analyst

	mu   sync.Mutex
	news int
}

func begin(t *testing.T, sources Sources) *told {
	ctx, cancel := context.WithCancel(t.Context())
	a := &told{Analyst: &Analyst{Sources: sources, Clock: time.Now, Context: ctx}}
	t.Cleanup(func() {
		a.Forget(types.NamespacedName{Namespace: "shop", Name: "web-7"})
		cancel()
	})
	return a
}

// count is how often there was something new.
func (a *told) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.news
}

func (a *told) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.news++
}

// judge asks each five seconds for so long, and returns the last evidence; it ends early once the verdict is a wanted one.
func (a *told) judge(r *v1alpha1.Release, long time.Duration, wanted ...v1alpha1.Verdict) (*planner.Evidence, time.Duration) {
	start := time.Now()
	for {
		e := a.Judge(r, a.tell)
		for _, v := range wanted {
			if e.Verdict == v {
				return e, time.Since(start)
			}
		}
		if time.Since(start) >= long {
			return e, time.Since(start)
		}
		<-time.After(5 * time.Second)
	}
}

// requireSameAfterRestart requires that another analyst, which begins now, has this verdict and the same record.
func (a *told) requireSameAfterRestart(t *testing.T, sources Sources, r *v1alpha1.Release, verdict v1alpha1.Verdict) {
	t.Helper()
	again := begin(t, sources)
	again.Judge(r, again.tell)
	synctest.Wait()
	e := again.Judge(r, again.tell)
	require.Equal(t, verdict, e.Verdict, e.Message)
	for key := range a.inquiries {
		now := time.Now()
		require.Equal(t, a.inquiries[key].record(e, now).Metrics, again.inquiries[key].record(e, now).Metrics)
	}
}

func requireReady(t *testing.T, a *told, r *v1alpha1.Release) *planner.Evidence {
	t.Helper()
	a.Judge(r, a.tell)
	e, _ := a.judge(r, 20*time.Second)
	require.Empty(t, e.Unready)
	require.Equal(t, v1alpha1.VerdictNoData, e.Verdict)
	return e
}

// plain is a source without a past.
type plain struct{ world *world }

// only hides that it has counters.
type only struct{ analysis.Source }

// Open opens it for everything.
func (p plain) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return only{p.world}, nil
}

// atTenth begins to judge a Release, once its sources give data, at the step at which the canary gets a tenth.
func atTenth(t *testing.T, sources Sources, w *world, r *v1alpha1.Release) *told {
	t.Helper()
	a := begin(t, sources)
	requireReady(t, a, r)
	w.shift(0.1)
	enter(r, "tenth")
	return a
}
