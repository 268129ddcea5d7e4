package reading

import (
	"fmt"
	"math"
	"time"
)

// RatioRange is what to draw of a ratio and its band: two powers of two around 1. What was known early may be outside, since
// bands are very wide then.
func (p Points) RatioRange() (low, high float64) {
	const early, most = 3, 64
	low, high = 0.5, 2
	for i, at := range p {
		values := []float64{at.Ratio}
		if i >= len(p)/early {
			values = append(values, at.Low, at.High)
		}
		for _, v := range values {
			if v > 0 && !math.IsInf(v, 1) {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	const slack = 0.01
	low = math.Max(math.Exp2(math.Floor(math.Log2(low)-slack)), 1.0/most)
	return low, math.Min(math.Exp2(math.Ceil(math.Log2(high)+slack)), most)
}

// AmountRange is what to draw of both arms: from 0 unless all of it differs by little.
func (p Points) AmountRange() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, at := range p {
		for _, v := range []float64{at.Canary, at.Stable} {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	switch {
	case low > high:
		return 0, 1
	case low >= 0 && low < high/2:
		low = 0
	}
	if low == high {
		half := math.Max(math.Abs(low)/2, math.SmallestNonzeroFloat64)
		if low == 0 {
			half = 1
		}
		return low - half, high + half
	}
	return low, high
}

// Times writes a power of two as how many times.
func Times(v float64) string {
	if v >= 0.25 {
		return fmt.Sprintf("%gx", v)
	}
	return fmt.Sprintf("1/%.0fx", 1/v)
}

// Odds writes ln of evidence as what it is: so many times likelier than chance.
func Odds(log float64) string {
	switch e := math.Exp(log); {
	case e >= 1e6:
		return ">1000000"
	case e >= 10:
		return fmt.Sprintf("%.0f", e)
	case e >= 0.1:
		return fmt.Sprintf("%.1f", e)
	}
	return "<0.1"
}

// Amount writes a value of an arm by the kind of its metric.
func Amount(kind string, v float64) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case kind == "Latency":
		return lasting(v)
	case kind == GoalOfMeans && math.Abs(v) >= 1000:
		return fmt.Sprintf("%.0f", v)
	case kind == GoalOfMeans:
		return fmt.Sprintf("%.4g", v)
	case kind == "Threshold" || math.Abs(v) > 1:
		return fmt.Sprintf("%.3g", v)
	}
	return fmt.Sprintf("%.3g%%", 100*v)
}

// lasting writes seconds.
func lasting(v float64) string {
	switch d := time.Duration(v * float64(time.Second)); {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return fmt.Sprintf("%.2gs", v)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3gms", v*1e3)
	default:
		return d.Round(time.Microsecond).String()
	}
}

// ArmWords are what the values of both arms are, and what each is called, by the kind of a metric. Empty is none.
func ArmWords(kind string) (value, canary, stable string) {
	switch kind {
	case "Latency":
		return "quantile", "canary", "stable"
	case "Split":
		return "share", "measured", "declared"
	case "Threshold":
		return "value", "latest", ""
	case "Objective":
		return "rate", "canary", ""
	case Goal:
		return "share of users so far", "canary", "stable"
	case GoalOfMeans:
		return "mean of users so far", "canary", "stable"
	}
	return "rate", "canary", "stable"
}

// RatioTo is what a metric's ratio is to.
func RatioTo(kind string) string {
	switch kind {
	case "Objective":
		return "its limit"
	case "Split":
		return "its declared share"
	}
	return "stable"
}
