package analysis

import (
	"fmt"
	"slices"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// choice is an edge of a histogram, what is to be compared there, and what is to be said of it.
type choice struct {
	edge  float64
	asked Comparison
	note  string
}

// choice takes the edge that tells of the quantile, by a histogram of stable.
func (l *Latency) choice(by sequential.Histogram) (choice, error) {
	edge, tail, fits, err := by.TailEdge(l.asked.Quantile)
	if err != nil {
		return choice{}, err
	}
	c := choice{edge: edge, asked: l.asked.Comparison}
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

// chooseAgain takes a lower edge too once stable has had so few slow requests, of those that the quantile would have, that no ratio to
// them is going to be shown. It goes by what was before the interval, so the choice is fair.
func (l *Latency) chooseAgain() {
	const expected, few = 20, 1. / 3
	usual := l.since.Count * (1 - l.asked.Quantile)
	slow, _ := l.since.Tail(l.edge)
	if l.lower != nil || usual < expected || slow.Events > usual*few {
		return
	}
	if c, err := l.choice(l.since); err == nil && c.edge < l.edge {
		l.lowerEdge, l.lower = c.edge, NewCompare(c.asked)
		l.lowerNote = fmt.Sprintf("%s; not by %s, as next to none of stable's requests are slower by now", c.note, seconds(l.edge))
	}
}

// addLower compares at the lower edge too.
func (l *Latency) addLower(interval LatencyInterval) {
	if l.lower == nil {
		return
	}
	if compared, known := interval.slower(l.lowerEdge); known {
		l.lower.add(compared)
	} else {
		l.lower.see(compared)
	}
}

// byLower has the lower edge say whether a canary is good that the first one shows neither to be good nor bad. It can't fail there: the
// chance of a false alarm is that of the first edge alone.
func (l *Latency) byLower(f Finding) Finding {
	if l.lower == nil || f.Verdict != v1alpha1.VerdictInconclusive || doubtful(l.compare.doubtLog()) || l.lower.failed != nil {
		return f
	}
	lower := l.lower.standing()
	if lower.Verdict != v1alpha1.VerdictPass && lower.Verdict != v1alpha1.VerdictInconclusive {
		return f
	}
	lower.Worse, lower.LeftOut = f.Worse, f.LeftOut
	lower.Reason += l.lowerNote
	return lower
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
