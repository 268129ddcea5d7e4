package sequential

import "math"

// OvershootWorse is what NewWorse needs beyond ln(1/alpha), in nats, since it does not know the true ratio: section 2 (g) of the note.
const OvershootWorse = 1.5

// OvershootSafe is the same of the test that passes a canary.
const OvershootSafe = 0.7

// Traffic is what an analysis has to work with.
type Traffic struct {
	// Rate is the requests of both arms, per second.
	Rate float64
	// Weight is the canary's share of them, 0 to 1.
	Weight float64
	// Base is stable's rate of events, events per request.
	Base float64
	// Phi is how many times noisier than independent events they are; under 1 counts as 1.
	Phi float64
}

// Information is how fast the evidence against a ratio of null grows if the true ratio is this, in nats per second.
func (t Traffic) Information(ratio, null float64) float64 {
	events := t.Rate * t.Base * (t.Weight*ratio + 1 - t.Weight)
	share := func(r float64) float64 { return r * t.Weight / (r*t.Weight + 1 - t.Weight) }
	return events * divergence(share(ratio), share(null)) / inflation(t.Phi)
}

// Seconds is how long it takes on average to show, at level alpha, that a true ratio is not null; +Inf if it never does. Overshoot
// is OvershootWorse, or that of another test. Times Rate it is the number of requests needed.
func (t Traffic) Seconds(ratio, null, alpha, overshoot float64) float64 {
	information := t.Information(ratio, null)
	if !(information > 0) {
		return math.Inf(1)
	}
	return (-math.Log(alpha) + overshoot) / information
}

// Detectable is the smallest ratio that is found to be above null within so many seconds, on average; +Inf if none up to
// 1000 is.
func (t Traffic) Detectable(null, alpha, seconds float64) float64 {
	late := func(ratio float64) bool { return !(t.Seconds(ratio, null, alpha, OvershootWorse) <= seconds) }
	const largest = 1000.0
	if late(largest) {
		return math.Inf(1)
	}
	return boundary(largest, null, late)
}

// FewestEvents is how many events of the canary, and none of stable, decide that it is worse than null, at this weight of the
// canary (0 to 1, ends excluded) and level alpha.
func FewestEvents(weight, null, alpha float64) int {
	test := NewWorse(null, 1)
	for events := 1; ; events++ {
		test.Add(Arm{weight, 1}, Arm{1 - weight, 0}, 1)
		if test.Log() >= -math.Log(alpha) || events == 10000 {
			return events
		}
	}
}

// divergence is the Kullback-Leibler divergence of one coin from another, in nats.
func divergence(a, b float64) float64 {
	return times(a, math.Log(a/b)) + times(1-a, math.Log((1-a)/(1-b)))
}

// Remaining is how many times as long as until now it takes until evidence reaches level alpha, if it grows on as it has, from ln
// of the e-value: 0 if it is there, +Inf if it doesn't grow. It is for tests of which no base rate is known.
func Remaining(log, alpha float64) float64 {
	switch wanted := -math.Log(alpha); {
	case log >= wanted:
		return 0
	case log <= 0:
		return math.Inf(1)
	default:
		return (wanted - log) / log
	}
}
