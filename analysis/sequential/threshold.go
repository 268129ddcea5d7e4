package sequential

import "math"

// Threshold tests the rate of one arm against a threshold s, with no other arm: engine C of the research note, section 2.
// An interval of n exposures and k events is worth, for each multiplier m,
//
//	l = (k*ln m + (n-k)*(ln(1-s*m) - ln(1-s))) / phi
type Threshold struct {
	Wealth
	// hit and miss are what an event and an exposure without one are worth, by alternative, in nats.
	hit, miss []float64
}

// NewViolation tests the null "the rate is at most s", s above 0 and under 0.86: its wealth is the evidence that the rate is
// above. Outside of these it bets nothing, and its wealth stays 1.
func NewViolation(s, invested float64) *Threshold {
	var rates []float64
	for _, m := range worse() {
		if s*m < 0.95 {
			rates = append(rates, s*m)
		}
	}
	return newThreshold(s, rates, invested)
}

// NewMeets tests the null "the rate is at least s", s above 0 and under 1: its wealth is the evidence that the rate is below.
func NewMeets(s float64) *Threshold {
	rates := []float64{.05, .1, .2, .33, .5, .7}
	for j, m := range rates {
		rates[j] = s * m
	}
	return newThreshold(s, rates, 1)
}

func newThreshold(s float64, rates []float64, invested float64) *Threshold {
	if !(s > 0 && s < 1) {
		rates = nil
	}
	t := &Threshold{Wealth: newWealth(len(rates), nil, invested)}
	for _, rate := range rates {
		t.hit = append(t.hit, math.Log(rate)-math.Log(s))
		t.miss = append(t.miss, math.Log1p(-rate)-math.Log1p(-s))
	}
	return t
}

// Add bets on one interval, and says whether it could: not if there were no exposures. Of more events than
// exposures, as many as exposures count, as if each of them was an event.
func (t *Threshold) Add(arm Arm, phi float64) bool {
	if !usable(arm.Exposures, arm.Events) || arm.Exposures == 0 {
		return false
	}
	events := math.Min(arm.Events, arm.Exposures)
	for j := range t.hit {
		t.pay(j, events*t.hit[j]+(arm.Exposures-events)*t.miss[j], phi)
	}
	return true
}

// Clone has seen the same, and goes on apart.
func (t *Threshold) Clone() *Threshold {
	return &Threshold{Wealth: t.clone(), hit: t.hit, miss: t.miss}
}

// RateBand is the range of rates that k events in n exposures leave open at level alpha, however often one looks: Robbins'
// mixture with a Beta(1,1) prior, inverted. Both ends are within 0 to 1; without exposures it is all of it. Of more events than
// exposures, as many as exposures count.
func RateBand(arm Arm, alpha float64) (low, high float64) {
	k, n := math.Min(arm.Events, arm.Exposures), arm.Exposures
	if !usable(k, n) || n == 0 {
		return 0, 1
	}
	best := k / n
	excluded := func(p float64) bool {
		return logBeta(1+k, 1+n-k)-times(k, math.Log(p))-times(n-k, math.Log1p(-p)) >= -math.Log(alpha)
	}
	low, high = 0, 1
	if k > 0 {
		low = boundary(best, 0, excluded)
	}
	if k < n {
		high = boundary(best, 1, excluded)
	}
	return low, high
}

// boundary is where, on the way from inside to outside, excluded begins to hold, to the precision of a float64.
func boundary(inside, outside float64, excluded func(float64) bool) float64 {
	for range 80 {
		if middle := (inside + outside) / 2; excluded(middle) {
			outside = middle
		} else {
			inside = middle
		}
	}
	return inside
}

// times is a product in which 0 wins over an infinity.
func times(count, log float64) float64 {
	if count == 0 {
		return 0
	}
	return count * log
}

func logBeta(a, b float64) float64 { return logGamma(a) + logGamma(b) - logGamma(a+b) }

func logGamma(x float64) float64 {
	value, _ := math.Lgamma(x)
	return value
}
