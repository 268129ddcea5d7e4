package simulation

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// edges are the default buckets of Prometheus' clients, in seconds.
var edges = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Latencies are log-normal, with a median of 80 ms and a 99th percentile of 514 ms.
const (
	latencyMedian = 0.080
	latencyP99    = 0.514
	quantile99    = 2.3263479
)

// Latencies are those of a canary whose requests all take Slower times as long as stable's, which took Past times as long in the half
// hour before.
type Latencies struct{ Slower, Past float64 }

// Delays are when the canary first has a verdict, in seconds, one for each run of at most an hour, in STD's traffic. A Slower of 1 has
// the false alarms.
func (l Latencies) Delays(seed uint64, runs int, verdict v1alpha1.Verdict) []float64 {
	return beside(runs, func(run uint64) float64 {
		s := STD().begin(seed, run, never)
		return firstLatency(verdict, s.histogram(history*s.Rate, l.Past), func(float64) (canary, stable sequential.Histogram) {
			return s.histogram(scrape*s.Rate*s.Weight(0), l.Slower), s.histogram(scrape*s.Rate*(1-s.Weight(0)), 1)
		})
	})
}

// histogram has about so many requests, each of which takes so many times as long as usual.
func (s *stream) histogram(requests, slower float64) sequential.Histogram {
	usual := distuv.LogNormal{Mu: math.Log(latencyMedian * slower), Sigma: math.Log(latencyP99/latencyMedian) / quantile99}
	h := sequential.Histogram{Edges: edges}
	before := 0.0
	for _, edge := range edges {
		upTo := usual.CDF(edge)
		h.Count += s.poisson(requests * (upTo - before))
		h.Below = append(h.Below, h.Count)
		before = upTo
	}
	h.Count += s.poisson(requests * (1 - before))
	return h
}

// history is how much of the past is known before a release, in seconds.
const history = 1800

// firstLatency is when a Latency judge first has a verdict within an hour, in seconds.
func firstLatency(verdict v1alpha1.Verdict, before sequential.Histogram, between func(start float64) (canary, stable sequential.Histogram)) float64 {
	asked := analysis.DefaultLatency()
	asked.Phi = 1
	judge := analysis.NewLatency(asked, before)
	for k := range 3600 / scrape {
		start, end := float64(k*scrape), float64((k+1)*scrape)
		canary, stable := between(start)
		judge.Add(analysis.LatencyInterval{Start: at(start), End: at(end), Canary: canary, Stable: stable})
		if judge.Verdict() == verdict {
			return end
		}
	}
	return never
}
