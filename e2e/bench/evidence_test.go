package bench_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/e2e/controlplane"
)

// What make bench-evidence measures by. Shorter runs show whether it works.
var (
	judgedReleases = flag.Int("releases", 1000, "how many Releases are judged at once")
	firstLook      = flag.Duration("first", 10*time.Minute, "when the memory is measured first, after all Releases are judged")
	lastLook       = flag.Duration("last", 30*time.Minute, "when it is measured last")
	compared       = flag.Duration("compared", 5*time.Minute, "for how long reconciles are timed, before the last look, and after it with a source that never answers")
)

const (
	// metrics that each Release is judged by: errors, latency and the split.
	metrics = 3
	// atOnce is how many requests set the world up side by side.
	atOnce = 16
	judged = `  strategy:
    steps:
    - {name: tenth, weight: 10, hold: {approval: Required}}
  timing: {settle: 0s, drain: 0s}
  analysis: {goldenSignals: {source: Traefik}}
`
)

// BenchmarkEvidence has many Releases judged at once, and measures what is asked of the source, the memory, and whether a source
// that never answers delays what has nothing to do with it.
func BenchmarkEvidence(b *testing.B) {
	source := newDouble(b)
	controller := exposed(freeAddress(b))
	c := controlplane.Start(b, "--prometheus-address="+source.URL, "--analysis-allow=127.0.0.0/8", "--metrics-bind-address="+string(controller))
	namespace := c.Namespace(b, "bench")
	setUp(b, c, namespace)
	began := time.Now()
	stop := nudge(b, c, namespace)
	defer stop()
	look := func(at time.Duration) float64 {
		awaitUntil(b, began.Add(at))
		memory := c.Memory(b)
		b.Logf("memory at %s: %.0f MiB; %s; processor time %s", at, memory, controller.heap(b), c.CPU(b))
		return memory
	}
	for b.Loop() {
		first := look(*firstLook)
		awaitUntil(b, began.Add(*lastLook-*compared))
		source.take()
		before := controller.reconciles(b)
		last := look(*lastLook)
		answered := controller.reconciles(b).since(before)
		reportQueries(b, source.take(), *compared)
		source.silent.Store(true)
		source.CloseClientConnections()
		before = controller.reconciles(b)
		look(*lastLook + *compared)
		silent := controller.reconciles(b).since(before)
		b.Logf("reconciles: %.0f with a source that answers, %.0f with one that never does", answered.count(), silent.count())
		b.ReportMetric(first, "first-MiB")
		b.ReportMetric(last, "last-MiB")
		b.ReportMetric(answered.p99(), "p99-ms")
		b.ReportMetric(silent.p99(), "p99-silent-ms")
		b.ReportMetric(silent.p99()/answered.p99(), "p99-ratio")
	}
}

// freeAddress is one on the loopback at which nobody serves.
func freeAddress(b *testing.B) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	require.NoError(b, listener.Close())
	return listener.Addr().String()
}

// setUp makes the applications and ships a new version of each, and returns once all of their Releases are at their step.
func setUp(b *testing.B, c *controlplane.Controller, namespace string) {
	began := time.Now()
	each(b, func(ctx context.Context, i int) error {
		for _, obj := range controlplane.Objects(b, namespace, appName(i), 1, judged) {
			if _, err := c.In(namespace, controlplane.Resources[obj.GetKind()]).Create(ctx, obj, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}); err != nil {
				return fmt.Errorf("create %s %s: %w", obj.GetKind(), obj.GetName(), err)
			}
		}
		return nil
	})
	awaitAll(b, c, namespace, "Rollouts are armed", controlplane.Rollouts, func(rollout unstructured.Unstructured) bool {
		armed, _ := controlplane.Condition(&rollout, "Armed")
		return armed == "True"
	})
	b.Logf("%s: all are armed", time.Since(began).Round(time.Second))
	each(b, func(ctx context.Context, i int) error {
		const patch = `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:v2"}]}}}}`
		_, err := c.In(namespace, controlplane.Deployments).Patch(ctx, appName(i), types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	})
	awaitAll(b, c, namespace, "Releases are at their step", controlplane.Releases, func(release unstructured.Unstructured) bool {
		steps, _, _ := unstructured.NestedSlice(release.Object, "status", "steps")
		if len(steps) == 0 {
			return false
		}
		_, started := steps[0].(map[string]any)["startedAt"]
		return started
	})
	b.Logf("%s: all are at their step", time.Since(began).Round(time.Second))
}

func appName(i int) string { return fmt.Sprintf("app-%d", i) }

// each does something for all applications, many at once.
func each(b *testing.B, do func(ctx context.Context, i int) error) {
	b.Helper()
	all, ctx := errgroup.WithContext(b.Context())
	all.SetLimit(atOnce)
	for i := range *judgedReleases {
		all.Go(func() error { return do(ctx, i) })
	}
	require.NoError(b, all.Wait())
}

// awaitAll waits until something holds for as many objects as there are applications.
func awaitAll(b *testing.B, c *controlplane.Controller, namespace, what string, resource schema.GroupVersionResource, holds func(unstructured.Unstructured) bool) {
	b.Helper()
	for deadline := time.Now().Add(time.Hour); ; {
		list, err := c.In(namespace, resource).List(b.Context(), metav1.ListOptions{ResourceVersion: "0"})
		require.NoError(b, err)
		count := 0
		for _, obj := range list.Items {
			if holds(obj) {
				count++
			}
		}
		if count >= *judgedReleases {
			return
		}
		require.True(b, time.Now().Before(deadline), "%d of %d %s", count, *judgedReleases, what)
		awaitUntil(b, time.Now().Add(2*time.Second))
	}
}

// nudge has each Release looked at again and again, some each second, as whatever happens to its objects does.
func nudge(b *testing.B, c *controlplane.Controller, namespace string) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	var failed atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			patch := fmt.Sprintf(`{"metadata":{"annotations":{"bench":"%d"}}}`, i)
			if _, err := c.In(namespace, controlplane.Rollouts).Patch(ctx, appName(i%*judgedReleases), types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil && ctx.Err() == nil {
				failed.Add(1)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		require.Zero(b, failed.Load(), "nudges failed")
	}
}

// awaitUntil waits until a time, at which a figure is taken.
func awaitUntil(b *testing.B, at time.Time) {
	b.Helper()
	select {
	case <-b.Context().Done():
		require.NoError(b, b.Context().Err())
	case <-time.After(time.Until(at)):
	}
}

// reportQueries tells how often was asked: for each metric and scrape, and of the same thing at most.
func reportQueries(b *testing.B, asked map[string]int, during time.Duration) {
	b.Helper()
	sum, most, what := 0, 0, ""
	for selected, count := range asked {
		sum += count
		if count > most {
			most, what = count, selected
		}
	}
	scrapes := during.Seconds() / scraped.Seconds()
	b.Logf("%d queries of %d selectors in %s, the most %d times: %s", sum, len(asked), during, most, what)
	b.ReportMetric(float64(sum)/float64(*judgedReleases*metrics)/scrapes, "queries/metric/interval")
	b.ReportMetric(float64(most)/scrapes, "max-queries/selector/interval")
}
