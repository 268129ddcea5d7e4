// Package simulation measures how often the judges of analysis are wrong and how soon they are right, on made-up traffic: make
// bench-analysis. Nothing of it is part of the controller.
package simulation

import (
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"crossfade.io/crossfade/analysis"
)

// scrape is the time between two scrapes, in seconds.
const scrape = 15

// Traffic is how requests and errors come to two arms. Functions are of seconds since the start.
type Traffic struct {
	// Rate is the requests of both arms, per second.
	Rate float64
	// Weight is the canary's share, 0 to 1.
	Weight func(t float64) float64
	// Base is the rate of errors of stable, and of the canary times Ratio.
	Base  func(t float64) float64
	Ratio func(t float64) float64
	// Incidents is how many times, at random, all of the service has 20 % errors for 3 minutes.
	Incidents int
	// Skew is how many seconds later the canary is scraped than stable; below 0 earlier.
	Skew float64
	// Cluster is the mean size of clusters in which errors come, each to one arm and in one scrape; 0 or 1 has single ones.
	Cluster float64
}

func always(value float64) func(float64) float64 { return func(float64) float64 { return value } }

// STD is the standard scenario of docs/judges.md: 100 requests a second, of which the canary gets 10 %, and 1 % errors.
func STD() Traffic {
	return Traffic{Rate: 100, Weight: always(0.1), Base: always(0.01), Ratio: always(1)}
}

// stream makes the intervals of one run.
type stream struct {
	Traffic
	random    *rand.Rand
	source    rand.Source
	incidents []float64
}

const (
	incidentErrors  = 0.2
	incidentSeconds = 180
)

// begin has a random run of so many seconds; equal seeds make equal runs.
func (t Traffic) begin(seed, run uint64, horizon float64) *stream {
	source := rand.NewPCG(seed, run)
	s := &stream{Traffic: t, random: rand.New(source), source: source}
	for range t.Incidents {
		const early = 300
		s.incidents = append(s.incidents, early+s.random.Float64()*(horizon-early-incidentSeconds))
	}
	return s
}

// epoch is when all runs begin.
var epoch = time.Unix(0, 0)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// interval is what happened in the k-th scrape.
func (s *stream) interval(k int) analysis.Interval {
	const million = 1e6
	from := float64(k * scrape)
	return analysis.Interval{
		Start: at(from), End: at(from + scrape), Weight: int32(s.Weight(from) * million),
		Canary: s.arm(from+s.Skew, func(t float64) (float64, float64) { return s.Weight(t), s.errors(t) * s.Ratio(t) }),
		Stable: s.arm(from, func(t float64) (float64, float64) { return 1 - s.Weight(t), s.errors(t) }),
	}
}

func (s *stream) errors(t float64) float64 {
	for _, start := range s.incidents {
		if t >= start && t < start+incidentSeconds {
			return incidentErrors
		}
	}
	return s.Base(t)
}

// arm counts from a time to the next scrape, a second at a time. Requests that come by chance and are bad by chance are good and bad
// ones that come by chance.
func (s *stream) arm(from float64, at func(t float64) (share, errors float64)) analysis.Counts {
	good, bad := 0.0, 0.0
	for second := range scrape {
		share, errors := at(from + float64(second) + 0.5)
		requests := s.Rate * share
		good, bad = good+requests*(1-errors), bad+requests*errors
	}
	events := s.clusters(bad)
	return analysis.Counts{Exposures: s.poisson(good) + events, Events: events}
}

func (s *stream) clusters(mean float64) float64 {
	if s.Cluster <= 1 {
		return s.poisson(mean)
	}
	events := 0.0
	for range int(s.poisson(mean / s.Cluster)) {
		size := 1.0
		for s.random.Float64() > 1/s.Cluster {
			size++
		}
		events += size
	}
	return events
}

func (s *stream) poisson(mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: s.source}.Rand()
}
