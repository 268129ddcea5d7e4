//go:build cluster

package prometheus_test

import (
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
	source "crossfade.io/crossfade/analysis/prometheus"
	"crossfade.io/crossfade/e2e/cluster/build"
	"crossfade.io/crossfade/e2e/prometheus"
)

const (
	// patience is how long Prometheus may take for anything on a busy machine.
	patience = time.Minute
	interval = time.Second
)

// pod is one target, with counters as apps have them.
type pod struct {
	arm      string
	requests *client.CounterVec
	latency  client.Histogram
	server   *httptest.Server
}

func newPod(t *testing.T, arm string) *pod {
	registry := client.NewRegistry()
	p := &pod{
		arm:      arm,
		requests: client.NewCounterVec(client.CounterOpts{Name: "app_requests_total"}, []string{"code"}),
		latency: client.NewHistogram(client.HistogramOpts{
			Name: "app_latency_seconds", Buckets: []float64{0.1, 1}, NativeHistogramBucketFactor: 1.1,
		}),
	}
	registry.MustRegister(p.requests, p.latency)
	p.requests.WithLabelValues("200").Add(1000) // of hours before
	p.server = httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *pod) target() prometheus.Target {
	return prometheus.Target{Address: strings.TrimPrefix(p.server.URL, "http://"), Labels: map[string]string{"arm": p.arm}}
}

// serve counts requests, one in ten of them an error and slow.
func (p *pod) serve(n int) {
	for i := range n {
		if i%10 == 0 {
			p.requests.WithLabelValues("500").Inc()
			p.latency.Observe(3)
			continue
		}
		p.requests.WithLabelValues("200").Inc()
		p.latency.Observe(0.05)
	}
}

// world is a Prometheus that scrapes two pods, and what is read of it since it began.
type world struct {
	canary, stable *pod
	server         *prometheus.Server
	source         *source.Source
	began          time.Time
}

// newWorld needs the binary of Prometheus, which it builds if the cache has none: three minutes of a processor, once.
func newWorld(t *testing.T) *world {
	checkout, err := filepath.Abs("../..")
	require.NoError(t, err)
	binary, err := build.Prometheus(t.Context(), checkout, t.Output())
	require.NoError(t, err)
	w := &world{canary: newPod(t, "canary"), stable: newPod(t, "stable"), began: time.Now()}
	w.server, err = prometheus.New(binary, t.TempDir(), w.canary.target(), w.stable.target())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.server.Stop()) })
	w.source, err = source.New("prometheus test/real", egress.Config{
		Address: w.server.URL(), Guard: egress.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	require.NoError(t, err)
	return w
}

func (w *world) samples(t *testing.T, selector string) []analysis.Series {
	t.Helper()
	got, err := w.source.Samples(t.Context(), selector, w.began, time.Now())
	require.NoError(t, err)
	return got
}

// stored waits until two scrapes in a row found so many requests of both arms.
func (w *world) stored(t *testing.T, canary, stable float64) {
	t.Helper()
	require.Eventually(t, func() bool {
		for arm, want := range map[string]float64{"canary": canary, "stable": stable} {
			got, err := w.source.Value(t.Context(), `sum(app_requests_total{arm="`+arm+`"}) == sum(app_requests_total{arm="`+arm+`"} offset 1s)`, time.Now())
			if err != nil || got.Numbers[0].Value != want {
				return false
			}
		}
		return true
	}, patience, interval/5, "Prometheus says: %s", w.server.Log())
}

// total is what is in all intervals: of canary, and of stable.
func (w *world) total(t *testing.T) (counts [2]analysis.Counts) {
	t.Helper()
	arm := func(name string) analysis.Arm {
		return analysis.Arm{
			Exposures: w.samples(t, `app_requests_total{arm="`+name+`"}`),
			Events:    w.samples(t, `app_requests_total{arm="`+name+`",code=~"5.."}`),
		}
	}
	for _, i := range analysis.Intervals(arm("canary"), arm("stable"), analysis.Grid{Step: interval}, w.began, time.Now()) {
		for n, of := range []analysis.Counts{i.Canary, i.Stable} {
			counts[n].Exposures += of.Exposures
			counts[n].Events += of.Events
		}
	}
	return counts
}

// slow is what is in all intervals of a histogram: of canary, and of stable.
func (w *world) slow(t *testing.T, name string) (counts [2]analysis.Counts) {
	t.Helper()
	canary, stable := w.samples(t, name+`{arm="canary"}`), w.samples(t, name+`{arm="stable"}`)
	edges, err := analysis.Edges(canary, stable)
	require.NoError(t, err, name)
	for _, b := range analysis.Distributions(canary, stable, edges, analysis.Grid{Step: interval}, w.began, time.Now()) {
		for n, of := range [][]float64{b.Canary, b.Stable} {
			all := of[len(of)-1]
			counts[n].Exposures += all
			counts[n].Events += all - of[0]
		}
	}
	return counts
}

func TestSource(t *testing.T) {
	w := newWorld(t)
	_, err := w.source.Value(t.Context(), "up", time.Now())
	require.ErrorIs(t, err, analysis.ErrUnreachable, "it is not started")
	require.NoError(t, w.server.Start(t.Context()))
	w.stored(t, 1000, 1000)
	require.Zero(t, w.total(t), "what was before is not counted")

	w.canary.serve(100)
	w.stable.serve(900)
	w.stored(t, 1100, 1900)
	want := [2]analysis.Counts{{Exposures: 100, Events: 10}, {Exposures: 900, Events: 90}}
	require.Equal(t, want, w.total(t), "all of it, the first errors too")

	t.Run("classic and native histograms say the same", func(t *testing.T) {
		require.Equal(t, want, w.slow(t, "app_latency_seconds_bucket"))
		require.Equal(t, want, w.slow(t, "app_latency_seconds"))
	})
	t.Run("a query that is wrong is told with what Prometheus says", func(t *testing.T) {
		_, err := w.source.Value(t.Context(), "sum(", time.Now())
		require.ErrorIs(t, err, analysis.ErrRefused)
		require.ErrorContains(t, err, "parse error")
		_, err = w.source.Samples(t.Context(), "rate(app_requests_total[1m])", w.began, time.Now())
		require.ErrorIs(t, err, analysis.ErrRefused)
	})
	t.Run("what is counted while Prometheus is away is left out, and counting goes on", func(t *testing.T) {
		require.NoError(t, w.server.Stop())
		stopped := time.Now()
		w.canary.serve(50)
		_, err := w.source.Samples(t.Context(), "app_requests_total", w.began, time.Now())
		require.ErrorIs(t, err, analysis.ErrUnreachable)
		require.Eventually(t, func() bool { return time.Since(stopped) > 4*interval }, patience, interval/5, "scrapes are missed")
		require.NoError(t, w.server.Start(t.Context()))
		w.stored(t, 1150, 1900)
		require.Equal(t, want, w.total(t), "nobody knows when that was")

		w.canary.serve(20)
		w.stored(t, 1170, 1900)
		want[0].Exposures += 20
		want[0].Events += 2
		require.Equal(t, want, w.total(t))
	})
}
