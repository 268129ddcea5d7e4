package analysis

import (
	"fmt"
	"slices"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
)

// choice is an edge of a histogram, the fraction that is slower, what is to be compared there, and what is to be said of it.
type choice struct {
	edge  float64
	tail  float64
	asked Comparison
	note  string
}

// choice takes the edge that tells of the quantile, by a histogram of stable.
func (l *Latency) choice(by sequential.Histogram) (choice, error) {
	edge, tail, fits, err := by.TailEdge(l.asked.Quantile)
	if err != nil {
		return choice{}, err
	}
	c := choice{edge: edge, tail: tail, asked: l.asked.Comparison}
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
	l.lately = sequential.Histogram{Edges: before.Edges, Below: make([]float64, len(before.Edges))}
	l.under = sequential.NewMeets(1 - l.asked.Quantile)
	return true
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

// seconds writes an edge.
func seconds(edge float64) string { return time.Duration(edge * float64(time.Second)).String() }
