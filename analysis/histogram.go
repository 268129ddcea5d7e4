package analysis

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"time"
)

// NativeHistogram is one scrape of a native histogram, as the query API of Prometheus tells it.
type NativeHistogram struct {
	Count float64
	// Buckets are those that are not empty, each with what is in it alone.
	Buckets []NativeBucket
}

// NativeBucket counts what was above Lower and at most Upper.
type NativeBucket struct {
	Lower, Upper, Count float64
}

// Buckets is what both arms did between two scrapes, by how long it took.
type Buckets struct {
	Start, End time.Time
	// Canary and Stable say for each edge how many took at most so long; the last edge is +Inf, so the last entry is of all.
	Canary, Stable []float64
}

// ErrNoEdges is that canary and stable have no bucket in common.
var ErrNoEdges = errors.New("histograms of canary and stable have no bucket in common; give both the same buckets, or native histograms")

// Edges are the upper bounds that all histograms of both arms can tell about, ascending, in the unit of the metric; the last
// is +Inf. Of classic histograms, whose series have a label le, these are the bounds that all have. Of native ones, those
// that are within no bucket of another: of two resolutions the lower one's. So there may be other edges by a longer range:
// compute them once, from a fixed time before the release and from nothing later, and keep them for its length. An interval
// with a later histogram that can't tell about one of them is left out.
func Edges(canary, stable []Series) ([]float64, error) {
	classic, buckets := bounds(slices.Concat(canary, stable))
	var edges []float64
	switch {
	case len(classic) > 0 && len(buckets) > 0:
		return nil, ErrNoEdges
	case len(classic) > 0:
		edges = common(classic)
	default:
		edges = apart(buckets)
	}
	edges = slices.DeleteFunc(edges, func(e float64) bool { return math.IsInf(e, 0) })
	if len(edges) == 0 {
		return nil, ErrNoEdges
	}
	return append(edges, math.Inf(1)), nil
}

// bounds are those of each classic histogram, and the buckets, without what is in them, of all native ones.
func bounds(series []Series) (classic map[string]map[float64]bool, native map[NativeBucket]bool) {
	classic, native = map[string]map[float64]bool{}, map[NativeBucket]bool{}
	for _, s := range series {
		if le, ok := upper(s); ok && len(ordered(s.Samples)) > 0 {
			of := identity(s.Labels)
			if classic[of] == nil {
				classic[of] = map[float64]bool{}
			}
			classic[of][le] = true
		}
		for _, sample := range s.Samples {
			if sample.Histogram == nil {
				continue
			}
			for _, b := range sample.Histogram.Buckets {
				native[NativeBucket{Lower: b.Lower, Upper: b.Upper}] = true
			}
		}
	}
	return classic, native
}

// upper is the bound of a series that is a bucket; 1 and 1.0 are the same.
func upper(s Series) (float64, bool) {
	le, err := strconv.ParseFloat(s.Labels["le"], 64)
	return le, err == nil && !math.IsNaN(le)
}

func common(histograms map[string]map[float64]bool) []float64 {
	met := map[float64]int{}
	for _, has := range histograms {
		for le := range has {
			met[le]++
		}
	}
	var all []float64
	for le, n := range met {
		if n == len(histograms) {
			all = append(all, le)
		}
	}
	slices.Sort(all)
	return all
}

// apart are the upper bounds that are within no other bucket.
func apart(buckets map[NativeBucket]bool) []float64 {
	var all []float64
	for b := range buckets {
		within := false
		for other := range buckets {
			within = within || other.within(b.Upper)
		}
		if !within {
			all = append(all, b.Upper)
		}
	}
	slices.Sort(all)
	return slices.CompactFunc(all, func(a, b float64) bool { return math.Abs(a-b) <= nearly*math.Abs(b) })
}

// nearly is how far two bounds may be apart, of their size, and be the same: those of two resolutions are computed
// differently.
const nearly = 1e-9

// within says whether a bound is within the bucket, so that it can't be told how much of it is below.
func (b NativeBucket) within(bound float64) bool {
	slack := nearly * math.Abs(bound)
	return bound-b.Lower > slack && b.Upper-bound > slack
}

// Distributions says what both arms did in each interval by how long it took, for edges that Edges gave. Ranges, gaps,
// restarts and new series are as with Intervals; a histogram is restarted if any of its buckets fell.
func Distributions(canary, stable []Series, edges []float64, grid Grid, from, to time.Time) []Buckets {
	known := seen(grid, [2][][]Series{{canary}, {stable}})
	counts := [2]map[int64][]float64{
		known.increments(0, histograms(canary, edges)),
		known.increments(1, histograms(stable, edges)),
	}
	arm := func(i int, slot int64) []float64 {
		if counts[i][slot] == nil {
			return make([]float64, len(edges))
		}
		return counts[i][slot]
	}
	var out []Buckets
	for end := grid.Ceil(from).Add(grid.Step); !end.After(to); end = end.Add(grid.Step) {
		if slot := end.UnixNano(); known.both(slot) {
			out = append(out, Buckets{Start: end.Add(-grid.Step), End: end, Canary: arm(0, slot), Stable: arm(1, slot)})
		}
	}
	return out
}

// histograms are the counters at these edges.
func histograms(series []Series, edges []float64) []counter {
	var all []counter
	classic := map[string]*buckets{}
	var order []*buckets
	for _, s := range series {
		if le, ok := upper(s); ok {
			of := identity(s.Labels)
			if classic[of] == nil {
				classic[of] = &buckets{of: instance(s.Labels), at: map[int64][]float64{}}
				order = append(order, classic[of])
			}
			classic[of].add(le, edges, ordered(s.Samples))
			continue
		}
		c := counter{of: instance(s.Labels)}
		for _, sample := range ordered(s.Samples) {
			c.points = append(c.points, point{sample.Time, sample.Histogram.upTo(edges)})
		}
		all = append(all, c)
	}
	for _, b := range order {
		all = append(all, b.counter())
	}
	return all
}

// buckets are the series of one classic histogram, by time.
type buckets struct {
	of target
	at map[int64][]float64
}

// add notes the scrapes of a bucket that is no edge too: that those of the edges were not among them is to be known.
func (b *buckets) add(le float64, edges []float64, samples []Sample) {
	edge, is := slices.BinarySearch(edges, le)
	for _, s := range samples {
		t := s.Time.UnixNano()
		if b.at[t] == nil {
			b.at[t] = slices.Repeat([]float64{math.NaN()}, len(edges))
		}
		if is {
			b.at[t][edge] = s.Value
		}
	}
}

func (b *buckets) counter() counter {
	c := counter{of: b.of}
	for t, values := range b.at {
		if slices.ContainsFunc(values, math.IsNaN) {
			values = nil
		}
		c.points = append(c.points, point{time.Unix(0, t).UTC(), values})
	}
	slices.SortFunc(c.points, func(a, b point) int { return a.at.Compare(b.at) })
	return c
}

// upTo is how many of a native histogram are at most each edge; nil if a bucket reaches over one.
func (h *NativeHistogram) upTo(edges []float64) []float64 {
	if h == nil {
		return nil
	}
	values := make([]float64, len(edges))
	for i, edge := range edges {
		if math.IsInf(edge, 1) {
			values[i] = h.Count
			continue
		}
		for _, b := range h.Buckets {
			if b.within(edge) {
				return nil
			}
			if b.Upper-edge <= nearly*math.Abs(edge) {
				values[i] += b.Count
			}
		}
	}
	return values
}
