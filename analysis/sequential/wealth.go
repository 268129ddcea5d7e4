// Package sequential tests two arms against each other, or one against a threshold, in such a way that one may look after
// every scrape and stop at any of them. Each test is an e-process: a bet on its null hypothesis being false, that starts with
// a wealth of 1 and that a true null keeps from growing on average. So the chance that a true null ever brings it to 1/alpha
// is at most alpha (Ville's inequality), whenever and however often one looks. Wealth is kept as a logarithm, in nats.
//
// All inputs are increments of counters. What can't be one (negative, infinite, NaN, above 1e15, a billionth of one) is left out, and leaves the
// wealth as it was: no input makes a NaN.
package sequential

import (
	"math"
	"slices"
)

// Arm is what one arm did in an interval: of Exposures, such as requests, Events were bad ones. Both are at least 0.
type Arm struct {
	Exposures, Events float64
}

// Believed says whether both can be increments of counters.
func (a Arm) Believed() bool { return usable(a.Exposures, a.Events) }

// Beside 0, increments are believed from least to most: up to there, a float64 counts in steps of 1 or finer.
const (
	least = 1e-9
	most  = 1e15
)

func usable(counts ...float64) bool {
	for _, count := range counts {
		if count != 0 && !(count >= least && count <= most) {
			return false
		}
	}
	return true
}

// Wealth is a mixture of bets, one for each alternative, and cash that is not bet yet. Its value is the e-value.
type Wealth struct {
	// shares are how the alternatives share what is bet; they add up to 1.
	shares []float64
	// logs are ln of what one unit of each bet is worth.
	logs []float64
	cash float64
}

// newWealth bets the part invested of 1, 0 to 1, at once. The shares are weights; nil has equal ones.
func newWealth(alternatives int, shares []float64, invested float64) Wealth {
	if shares == nil {
		shares = make([]float64, alternatives)
		for j := range shares {
			shares[j] = 1 / float64(alternatives)
		}
	}
	logs := make([]float64, alternatives)
	for j := range logs {
		logs[j] = math.Log(invested)
	}
	return Wealth{shares: shares, logs: logs, cash: 1 - invested}
}

// clone has the same wealth, and is bet apart.
func (w *Wealth) clone() Wealth {
	return Wealth{shares: w.shares, logs: slices.Clone(w.logs), cash: w.cash}
}

// Invest bets up to so much of the cash afresh. The new bet doesn't pay for what the canary did before, so that one which
// turns bad late is found early. The wealth stays what it is; without cash nothing happens. When to invest may depend on
// the past and on the clock, never on the interval that is added next.
func (w *Wealth) Invest(part float64) {
	part = math.Min(part, w.cash)
	if !(part > 0) {
		return
	}
	w.cash -= part
	for j := range w.logs {
		w.logs[j] = logAdd(w.logs[j], math.Log(part))
	}
}

// Cash is what isn't bet yet, 0 to 1.
func (w *Wealth) Cash() float64 { return w.cash }

// Log is ln of the wealth, which is the e-value: 0 at first, finite always.
func (w *Wealth) Log() float64 {
	if len(w.logs) == 0 {
		return 0
	}
	total := math.Log(w.cash)
	for j, log := range w.logs {
		total = logAdd(total, math.Log(w.shares[j])+log)
	}
	return math.Max(total, -most)
}

// pay multiplies the worth of the bet on alternative j by exp(l/phi).
func (w *Wealth) pay(j int, l, phi float64) {
	w.logs[j] += l / inflation(phi)
}

// inflation is phi, and 1 for what is under 1 or no number.
func inflation(phi float64) float64 {
	if !(phi > 1) {
		return 1
	}
	return phi
}

// logAdd is ln(exp(a)+exp(b)). Either may be -Inf.
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// Merge is ln of the weighted mean of e-values that are given as logarithms. It is an e-value for "every null is true"
// whatever the dependence between them (Vovk and Wang 2021), and reaches 1/alpha whenever one of them reaches 1/alpha times
// the sum of weights over its own weight. Weights are at least 0; nil has equal ones. Without any it is 0.
func Merge(logs, weights []float64) float64 {
	total, sum := math.Inf(-1), 0.0
	for m, log := range logs {
		weight := 1.0
		if weights != nil {
			weight = weights[m]
		}
		if weight > 0 && !math.IsNaN(log) {
			total, sum = logAdd(total, math.Log(weight)+log), sum+weight
		}
	}
	if sum == 0 {
		return 0
	}
	return total - math.Log(sum)
}
