package simulation

import (
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Calm is a service that is busy but for the first Seconds of a release: 1 % of stable's requests take over 500 ms then, and 15 % over
// 250 ms; in the calm none and 1 %. The canary has Worse times as many over the edge that tells of the 99th percentile.
type Calm struct {
	Seconds, Worse float64
	// Rate and Weight are as in Traffic.
	Rate, Weight float64
}

// Delays are as those of Latencies.
func (c Calm) Delays(seed uint64, runs int, verdict v1alpha1.Verdict) []float64 {
	traffic := Traffic{Rate: c.Rate, Weight: always(c.Weight)}
	return beside(runs, func(run uint64) float64 {
		s := traffic.begin(seed, run, never)
		return firstLatency(verdict, s.calm(history*c.Rate, false, 1), func(start float64) (canary, stable sequential.Histogram) {
			calm := start < c.Seconds
			return s.calm(scrape*c.Rate*c.Weight, calm, c.Worse), s.calm(scrape*c.Rate*(1-c.Weight), calm, 1)
		})
	})
}

// calm has about so many requests, of which worse times as many are slow.
func (s *stream) calm(requests float64, calm bool, worse float64) sequential.Histogram {
	const slow = 0.01
	over250, over500 := slow*worse, 0.
	if !calm {
		over250, over500 = 0.14+slow*worse, slow*worse
	}
	fast, middle, slowest := s.poisson(requests*(1-over250)), s.poisson(requests*(over250-over500)), s.poisson(requests*over500)
	return sequential.Histogram{Edges: []float64{.25, .5}, Below: []float64{fast, fast + middle}, Count: fast + middle + slowest}
}
