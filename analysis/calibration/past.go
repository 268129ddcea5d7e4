// Package calibration replays what a service did while nothing was released: some of its pods stand for a canary that is no
// worse. So it tells how often the judges would have been wrong there, and how soon right. It is pure but for Read.
package calibration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"crossfade.io/crossfade/analysis"
)

// Selectors are those of raw counters of a service's pods.
type Selectors struct {
	Requests, Errors []string
	// Pod is the label that tells pods from each other.
	Pod string
}

// Read reads the past of a service. Its errors are those of the source, and those of Of.
func Read(ctx context.Context, source analysis.CounterSource, of Selectors, from, to time.Time) (Past, error) {
	var lists [2][]analysis.Series
	for i, selectors := range [][]string{of.Requests, of.Errors} {
		for _, selector := range selectors {
			series, err := source.Samples(ctx, selector, from, to)
			if err != nil {
				return Past{}, err
			}
			lists[i] = append(lists[i], series...)
		}
	}
	if len(lists[0]) == 0 {
		return Past{}, fmt.Errorf("no requests since %s: nothing matches %q; correct the selector, or look further back", from.UTC().Format(time.RFC3339), of.Requests)
	}
	past, err := Of(lists[0], lists[1], of.Pod, from, to)
	if len(lists[1]) == 0 {
		past.Unmatched = of.Errors
	}
	return past, err
}

// Past is what each pod of a service did in each interval.
type Past struct {
	// Step is how often pods were scraped.
	Step time.Duration
	// Pods are their names, in order.
	Pods []string
	// Unmatched are the selectors of errors, if none of them matches anything.
	Unmatched []string
	// counts are by pod, and by the end of the interval.
	counts []map[int64]analysis.Counts
	ends   []int64
}

// Of sorts series by pod. It fails where there are no pods to be compared, and says what to do.
func Of(requests, errs []analysis.Series, pod string, from, to time.Time) (Past, error) {
	p := Past{Step: analysis.Cadence(requests)}
	if p.Step == 0 {
		return Past{}, errors.New("no pod was scraped twice; look further back")
	}
	arms := map[string]*analysis.Arm{}
	for i, list := range [][]analysis.Series{requests, errs} {
		for _, series := range list {
			name := series.Labels[pod]
			if name == "" {
				return Past{}, fmt.Errorf("series %s has no label %s; name the label that tells pods from each other", series.Labels["__name__"], pod)
			}
			if arms[name] == nil {
				arms[name] = &analysis.Arm{}
			}
			if i == 0 {
				arms[name].Exposures = append(arms[name].Exposures, series)
			} else {
				arms[name].Events = append(arms[name].Events, series)
			}
		}
	}
	if len(arms) < 2 {
		return Past{}, fmt.Errorf("there is one pod, %s, and none to compare it with; give the service a second one for a day", slices.Collect(maps.Keys(arms))[0])
	}
	ends := map[int64]bool{}
	for _, name := range slices.Sorted(maps.Keys(arms)) {
		counts := map[int64]analysis.Counts{}
		// Of both arms it is the one pod, so each interval has what it did.
		for _, i := range analysis.Intervals(*arms[name], *arms[name], analysis.Grid{Step: p.Step}, from, to) {
			counts[i.End.UnixNano()], ends[i.End.UnixNano()] = i.Canary, true
		}
		p.Pods, p.counts = append(p.Pods, name), append(p.counts, counts)
	}
	p.ends = slices.Sorted(maps.Keys(ends))
	return p, nil
}

// Length is the time of which something is known.
func (p Past) Length() time.Duration { return time.Duration(len(p.ends)) * p.Step }

// Sum is all that was counted.
func (p Past) Sum() analysis.Counts {
	var sum analysis.Counts
	for _, pod := range p.counts {
		for _, c := range pod {
			sum.Exposures, sum.Events = sum.Exposures+c.Exposures, sum.Events+c.Events
		}
	}
	return sum
}

// Odd is the pod whose rate of errors is so many times that of the others, if that is no chance; empty if there is none.
func (p Past) Odd() (pod string, times float64) {
	const much, sigmas = 1.5, 6
	sum, most := p.Sum(), 1.0
	for i, counts := range p.counts {
		var own analysis.Counts
		for _, c := range counts {
			own.Exposures, own.Events = own.Exposures+c.Exposures, own.Events+c.Events
		}
		others := rate(sum.Events-own.Events, sum.Exposures-own.Exposures)
		expected := others * own.Exposures
		if times := own.Events / expected; expected > 0 && times > math.Max(much, most) && own.Events-expected > sigmas*math.Sqrt(expected) {
			pod, most = p.Pods[i], times
		}
	}
	return pod, most
}

// against has these pods as the canary, and the others as stable. An interval of which nothing is known of one of them is left out.
func (p Past) against(pods []int) []analysis.Interval {
	var out []analysis.Interval
	for _, end := range p.ends {
		var arms [2]analysis.Counts
		var known [2]bool
		for pod, counts := range p.counts {
			c, ok := counts[end]
			if !ok {
				continue
			}
			arm := 1
			if slices.Contains(pods, pod) {
				arm = 0
			}
			known[arm] = true
			arms[arm].Exposures, arms[arm].Events = arms[arm].Exposures+c.Exposures, arms[arm].Events+c.Events
		}
		if known[0] && known[1] {
			at := time.Unix(0, end).UTC()
			out = append(out, analysis.Interval{Start: at.Add(-p.Step), End: at, Canary: arms[0], Stable: arms[1]})
		}
	}
	return out
}

// groups are so many pods each, none in two of them; at most so many groups.
func (p Past) groups(size, most int) [][]int {
	var all [][]int
	for first := 0; first+size <= len(p.Pods); first += size {
		group := make([]int, size)
		for i := range group {
			group[i] = first + i
		}
		all = append(all, group)
	}
	if len(all) <= most {
		return all
	}
	some := make([][]int, most)
	for i := range some {
		some[i] = all[i*len(all)/most]
	}
	return some
}
