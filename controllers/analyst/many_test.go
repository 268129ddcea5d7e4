package analyst

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/selectors"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestPromoted: what is judged once the new version has everything has data of it alone.
func TestPromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(12)
		objective := `{"name":"availability","objective":{"objective":"0.999","canary":{"requests":["istio_requests_total{destination_service_name=\"web-canary\"}"],"events":["istio_requests_total{destination_service_name=\"web-canary\",response_code=\"503\"}"]}}}`
		r := released(template(t, comparing("")), template(t, objective))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "steps"}, {Name: "after", Promoted: true}}
		a := begin(t, w)
		requireReady(t, a, r)
		w.shift(0.5)
		enter(r, "half")
		e, _ := a.judge(r, 20*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		w.canaryFails(0.05)
		w.shift(1)
		now := metav1.NewMicroTime(time.Now())
		r.Status.Steps[len(r.Status.Steps)-1].EndedAt = &now
		r.Status.Progress.Stage, r.Status.Progress.StageSince = v1alpha1.StageKeeping, &now
		r.ResourceVersion += "1"
		e, _ = a.judge(r, 10*time.Minute, fail)
		require.Equal(t, fail, e.Verdict, e.Message)
		require.Contains(t, e.Message, "after/availability")
	})
}

// pods is stable as pods that count themselves, some of which are noisier than chance.
type pods struct {
	world
	burst float64
}

// Open opens it for everything.
func (p *pods) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return p, nil
}

// Samples are those of four pods; in each minute one of them has a burst.
func (p *pods) Samples(_ context.Context, _ string, from, to time.Time) ([]analysis.Series, error) {
	var all []analysis.Series
	for pod := range 4 {
		for code, each := range map[string]float64{"200": 1000, "500": 5} {
			s := analysis.Series{Labels: map[string]string{
				"__name__": "http_server_request_duration_seconds_count", "namespace": "shop", "pod": fmt.Sprintf("web-aaa-%d", pod), "http_response_status_code": code,
			}}
			for at := from.Truncate(15 * time.Second).Add(15 * time.Second); !at.After(to); at = at.Add(15 * time.Second) {
				n := int(at.Unix() / 15)
				value := float64(n%100000) * each
				if code == "500" {
					value += p.burst * float64((n/4+3-pod)/4)
				}
				s.Samples = append(s.Samples, analysis.Sample{Time: at, Value: value})
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// TestNoiseIsFoundInThePast: of pods that count themselves, by stable's pods against each other.
func TestNoiseIsFoundInThePast(t *testing.T) {
	for burst, noisy := range map[float64]bool{0: false, 40: true} {
		synctest.Test(t, func(t *testing.T) {
			p := &pods{burst: burst}
			r := released()
			r.Spec.Policy.Analysis.GoldenSignals.Source = "Application"
			asks, err := asksOf(r, factsOf(r, "tenth"))
			require.NoError(t, err)
			m := &metric{ask: asks[0], arms: asks[0].arms()}
			m.grid, m.counters = m.gridOf(15*time.Second), p
			m.set = new(selectors.Book).Union(m.arms.all()...)
			i := &inquiry{ctx: t.Context()}
			a := &Analyst{Clock: time.Now}
			var phi float64
			a.turns.take(func() { phi, err = i.calibrated(a, m, courseOf(r), time.Now()) })
			require.NoError(t, err)
			if noisy {
				require.Greater(t, phi, 5.0)
			} else {
				require.InDelta(t, 1, phi, 0.01)
			}
		})
	}
}

// half is silent for some Releases.
type half struct{ well, silent *world }

// Open opens the silent one for every other Release.
func (h half) Open(_ context.Context, r *v1alpha1.Release, _ *v1alpha1.AnalysisTemplateRef, _ *v1alpha1.MetricSource) (analysis.Source, error) {
	if r.Labels["silent"] != "" {
		return h.silent, nil
	}
	return h.well, nil
}

// TestManyReleases: those whose source answers are judged in time beside as many whose source never does, and little is kept.
func TestManyReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 100
		h := half{steady(13), steady(13)}
		h.silent.silent = true
		a := begin(t, h)
		var all []*v1alpha1.Release
		for n := range 2 * each {
			r := released()
			r.Name, r.UID = fmt.Sprintf("web-%d", n), types.UID(fmt.Sprint(n))
			if n%2 == 1 {
				r.Labels = map[string]string{"silent": "yes"}
			}
			all = append(all, r)
		}
		defer func() {
			for _, r := range all {
				a.Forget(types.NamespacedName{Namespace: r.Namespace, Name: r.Name})
			}
		}()
		judge := func(long time.Duration) {
			for start := time.Now(); time.Since(start) < long; <-time.After(15 * time.Second) {
				for _, r := range all {
					a.Judge(r, a.tell)
				}
			}
		}
		judge(30 * time.Second)
		h.well.shift(0.1)
		for _, r := range all {
			enter(r, "tenth")
		}
		judge(10 * time.Minute)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		judge(20 * time.Minute)
		runtime.GC()
		runtime.ReadMemStats(&after)
		for n, r := range all {
			e := a.Judge(r, a.tell)
			if n%2 == 1 {
				require.Equal(t, none, e.Verdict)
				require.NotEmpty(t, e.Unready)
				continue
			}
			require.Equal(t, pass, e.Verdict, e.Message)
			require.WithinDuration(t, time.Now(), e.Record.At.Time, 90*time.Second)
		}
		t.Log("KiB a Release:", after.HeapAlloc>>10/(2*each), "after 10 min:", before.HeapAlloc>>10/(2*each))
		require.Less(t, after.HeapAlloc, uint64(2*each*200<<10))
	})
}

// TestSomePods: of many pods a few are looked at, from the first to the last part of them.
func TestSomePods(t *testing.T) {
	var all []analysis.Series
	for n := range 200 {
		all = append(all, analysis.Series{Labels: map[string]string{"pod": fmt.Sprintf("web-%03d", n)}})
	}
	require.Empty(t, someOf(podsOf(all[:1])))
	require.Equal(t, []string{"web-000", "web-001"}, someOf(podsOf(all[:2])))
	some := someOf(podsOf(all))
	require.Len(t, some, mostPods)
	require.Equal(t, []string{"web-000", "web-183"}, []string{some[0], some[mostPods-1]})
}
