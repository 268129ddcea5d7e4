package analysis

import (
	"math"

	"crossfade.io/crossfade/analysis/sequential"
)

// bets are what a Compare has made of the intervals that it used.
type bets struct {
	worse, safe *sequential.Ratio
	// safeAtHalf is nil where the limit is the same at all weights.
	safeAtHalf *sequential.Ratio
	// above and under are nil where there is no floor.
	above, under *sequential.Threshold

	band    *sequential.Band
	noise   *sequential.Noise
	confirm sequential.Confirm

	canary, stable Counts
	used           int
}

func newBets(asked Comparison) bets {
	b := bets{
		worse:   sequential.NewWorse(asked.Margin, asked.Restarts.invested()),
		safe:    sequential.NewNotWorse(asked.Limit),
		band:    sequential.NewBand(defaultSpread),
		noise:   sequential.NewNoise(),
		confirm: sequential.NewConfirm(asked.Confirm),
	}
	if asked.LimitAtHalf > 0 {
		b.safeAtHalf = sequential.NewNotWorse(asked.LimitAtHalf)
	}
	if asked.Floor > 0 {
		b.above = sequential.NewViolation(asked.Floor, asked.Restarts.invested())
		b.under = sequential.NewMeets(asked.Floor)
	}
	return b
}

// clone has seen the same, and goes on apart.
func (b *bets) clone() bets {
	other := *b
	band, noise := *b.band, *b.noise
	other.worse, other.safe, other.confirm, other.band, other.noise = b.worse.Clone(), b.safe.Clone(), b.confirm.Clone(), &band, &noise
	if b.safeAtHalf != nil {
		other.safeAtHalf = b.safeAtHalf.Clone()
	}
	if b.above != nil {
		other.above, other.under = b.above.Clone(), b.under.Clone()
	}
	return other
}

func (b *bets) invest(part float64) {
	b.worse.Invest(part)
	if b.above != nil {
		b.above.Invest(part)
	}
}

// fits says whether there is something to compare.
func (b *bets) fits(interval Interval) bool {
	return sequential.Comparable(sequential.Arm(interval.Canary), sequential.Arm(interval.Stable))
}

// add uses an interval that fits, which belongs to that minute.
func (b *bets) add(interval Interval, phi float64, minute int64) {
	canary, stable := sequential.Arm(interval.Canary), sequential.Arm(interval.Stable)
	b.worse.Add(canary, stable, phi)
	b.safe.Add(canary, stable, phi)
	if b.safeAtHalf != nil {
		b.safeAtHalf.Add(canary, stable, phi)
	}
	if b.above != nil {
		b.above.Add(canary, phi)
		b.under.Add(canary, phi)
	}
	b.band.Add(canary, stable, phi)
	b.noise.Add(canary, stable, minute)
	b.confirm.Add(b.worseLog())
	b.canary, b.stable, b.used = b.canary.plus(interval.Canary), b.stable.plus(interval.Stable), b.used+1
}

// worseLog is ln of the evidence for "worse than the margin and above the floor": the lesser of both.
func (b *bets) worseLog() float64 {
	if b.above == nil {
		return b.worse.Log()
	}
	return math.Min(b.worse.Log(), b.above.Log())
}

// safeLog is ln of the evidence for "under the limit or under the floor", the mean of both. The limit is the one from half of the
// traffic on, or the other.
func (b *bets) safeLog(atHalf bool) float64 {
	safe := b.safe.Log()
	if atHalf {
		safe = b.safeAtHalf.Log()
	}
	if b.under == nil {
		return safe
	}
	return sequential.Merge([]float64{safe, b.under.Log()}, nil)
}

func (c Counts) plus(other Counts) Counts {
	return Counts{Exposures: c.Exposures + other.Exposures, Events: c.Events + other.Events}
}
