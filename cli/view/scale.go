package view

import (
	"math"

	"crossfade.io/crossfade/cli/reading"
)

// scale is one axis, from low to high; by powers, each step is so many times the one before.
type scale struct {
	low, high float64
	powers    bool
	// step is how far round values are apart; 0 where there are none.
	step float64
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

func differences(points reading.Points) scale {
	low, high, step := points.DifferenceRange()
	return scale{low: low, high: high, step: step}
}

func amounts(points reading.Points) scale {
	low, high := points.AmountRange()
	return scale{low: low, high: high}
}

// rows are those of a scale: each power of two, or round value, is the middle of one.
func (s scale) rows() int {
	parts := int(math.Round((s.high - s.low) / s.step))
	if s.powers {
		parts = int(math.Round(math.Log2(s.high / s.low)))
	}
	switch {
	case parts <= 2:
		return 4*parts + 1
	case parts <= 6:
		return 2*parts + 1
	}
	return parts + 1
}
