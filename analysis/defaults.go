package analysis

import "time"

// What judges are asked where nobody asks for anything else. The operating characteristics in docs/judges.md are of these.
const (
	// defaultAlpha is the chance of a false rollback over a whole release, all metrics and all looks.
	defaultAlpha = 0.01
	// defaultAlphaPass is the chance of letting a canary pass that is as bad as the limit.
	defaultAlphaPass = 0.05
	// defaultMargin is the ratio up to which a canary is never rolled back, since pods differ a little; latencies differ more.
	defaultMargin, defaultMarginLatency = 1.1, 1.25
	// defaultLimit is the ratio that a canary must be shown to be under; half of the traffic shows more.
	defaultLimit, defaultLimitAtHalf = 2, 1.5
	// defaultFloor is the rate of events under which no canary is rolled back, where no error budget says it.
	defaultFloor = 0.001
	// defaultRestart is how often evidence begins afresh, planned for how long there is some to begin with.
	defaultRestart, defaultPlanned = time.Minute, time.Hour
	// defaultConfirm is on how many intervals in a row an alarm must stand.
	defaultConfirm = 2
	// defaultAlphaSplit and defaultTolerance are those of the check of the split.
	defaultAlphaSplit, defaultTolerance = 0.001, 0.1
	// defaultToleranceUsers is that of the users of an A/B test: no more than scrapes that are lost with pods may make. A bias of who
	// is counted is as large in what is found as it is here.
	defaultToleranceUsers = 0.01
	// defaultBurn is how many times faster than the objective allows the budget may be spent: a page in an hour.
	defaultBurn = 14.4
	// defaultDoubt is the evidence of being worse from which nothing passes, though it may yet be chance.
	defaultDoubt = 5
	// mostLimit is the largest rate that an objective may have as its limit: beyond it, there is none that shows as worse.
	mostLimit = 0.8
	// defaultRetry is how long after a measurement without a value one is taken again where only one is wanted.
	defaultRetry = 15 * time.Second
	// defaultQuantile is what of latencies is compared.
	defaultQuantile = 0.99
	// defaultAlphaBand is that of all bands that people look at, and of A/B tests.
	defaultAlphaBand = 0.05
	// defaultSpread is how far ratios are expected to be from 1, as a standard deviation of their logarithm.
	defaultSpread = 1
	// defaultPlannedUsers is the size at which an A/B test is to be most precise.
	defaultPlannedUsers = 20000
)

// DefaultRestarts begin afresh each minute for an hour.
func DefaultRestarts() Restarts { return Restarts{Every: defaultRestart, Planned: defaultPlanned} }

// DefaultComparison is that of error rates. Phi is 0: it is learnt, unless Calibrate knows it from history.
func DefaultComparison() Comparison {
	return Comparison{
		Rate: "error rate", Events: "errors",
		Alpha: defaultAlpha, AlphaPass: defaultAlphaPass,
		Margin: defaultMargin, Limit: defaultLimit, LimitAtHalf: defaultLimitAtHalf, Floor: defaultFloor,
		Restarts: DefaultRestarts(), Confirm: defaultConfirm, Guard: true,
	}
}

// DefaultLatency is that of the 99th percentile.
func DefaultLatency() LatencyComparison {
	comparison := DefaultComparison()
	comparison.Rate, comparison.Events = "", "slow requests"
	comparison.Margin, comparison.LimitAtHalf, comparison.Floor = defaultMarginLatency, 0, 0
	return LatencyComparison{Comparison: comparison, Quantile: defaultQuantile}
}

// DefaultSplit is that of all weights.
func DefaultSplit() SplitCheck {
	return SplitCheck{Of: "requests", Alpha: defaultAlphaSplit, Tolerance: defaultTolerance, Restarts: DefaultRestarts(), Confirm: defaultConfirm}
}

// DefaultSampleRatio is that of the users of an A/B test. They are independent.
func DefaultSampleRatio() SplitCheck {
	return SplitCheck{Of: "users", Alpha: defaultAlphaSplit, Tolerance: defaultToleranceUsers, Confirm: defaultConfirm, Phi: 1}
}

// DefaultObjective is that of an objective, such as 0.999.
func DefaultObjective(objective float64) Objective {
	return Objective{Objective: objective, Burn: defaultBurn, Alpha: defaultAlpha, AlphaPass: defaultAlphaPass, Restarts: DefaultRestarts(), Confirm: defaultConfirm}
}

// DefaultGoal is that of more events being better, such as orders.
func DefaultGoal() Goal {
	return Goal{Name: "conversion", More: true, Alpha: defaultAlphaBand, Planned: defaultPlannedUsers}
}
