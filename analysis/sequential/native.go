package sequential

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Native is the increments of a native histogram with exponential buckets. Negative values, which a latency doesn't have, are
// no part of it. Bucket i has what is above base^(i-1) and at most base^i, base being 2^(2^-Schema).
type Native struct {
	// Schema is -4 to 8; each step down halves the resolution.
	Schema int
	// Zero is how many were at most ZeroWidth.
	Zero, ZeroWidth float64
	Buckets         map[int]float64
}

// Bucket is one of a native histogram as Prometheus' API gives it: what is above Lower and at most Upper.
type Bucket struct {
	Lower, Upper, Count float64
}

// NewNative finds the schema of exponential buckets by their bounds. Of no bucket it is an empty one of the finest schema. It
// returns an error if the bounds belong to no schema, as custom ones, or to different schemas.
func NewNative(buckets []Bucket) (Native, error) {
	const finest, coarsest = 8, -4
	n := Native{Schema: finest, Buckets: map[int]float64{}}
	known := false
	for _, bucket := range buckets {
		if bucket.Lower <= 0 {
			n.Zero += bucket.Count
			n.ZeroWidth = math.Max(n.ZeroWidth, bucket.Upper)
			continue
		}
		doublings := math.Log2(bucket.Upper / bucket.Lower)
		exact := -math.Log2(doublings)
		schema := math.Round(exact)
		if !(math.Abs(exact-schema) < 1e-6) || schema < coarsest || schema > finest {
			return Native{}, fmt.Errorf("bucket from %g to %g is of no exponential schema; use classic buckets for it", bucket.Lower, bucket.Upper)
		}
		if known && int(schema) != n.Schema {
			return Native{}, fmt.Errorf("buckets of schemas %d and %d in one histogram; reduce them to the lower one first", n.Schema, int(schema))
		}
		n.Schema, known = int(schema), true
		n.Buckets[int(math.Round(math.Log2(bucket.Upper)/doublings))] += bucket.Count
	}
	return n, nil
}

// Tail has what is above an edge as events. It is false if the edge is none of this schema, or within the zero bucket.
func (n Native) Tail(edge float64) (Arm, bool) {
	exact := math.Ldexp(math.Log2(edge), n.Schema)
	index := math.Round(exact)
	if !(math.Abs(exact-index) < 1e-6) || edge < n.ZeroWidth {
		return Arm{}, false
	}
	tail := Arm{Exposures: n.Zero}
	for i, count := range n.Buckets {
		tail.Exposures += count
		if float64(i) > index {
			tail.Events += count
		}
	}
	return tail, true
}

// Reduce merges neighbours until the schema is this one; a schema that isn't lower changes nothing.
func (n Native) Reduce(schema int) Native {
	if schema >= n.Schema {
		return n
	}
	reduced := Native{Schema: schema, Zero: n.Zero, ZeroWidth: n.ZeroWidth, Buckets: map[int]float64{}}
	for index, count := range n.Buckets {
		reduced.Buckets[((index-1)>>(n.Schema-schema))+1] += count
	}
	return reduced
}

// Common has histograms of one schema, the lowest of all, and with the same edges: all from the lowest bucket of any to its
// highest. It is how arms are compared, and how they stay comparable over a release.
func Common(natives ...Native) []Histogram {
	schema := math.MaxInt
	for _, n := range natives {
		schema = min(schema, n.Schema)
	}
	lowest, highest, width := math.MaxInt, math.MinInt, 0.0
	reduced := make([]Native, len(natives))
	for i, n := range natives {
		reduced[i] = n.Reduce(schema)
		width = math.Max(width, n.ZeroWidth)
		if len(n.Buckets) > 0 {
			indexes := slices.Collect(maps.Keys(reduced[i].Buckets))
			lowest, highest = min(lowest, slices.Min(indexes)-1), max(highest, slices.Max(indexes))
		}
	}
	all := make([]Histogram, len(natives))
	for i, n := range reduced {
		below := n.Zero
		for index := lowest; index <= highest; index++ {
			below += n.Buckets[index]
			// Below the width of the zero bucket it is not known which side of an edge the zeros are.
			if edge := Edge(schema, index); edge >= width {
				all[i].Edges, all[i].Below = append(all[i].Edges, edge), append(all[i].Below, below)
			}
		}
		all[i].Count = below
	}
	return all
}

// Edge is the upper bound of a bucket of a schema.
func Edge(schema, index int) float64 { return math.Exp2(math.Ldexp(float64(index), -schema)) }
