package view

import (
	"math"

	"crossfade.io/crossfade/cli/reading"
)

// scale is one axis, from low to high; by powers, each step is so many times the one before.
type scale struct {
	low, high float64
	powers    bool
}

// place is where a value stands, 0 to 1; what is outside stands at the edge.
func (s scale) place(v float64) float64 {
	low, high := s.low, s.high
	if s.powers {
		v, low, high = math.Log(math.Max(v, math.SmallestNonzeroFloat64)), math.Log(low), math.Log(high)
	}
	return math.Min(math.Max((v-low)/(high-low), 0), 1)
}

func ratios(points reading.Points) scale {
	low, high := points.RatioRange()
	return scale{low: low, high: high, powers: true}
}

func amounts(points reading.Points) scale {
	low, high := points.AmountRange()
	return scale{low: low, high: high}
}

// rows are those of a scale by powers: each power of two is the middle of one.
func (s scale) rows() int {
	doublings := int(math.Round(math.Log2(s.high / s.low)))
	switch {
	case doublings <= 2:
		return 4*doublings + 1
	case doublings <= 6:
		return 2*doublings + 1
	}
	return doublings + 1
}
