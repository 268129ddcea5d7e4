package sequential

import "math"

// Difference is the absolute difference of two rates or means, b's minus a's, for an A/B test: an asymptotic confidence sequence
// (Waudby-Smith et al., arXiv 2103.06476; section 2 (h) of the note). Exposures with the same split are a stratum, so that a
// base rate which moves while the split changes isn't taken for a difference. Use NewDifference.
type Difference struct {
	planned float64
	strata  map[int32]*[2]Moments
	order   []int32
}

// Moments are what is known of the values of an arm's exposures.
type Moments struct {
	// Exposures is their number; Sum and Squares are the sums of the values and of their squares. Events are values of 1, so that
	// both sums are their number.
	Exposures, Sum, Squares float64
}

// NewDifference is most narrow when about so many exposures of both arms have come, at least 1.
func NewDifference(planned float64) *Difference {
	return &Difference{planned: math.Max(planned, 1), strata: map[int32]*[2]Moments{}}
}

// Add takes one interval, in which the split was this, and says whether it could. It may have more events than exposures: who did it
// may have come before.
func (d *Difference) Add(split int32, a, b Arm) bool {
	if !usable(a.Exposures, a.Events, b.Exposures, b.Events) {
		return false
	}
	d.add(split, Moments{a.Exposures, a.Events, a.Events}, Moments{b.Exposures, b.Events, b.Events})
	return true
}

// AddMeans takes one interval of values, such as what each user spent, at least 0, and says whether it could.
func (d *Difference) AddMeans(split int32, a, b Moments) bool {
	if !usable(a.Exposures, a.Sum, b.Exposures, b.Sum) || !usable(a.Squares, b.Squares) {
		return false
	}
	d.add(split, a, b)
	return true
}

func (d *Difference) add(split int32, a, b Moments) {
	stratum := d.strata[split]
	if stratum == nil {
		stratum = &[2]Moments{}
		d.strata[split], d.order = stratum, append(d.order, split)
	}
	for i, arm := range []Moments{a, b} {
		stratum[i].Exposures += arm.Exposures
		stratum[i].Sum += arm.Sum
		stratum[i].Squares += arm.Squares
	}
}

// Range is the difference, its standard error, and half of the width of the band around it that covers the true one at all
// times with probability 1-alpha. Phi is the noise of the counts, at least 1. Until both arms of a split have exposures it is
// 0 with infinite width.
func (d *Difference) Range(alpha, phi float64) (difference, se, half float64) {
	weights, sum, variance, all := 0.0, 0.0, 0.0, 0.0
	for _, split := range d.order {
		a, b := d.strata[split][0], d.strata[split][1]
		if a.Exposures == 0 || b.Exposures == 0 {
			continue
		}
		weight := a.Exposures * b.Exposures / (a.Exposures + b.Exposures)
		weights += weight
		sum += weight * (b.Sum/b.Exposures - a.Sum/a.Exposures)
		both := Moments{a.Exposures + b.Exposures, a.Sum + b.Sum, a.Squares + b.Squares}
		variance += weight * weight * (a.varianceBeside(both) + b.varianceBeside(both))
		all += a.Exposures + b.Exposures
	}
	if weights == 0 {
		return 0, math.Inf(1), math.Inf(1)
	}
	difference, se = sum/weights, math.Sqrt(variance*inflation(phi))/weights
	return difference, se, halfWidth(se, all, d.planned, alpha)
}

// halfWidth is that of a two-sided confidence sequence after n of the planned exposures, from the standard error: the normal
// mixture, tuned to be tightest at the planned number.
func halfWidth(se, n, planned, alpha float64) float64 {
	q := (-2*math.Log(alpha) + math.Log(1-2*math.Log(alpha))) / planned
	spread := n*q + 1
	return se * math.Sqrt(n) * math.Sqrt(2*spread/(n*n*q)*math.Log(math.Sqrt(spread)/alpha))
}

// fewest is how many events, and how many exposures without one, an arm must have for its own variance to be trusted.
const fewest = 10

// varianceBeside is that of the mean of an arm, beside the values of both arms. An arm with few events knows little of its own variance,
// and claims to know its mean too well if it has got fewer than its share by chance: there that of both together holds, if it is
// larger.
func (m Moments) varianceBeside(both Moments) float64 {
	if m.few() {
		return math.Max(m.variance(), both.variance()*both.Exposures/m.Exposures)
	}
	return m.variance()
}

// few: the values that are not 0 are few, as many as would weigh alike (Kish); or those of events that are not 1 are.
func (m Moments) few() bool {
	if m.Sum == m.Squares {
		return m.Sum < fewest || m.Exposures-m.Sum < fewest
	}
	return m.Sum*m.Sum < fewest*m.Squares
}

// variance is that of the mean of an arm. Where nothing or everything was an event it counts half an event more of each kind, since
// a variance of 0 would claim to know; where all values are alike it is infinite for the same reason.
func (m Moments) variance() float64 {
	n, sum := m.Exposures, m.Sum
	if sum == m.Squares {
		if sum > n { // no count of events of so many
			return math.Inf(1)
		}
		if sum == 0 || sum == n {
			n, sum = n+1, sum+0.5
		}
		return sum / n * (1 - sum/n) / m.Exposures
	}
	spread := m.Squares/n - (sum/n)*(sum/n)
	if spread <= 0 {
		return math.Inf(1)
	}
	return spread / n
}
