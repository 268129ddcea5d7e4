package sequential

import "math"

// Claims about a quantile itself are as coarse as the buckets, so they are for people to look at, not for decisions: section
// 2 (b) of the note, number 4. Each is a Threshold test of the fraction slower than an edge, with multipliers of the odds.

func quantileOdds() []float64 { return []float64{1.1, 1.25, 1.5, 2, 3, 5} }

// quantileLog is ln of the evidence that the fraction of slow ones is not what a quantile says: above it, or else below.
func quantileLog(tail Arm, quantile float64, above bool) float64 {
	if !usable(tail.Exposures, tail.Events) || tail.Events > tail.Exposures {
		return 0
	}
	slow := 1 - quantile
	logs := quantileOdds()
	for j, odds := range logs {
		if !above {
			odds = 1 / odds
		}
		rate := odds * slow / (1 - slow + odds*slow)
		logs[j] = tail.Events*math.Log(rate/slow) + (tail.Exposures-tail.Events)*math.Log((1-rate)/(1-slow))
	}
	return Merge(logs, nil)
}

// QuantileBand is the range of a quantile, 0 to 1 with ends excluded, that all requests so far leave open at level alpha, by
// edges: low is 0 and high +Inf where no edge is excluded.
func QuantileBand(h Histogram, quantile, alpha float64) (low, high float64) {
	high = math.Inf(1)
	least := -math.Log(alpha / 2)
	for _, edge := range h.Edges {
		tail, _ := h.Tail(edge)
		if quantileLog(tail, quantile, true) >= least {
			low = edge
		}
		if math.IsInf(high, 1) && quantileLog(tail, quantile, false) >= least {
			high = edge
		}
	}
	return low, high
}

// QuantileClaim is ln of the evidence that the canary's quantile is above stable's, from all requests so far. It only sees what
// is more than a bucket. The histograms have the same edges, as Restrict and Common make them.
func QuantileClaim(canary, stable Histogram, quantile float64) float64 {
	claim := math.Inf(1)
	for b := -1; b < len(canary.Edges); b++ {
		// Before the first edge nothing of stable is known to be below, and above the last all of the canary is.
		slower, faster := 0.0, 0.0
		if b+1 < len(canary.Edges) {
			tail, _ := canary.Tail(canary.Edges[b+1])
			slower = quantileLog(tail, quantile, true)
		} else {
			slower = quantileLog(Arm{Exposures: canary.Count}, quantile, true)
		}
		if b >= 0 {
			tail, _ := stable.Tail(stable.Edges[b])
			faster = quantileLog(tail, quantile, false)
		} else {
			faster = quantileLog(Arm{Exposures: stable.Count, Events: stable.Count}, quantile, false)
		}
		claim = math.Min(claim, slower+faster)
	}
	return claim
}
