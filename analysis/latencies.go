package analysis

import (
	"time"

	"crossfade.io/crossfade/analysis/sequential"
)

// Latencies makes of what Distributions counted what a Latency judge takes. Edges are those that Distributions was given, in the
// unit of the metric, such as goldensignals.Signals.Unit; here alone they become seconds. The Weight is left to the caller, as
// that of Intervals.
func Latencies(buckets []Buckets, edges []float64, unit time.Duration) []LatencyInterval {
	inSeconds := make([]float64, len(edges))
	for i, edge := range edges {
		// Dividing rounds once, so that 35 ms are 0.035 s as people write it.
		inSeconds[i] = edge / (float64(time.Second) / float64(unit))
	}
	all := make([]LatencyInterval, len(buckets))
	for k, b := range buckets {
		all[k] = LatencyInterval{
			Start: b.Start, End: b.End,
			Canary: sequential.NewHistogram(inSeconds, b.Canary), Stable: sequential.NewHistogram(inSeconds, b.Stable),
		}
	}
	return all
}
