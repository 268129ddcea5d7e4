// Package bench_test measures the controller on a control plane without nodes: make bench.
package bench_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/e2e/controlplane"
)

// The plan of the peers' measurements: 2 replicas, five steps, no analysis.
const (
	replicas = 2
	strategy = `  strategy:
    steps:
    - {name: s10, weight: 10}
    - {name: s25, weight: 25}
    - {name: s50, weight: 50}
    - {name: s75, weight: 75}
    - {name: s100, weight: 100}
`
	held = `  strategy:
    steps:
    - {name: s25, weight: 25, hold: {approval: Required}}
`
	// releases is how many are measured, one at a time.
	releases = 20
)

// BenchmarkRelease times releases that go through all steps.
func BenchmarkRelease(b *testing.B) {
	for name, timing := range map[string]string{
		"settle=0":       "  timing: {settle: 0s, drain: 0s}\n",
		"settle=default": "  timing: {drain: 0s}\n",
	} {
		b.Run(name, func(b *testing.B) {
			c := controlplane.Start(b)
			namespace := c.Namespace(b, "bench")
			for i := range releases {
				c.Deploy(b, namespace, fmt.Sprintf("app-%d", i), replicas, strategy+timing)
			}
			for i := range releases {
				c.AwaitArmed(b, namespace, fmt.Sprintf("app-%d", i))
			}
			var firstPod, firstWeight, complete, requests, cpu series
			for b.Loop() {
				for i := range releases {
					m := measure(b, c, namespace, fmt.Sprintf("app-%d", i))
					firstPod = append(firstPod, m.firstPod)
					firstWeight = append(firstWeight, m.firstWeight)
					complete = append(complete, m.complete)
					requests = append(requests, float64(m.requests))
					cpu = append(cpu, m.cpu)
				}
			}
			firstPod.report(b, "first-pod-ms")
			firstWeight.report(b, "first-weight-ms")
			complete.report(b, "complete-ms")
			requests.report(b, "requests")
			cpu.reportMean(b, "cpu-ms")
		})
	}
}

// BenchmarkAbort times the way from an abort to weight 0 in the route.
func BenchmarkAbort(b *testing.B) {
	c := controlplane.Start(b)
	namespace := c.Namespace(b, "bench")
	for i := range releases {
		c.Deploy(b, namespace, fmt.Sprintf("app-%d", i), replicas, held+"  timing: {settle: 0s, drain: 0s}\n")
	}
	for i := range releases {
		c.AwaitArmed(b, namespace, fmt.Sprintf("app-%d", i))
	}
	var abort series
	for b.Loop() {
		for i := range releases {
			abort = append(abort, abortOnce(b, c, namespace, fmt.Sprintf("app-%d", i)))
		}
	}
	abort.report(b, "abort-ms")
}

// measured is one release: times in milliseconds from the write of the template.
type measured struct {
	firstPod, firstWeight, complete, cpu float64
	requests                             int
}

func measure(b *testing.B, c *controlplane.Controller, namespace, name string) measured {
	seen := watch(b, c, namespace, name)
	defer seen.stop()
	mark, cpu := c.Mark(b), c.CPU(b)
	start := time.Now()
	c.SetImage(b, namespace, name, fmt.Sprintf("app:%d", start.UnixNano()))
	m := measured{
		firstPod:    seen.after(b, start, "first canary pod", func(s *sightings) time.Time { return s.pod }),
		firstWeight: seen.after(b, start, "first weight", func(s *sightings) time.Time { return s.weight }),
		complete:    seen.after(b, start, "complete", func(s *sightings) time.Time { return s.ended }),
	}
	c.AwaitArmed(b, namespace, name)
	for _, r := range c.Requests(b, mark) {
		if r.Namespace == namespace {
			m.requests++
		}
	}
	m.cpu = milliseconds(c.CPU(b) - cpu)
	return m
}

func abortOnce(b *testing.B, c *controlplane.Controller, namespace, name string) float64 {
	seen := watch(b, c, namespace, name)
	defer seen.stop()
	start := time.Now()
	c.SetImage(b, namespace, name, fmt.Sprintf("app:%d", start.UnixNano()))
	seen.after(b, start, "first weight", func(s *sightings) time.Time { return s.weight })
	rollout, err := c.In(namespace, controlplane.Rollouts).Get(b.Context(), name, metav1.GetOptions{})
	require.NoError(b, err)
	release, _, err := unstructured.NestedString(rollout.Object, "status", "release")
	require.NoError(b, err)
	require.NotEmpty(b, release, "no Release is in flight")
	asked := time.Now()
	_, err = c.In(namespace, controlplane.Releases).Patch(b.Context(), release, types.MergePatchType,
		[]byte(`{"spec":{"control":{"desiredOutcome":"Abort"}}}`), metav1.PatchOptions{})
	require.NoError(b, err)
	took := seen.after(b, asked, "weight 0", func(s *sightings) time.Time { return s.zero })
	seen.after(b, asked, "ended", func(s *sightings) time.Time { return s.ended })
	return took
}

// series is one figure over all releases.
type series []float64

func (s series) report(b *testing.B, unit string) {
	slices.Sort(s)
	b.ReportMetric(s.quantile(50), "p50-"+unit)
	b.ReportMetric(s.quantile(95), "p95-"+unit)
}

// quantile is the nearest rank: of 20 sorted figures the 19th is p95.
func (s series) quantile(percent int) float64 { return s[(len(s)*percent+99)/100-1] }

// reportMean serves figures whose grain is coarser than one release.
func (s series) reportMean(b *testing.B, unit string) {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	b.ReportMetric(sum/float64(len(s)), "mean-"+unit)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
