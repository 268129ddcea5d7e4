package bench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crossfade.io/crossfade/e2e/controlplane"
)

// BenchmarkProvider times, for each sort of route, from the decision, which is persisted first, to the write of the route
// that it is about, and counts these writes: of seven shares, and back to the user's own.
func BenchmarkProvider(b *testing.B) {
	const more = strategy + "  timing: {settle: 0s, drain: 0s}\n"
	for _, kind := range []string{"HTTPRoute", "Ingress", "VirtualService"} {
		b.Run(kind, func(b *testing.B) {
			c := controlplane.Start(b)
			namespace := c.Namespace(b, "bench")
			for i := range releases {
				for _, obj := range controlplane.By(b, kind, controlplane.Objects(b, namespace, fmt.Sprintf("app-%d", i), replicas, more)) {
					c.Create(b, namespace, obj)
				}
			}
			for i := range releases {
				c.AwaitArmed(b, namespace, fmt.Sprintf("app-%d", i))
			}
			var delays, counts series
			for b.Loop() {
				for i := range releases {
					took := routeWrites(b, c, namespace, fmt.Sprintf("app-%d", i), controlplane.Resources[kind].Resource)
					delays, counts = append(delays, took...), append(counts, float64(len(took)))
				}
			}
			delays.report(b, "decision-to-write-ms")
			counts.report(b, "route-writes")
		})
	}
}

// routeWrites returns, for each write of a route in a release, how long it was answered after the decision was received.
func routeWrites(b *testing.B, c *controlplane.Controller, namespace, name, resource string) []float64 {
	seen := watch(b, c, namespace, name)
	defer seen.stop()
	mark, start := c.Mark(b), time.Now()
	c.SetImage(b, namespace, name, fmt.Sprintf("app:%d", start.UnixNano()))
	seen.after(b, start, "complete", func(s *sightings) time.Time { return s.ended })
	c.AwaitArmed(b, namespace, name)
	var decided time.Time
	var took []float64
	for _, r := range c.Requests(b, mark) {
		switch {
		case r.Resource == "releases" && r.Subresource == "status" && strings.HasPrefix(r.Name, name+"-"):
			decided = r.Received
		case r.Resource == resource && r.Verb != "list" && !decided.IsZero():
			took = append(took, milliseconds(r.Answered.Sub(decided)))
		}
	}
	return took
}
