package simulation

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Scenario is one row of the table.
type Scenario struct {
	Name string
	Traffic
	// Minutes is how long a run lasts at most.
	Minutes int
	// Onset is when the canary turns bad, in seconds; 0 from the start. An alarm before is a false one.
	Onset float64
	// Calibrated is for how many hours of history phi is found by; 0 has a phi of 1.
	Calibrated int
	// UntilPass goes on until the canary passes, rather than until it fails.
	UntilPass bool
}

// never is the time of what didn't happen.
var never = math.Inf(1)

// times are when each method first came to a verdict in one run, in seconds.
type times [methods]float64

// Outcome is all runs of a scenario.
type Outcome struct {
	Scenario
	runs []times
}

// Run plays a scenario so many times, side by side. The seed alone decides what happens.
func (s Scenario) Run(seed uint64, runs int) Outcome {
	return Outcome{Scenario: s, runs: beside(runs, func(run uint64) times { return s.play(seed, run) })}
}

// beside plays all runs, as many at a time as there are processors.
func beside[T any](runs int, play func(run uint64) T) []T {
	all := make([]T, runs)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for run := next.Add(1) - 1; run < int64(runs); run = next.Add(1) - 1 {
				all[run] = play(uint64(run))
			}
		})
	}
	workers.Wait()
	return all
}

func (s Scenario) play(seed, run uint64) times {
	phi := 1.0
	if s.Calibrated > 0 {
		history := s.begin(seed+1<<32, run, never)
		intervals := make([]analysis.Interval, s.Calibrated*3600/scrape)
		for k := range intervals {
			intervals[k] = history.interval(k)
		}
		phi, _ = analysis.Calibrate(intervals)
	}
	wanted := v1alpha1.VerdictFail
	if s.UntilPass {
		wanted = v1alpha1.VerdictPass
	}
	looking, first := newMethods(phi), times{never, never, never, never}
	horizon := s.Minutes * 60
	traffic := s.begin(seed, run, float64(horizon))
	for k, open := 0, int(methods); open > 0 && k < horizon/scrape; k++ {
		interval := traffic.interval(k)
		open = 0
		for m, method := range looking {
			if math.IsInf(first[m], 1) && (!s.UntilPass || m <= shipped) {
				open++
				if method.look(interval) == wanted {
					first[m] = float64((k + 1) * scrape)
				}
			}
		}
	}
	return first
}

// Share is the part of runs, 0 to 1, in which a method came to a verdict at all.
func (o Outcome) Share(method int) float64 {
	count := 0
	for _, run := range o.runs {
		if !math.IsInf(run[method], 1) {
			count++
		}
	}
	return float64(count) / float64(len(o.runs))
}

// Early is the part of runs in which it did so before the onset.
func (o Outcome) Early(method int) float64 {
	count := 0
	for _, run := range o.runs {
		if run[method] <= o.Onset {
			count++
		}
	}
	return float64(count) / float64(len(o.runs))
}

// Delay is the q-th quantile, 0 to 1, of the time from the onset to the verdict, in seconds; runs with an early one aside, and +Inf
// if it didn't come in so many runs.
func (o Outcome) Delay(method int, q float64) float64 {
	var all []float64
	for _, run := range o.runs {
		if run[method] > o.Onset {
			all = append(all, run[method]-o.Onset)
		}
	}
	if len(all) == 0 {
		return never
	}
	slices.Sort(all)
	return all[int(q*float64(len(all)-1))]
}
