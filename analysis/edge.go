package analysis

import (
	"fmt"
	"slices"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
)

// choice is an edge of a histogram, what is to be compared there, and what is to be said of it; fits, unless it is far from the quantile.
type choice struct {
	edge  float64
	fits  bool
	asked Comparison
	note  string
}

// choice takes the edge that tells of the quantile, by a histogram of stable.
func (l *Latency) choice(by sequential.Histogram) (choice, error) {
	edge, tail, fits, err := by.TailEdge(l.asked.Quantile)
	if err != nil {
		return choice{}, err
	}
	c := choice{edge: edge, fits: fits, asked: l.asked.Comparison}
	c.asked.Rate = fmt.Sprintf("share of requests slower than %s", seconds(edge))
	if !fits && tail < 1-l.asked.Quantile {
		c.asked.Floor = max(c.asked.Floor, 1-l.asked.Quantile)
	}
	if !fits {
		c.note = fmt.Sprintf("; buckets are too coarse for p%g: %s of stable's requests were slower than the closest edge, %s",
			100*l.asked.Quantile, percent(tail), seconds(edge))
	}
	return c, nil
}

// choose finds the edge, among those that both arms have: a release may change buckets. Which they have says nothing of how fast
// they are, so the choice is fair.
func (l *Latency) choose(interval LatencyInterval) bool {
	var shared []float64
	requests := false
	for _, edge := range l.before.Edges {
		canary, known := interval.Canary.Tail(edge)
		stable, both := interval.Stable.Tail(edge)
		requests = requests || canary.Exposures > 0 && stable.Exposures > 0
		if known && both {
			shared = append(shared, edge)
		}
	}
	if !requests {
		return false
	}
	before := l.before.Restrict(shared)
	c, err := l.choice(before)
	if err != nil {
		return false
	}
	l.edge, l.note, l.compare = c.edge, c.note, NewCompare(c.asked)
	l.shift = sequential.NewShift(before.ShiftEdges(), 1, c.asked.Restarts.invested())
	l.since = sequential.Histogram{Edges: before.Edges, Below: make([]float64, len(before.Edges))}
	return true
}

// chooseAgain takes a lower edge that fits once stable has had so few slow requests, of those that the quantile would have, that no ratio
// to them is going to be shown. It goes by what was before the interval, so the choice is fair. A canary of which there is any doubt
// stays with the edge that shows it.
func (l *Latency) chooseAgain(interval LatencyInterval) {
	const expected, few = 20, 1. / 3
	usual := l.since.Count * (1 - l.asked.Quantile)
	slow, _ := l.since.Tail(l.edge)
	if l.again || usual < expected || slow.Events > usual*few || !l.compare.open() {
		return
	}
	c, err := l.choice(l.since)
	if err != nil || c.edge >= l.edge || !c.fits || c.asked.Floor != l.compare.asked.Floor {
		return
	}
	canary, known := interval.Canary.Tail(c.edge)
	stable, both := interval.Stable.Tail(c.edge)
	if !known || !both || !sequential.Comparable(canary, stable) {
		return // one from which something is known at once
	}
	c.note += fmt.Sprintf("; not by %s any more, as next to none of stable's requests are slower", seconds(l.edge))
	l.again, l.edge, l.note, l.compare = true, c.edge, c.note, l.compare.anew(c.asked)
}

// learns takes stable's requests of an interval for those of before, where there were none, until they tell of the quantile. Such an
// interval is left out, so the choice is fair.
func (l *Latency) learns(interval LatencyInterval) bool {
	const slow = 3
	if !l.idle || l.before.Count*(1-l.asked.Quantile) >= slow {
		return false
	}
	h, is := interval.Stable.(sequential.Histogram)
	if !is || !slices.Equal(h.Edges, l.before.Edges) {
		return true
	}
	below := slices.Clone(l.before.Below)
	for k, n := range h.Below {
		below[k] += n
	}
	l.before.Below, l.before.Count = below, l.before.Count+h.Count
	return true
}

// learn adds what stable did in an interval, unless that isn't known at each edge.
func (l *Latency) learn(stable sequential.Tails) {
	below, count := slices.Clone(l.since.Below), 0.0
	for k, edge := range l.since.Edges {
		slow, known := stable.Tail(edge)
		if !known {
			return
		}
		below[k], count = below[k]+slow.Exposures-slow.Events, slow.Exposures
	}
	l.since.Below, l.since.Count = below, l.since.Count+count
}

// seconds writes an edge.
func seconds(edge float64) string { return time.Duration(edge * float64(time.Second)).String() }
