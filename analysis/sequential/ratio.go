package sequential

import "math"

// Worse are the multipliers of the null ratio that a regression is looked for at: 1.1 times and more. Smaller ones are not chased.
func worse() []float64 { return []float64{1.1, 1.25, 1.5, 2, 3, 5, 10, 30} }

// Ratio tests the ratio of the canary's rate of events to stable's, r = (e_c/x_c)/(e_s/x_s), against a null ratio: engine A of
// the research note, section 2. For each multiplier m an interval is worth the likelihood ratio of the canary's share of all
// events, which is binomial with share r*x_c/(r*x_c+x_s):
//
//	l = (e_c*ln m - (e_c+e_s)*ln((m*null*x_c+x_s)/(null*x_c+x_s))) / phi
//
// The base rate may move freely from interval to interval, and the weight too. Events may be Poisson or Bernoulli of any
// rate; on rates above 20 % it is valid but slow, which is what Fisher is for.
type Ratio struct {
	Wealth
	null        float64
	multipliers []float64
}

// NewWorse tests the null "the canary is at most null times as bad", null above 0. Invested, above 0 and up to 1, is bet at
// once; the rest is for Invest.
func NewWorse(null, invested float64) *Ratio {
	return newRatio(null, worse(), nil, invested)
}

// NewNotWorse tests the null "the canary is at least null times as bad", null above 1: its wealth is the evidence that the
// canary may go on. Half of the bet is on a ratio of 1, a quarter on 0.5, a quarter on the root of null.
func NewNotWorse(null float64) *Ratio {
	return newRatio(null, []float64{1 / null, 0.5 / null, 1 / math.Sqrt(null)}, []float64{0.5, 0.25, 0.25}, 1)
}

func newRatio(null float64, multipliers, shares []float64, invested float64) *Ratio {
	return &Ratio{Wealth: newWealth(len(multipliers), shares, invested), null: null, multipliers: multipliers}
}

// Add bets on one interval, and says whether it could: not if an arm had no exposures. Phi is how many times noisier the
// split of the events is than that of independent ones, at least 1.
func (r *Ratio) Add(canary, stable Arm, phi float64) bool {
	if !Comparable(canary, stable) {
		return false
	}
	events := canary.Events + stable.Events
	base := r.null*canary.Exposures + stable.Exposures
	for j, m := range r.multipliers {
		r.pay(j, canary.Events*math.Log(m)-events*math.Log((m*r.null*canary.Exposures+stable.Exposures)/base), phi)
	}
	return true
}

// Clone has seen the same, and goes on apart.
func (r *Ratio) Clone() *Ratio {
	return &Ratio{Wealth: r.clone(), null: r.null, multipliers: r.multipliers}
}

// Comparable holds if both arms had exposures, and all counts can be believed: if their interval can be used.
func Comparable(canary, stable Arm) bool {
	return usable(canary.Exposures, canary.Events, stable.Exposures, stable.Events) && canary.Exposures > 0 && stable.Exposures > 0
}

// Split tests whether the canary gets the share of requests that was declared: section 2 (c) of the note. Events are
// requests, exposures are the declared shares; the null is that the odds are within a factor 1+tau of the declared ones.
type Split struct {
	above, below *Ratio
}

// NewSplit has the tolerance tau, at least 0: 0.1 lets a declared 10 % be 9.2 to 10.9 %.
func NewSplit(tau, invested float64) *Split {
	above := []float64{1.02, 1.05, 1.1, 1.25, 1.5, 2, 5}
	below := make([]float64, len(above))
	for j, m := range above {
		below[j] = 1 / m
	}
	return &Split{
		above: newRatio(1+tau, above, nil, invested),
		below: newRatio(1/(1+tau), below, nil, invested),
	}
}

// Add takes the requests of both arms in an interval of one declared weight of the canary, above 0 and under 1.
func (s *Split) Add(canary, stable, weight, phi float64) bool {
	added := s.above.Add(Arm{weight, canary}, Arm{1 - weight, stable}, phi)
	return s.below.Add(Arm{weight, canary}, Arm{1 - weight, stable}, phi) && added
}

// Invest bets some of the cash of both sides afresh, as on a new step.
func (s *Split) Invest(part float64) {
	s.above.Invest(part)
	s.below.Invest(part)
}

// Cash is what isn't bet yet on either side, 0 to 1.
func (s *Split) Cash() float64 { return s.above.Cash() }

// Log is ln of the e-value of both sides, their mean.
func (s *Split) Log() float64 { return Merge([]float64{s.above.Log(), s.below.Log()}, nil) }
