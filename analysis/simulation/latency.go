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
	play := func(run uint64) float64 {
		s := STD().begin(seed, run, never)
		asked := analysis.DefaultLatency()
		asked.Phi = 1
		const history = 1800
		judge := analysis.NewLatency(asked, s.histogram(history*s.Rate, l.Past))
		for k := range 3600 / scrape {
			judge.Add(analysis.LatencyInterval{
				Start: at(float64(k * scrape)), End: at(float64((k + 1) * scrape)),
				Canary: s.histogram(scrape*s.Rate*s.Weight(0), l.Slower), Stable: s.histogram(scrape*s.Rate*(1-s.Weight(0)), 1),
			})
			if judge.Verdict() == verdict {
				return float64((k + 1) * scrape)
			}
		}
		return never
	}
	return beside(runs, play)
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
