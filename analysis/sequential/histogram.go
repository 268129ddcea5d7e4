package sequential

import (
	"errors"
	"math"
	"slices"
	"sort"
)

// Histogram is the increments of a histogram: of Count requests, Below[i] took at most Edges[i].
type Histogram struct {
	// Edges are upper bounds, rising, without +Inf; seconds or any other unit.
	Edges []float64
	// Below are as many as Edges, and rise.
	Below []float64
	Count float64
}

// NewHistogram takes cumulative counts at edges of which the last is +Inf, as Prometheus has them. What isn't such is empty.
func NewHistogram(edges, below []float64) Histogram {
	last := len(edges) - 1
	if last < 0 || len(below) != len(edges) || !math.IsInf(edges[last], 1) {
		return Histogram{}
	}
	return Histogram{Edges: edges[:last], Below: below[:last], Count: below[last]}
}

// Tail has the requests slower than an edge as events. It is false if the histogram has no such edge.
func (h Histogram) Tail(edge float64) (Arm, bool) {
	i := sort.SearchFloat64s(h.Edges, edge)
	if i == len(h.Edges) || h.Edges[i] != edge {
		return Arm{}, false
	}
	return Arm{Exposures: h.Count, Events: math.Max(h.Count-h.Below[i], 0)}, true
}

// Restrict leaves the edges that are also among these: a release may change buckets.
func (h Histogram) Restrict(edges []float64) Histogram {
	left := Histogram{Count: h.Count}
	for i, edge := range h.Edges {
		if _, found := slices.BinarySearch(edges, edge); found {
			left.Edges, left.Below = append(left.Edges, edge), append(left.Below, h.Below[i])
		}
	}
	return left
}

// ErrNoEdge says that a histogram has no edge with requests below it, so that nothing can be told by it.
var ErrNoEdge = errors.New("no edge of the histogram has requests below it")

// coarse is how far from what was asked for a tail may be, as a factor.
const coarse = 3

// TailEdge is the edge whose tail is closest to that of a quantile, 0 to 1, by factors, and the fraction of requests that are
// slower. Take the histogram of stable from before the release, and keep the edge. Fits is false if the tail is off by more
// than a factor 3: the buckets are too coarse for that quantile. If no edge has requests on both sides, it is the lowest one with a
// tail of 0, which doesn't fit. Without an edge it returns ErrNoEdge.
func (h Histogram) TailEdge(quantile float64) (edge, tail float64, fits bool, err error) {
	closest, fastest := math.Inf(1), math.Inf(1)
	for i, at := range h.Edges {
		fraction := 1 - h.Below[i]/h.Count
		if fraction == 0 {
			fastest = math.Min(fastest, at)
		}
		if !(fraction > 0 && fraction < 1) {
			continue
		}
		if off := math.Abs(math.Log(fraction / (1 - quantile))); off < closest {
			closest, edge, tail = off, at, fraction
		}
	}
	switch {
	case !math.IsInf(closest, 1):
	case !math.IsInf(fastest, 1):
		return fastest, 0, false, nil
	default:
		return 0, 0, false, ErrNoEdge
	}
	return edge, tail, closest <= math.Log(coarse), nil
}

// ShiftEdges are up to 16 edges with tails of 0.1 to 90 %, evenly taken from all such edges.
func (h Histogram) ShiftEdges() []float64 {
	const mostEdges = 16
	var edges []float64
	for i, at := range h.Edges {
		if tail := 1 - h.Below[i]/h.Count; tail >= 0.001 && tail <= 0.9 {
			edges = append(edges, at)
		}
	}
	if len(edges) <= mostEdges {
		return edges
	}
	some := make([]float64, mostEdges)
	for i := range some {
		some[i] = edges[i*(len(edges)-1)/(mostEdges-1)]
	}
	return some
}

// Tails counts what is above an edge, if it can tell: a Histogram, or a Native.
type Tails interface {
	Tail(edge float64) (Arm, bool)
}

// Shift tests the null "no more of the canary's requests than of stable's are slower than any of these edges": the mean of the
// e-values of all edges, which is one whatever their dependence. Any shift that is large enough to be sure of is found, so it
// is for warnings, or with a null ratio above 1 for rollback.
type Shift struct {
	edges []float64
	tests []*Ratio
}

// NewShift tests at these edges, null at least 1.
func NewShift(edges []float64, null, invested float64) *Shift {
	s := &Shift{edges: edges}
	for range edges {
		s.tests = append(s.tests, NewWorse(null, invested))
	}
	return s
}

// Add takes one interval. An edge that an arm lacks takes no part in it.
func (s *Shift) Add(canary, stable Tails, phi float64) {
	for i, edge := range s.edges {
		c, has := canary.Tail(edge)
		o, both := stable.Tail(edge)
		if has && both {
			s.tests[i].Add(c, o, phi)
		}
	}
}

// Invest bets some of the cash of each edge afresh.
func (s *Shift) Invest(part float64) {
	for _, test := range s.tests {
		test.Invest(part)
	}
}

// Log is ln of the e-value of all edges; 0 without any.
func (s *Shift) Log() float64 {
	logs := make([]float64, len(s.tests))
	for i, test := range s.tests {
		logs[i] = test.Log()
	}
	return Merge(logs, nil)
}
