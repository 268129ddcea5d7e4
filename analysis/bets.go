package analysis

import (
	"math"

	"crossfade.io/crossfade/analysis/sequential"
)

// bets are what a Compare has made of the intervals that it used.
type bets struct {
	worse *sequential.Ratio
	// above is nil where there is no floor.
	above *sequential.Threshold
	safe  safety

	band    *sequential.Band
	noise   *sequential.Noise
	confirm sequential.Confirm

	canary, stable Counts
	used           int
}

func newBets(asked Comparison) bets {
	b := bets{
		worse:   sequential.NewWorse(asked.Margin, asked.Restarts.invested()),
		safe:    newSafety(asked),
		band:    sequential.NewBand(defaultSpread),
		noise:   sequential.NewNoise(),
		confirm: sequential.NewConfirm(asked.Confirm),
	}
	if asked.Floor > 0 {
		b.above = sequential.NewViolation(asked.Floor, asked.Restarts.invested())
	}
	return b
}

// clone has seen the same, and goes on apart.
func (b *bets) clone() bets {
	other := *b
	band, noise := *b.band, *b.noise
	other.worse, other.safe, other.confirm, other.band, other.noise = b.worse.Clone(), b.safe.clone(), b.confirm.Clone(), &band, &noise
	if b.above != nil {
		other.above = b.above.Clone()
	}
	return other
}

func (b *bets) invest(part float64) {
	b.worse.Invest(part)
	if b.above != nil {
		b.above.Invest(part)
	}
}

// add uses an interval that can be compared, which belongs to that minute.
func (b *bets) add(interval Interval, phi float64, minute int64) {
	canary, stable := sequential.Arm(interval.Canary), sequential.Arm(interval.Stable)
	b.worse.Add(canary, stable, phi)
	b.safe.add(canary, stable, phi)
	if b.above != nil {
		b.above.Add(canary, phi)
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

// safety is the evidence that the canary is good.
type safety struct {
	limit *sequential.Ratio
	// limitAtHalf is nil where the limit is the same at all weights.
	limitAtHalf *sequential.Ratio
	// under is nil where there is no floor.
	under *sequential.Threshold
}

func newSafety(asked Comparison) safety {
	s := safety{limit: sequential.NewNotWorse(asked.Limit)}
	if asked.LimitAtHalf > 0 {
		s.limitAtHalf = sequential.NewNotWorse(asked.LimitAtHalf)
	}
	if asked.Floor > 0 {
		s.under = sequential.NewMeets(asked.Floor)
	}
	return s
}

func (s safety) clone() safety {
	other := safety{limit: s.limit.Clone()}
	if s.limitAtHalf != nil {
		other.limitAtHalf = s.limitAtHalf.Clone()
	}
	if s.under != nil {
		other.under = s.under.Clone()
	}
	return other
}

func (s safety) add(canary, stable sequential.Arm, phi float64) {
	s.limit.Add(canary, stable, phi)
	if s.limitAtHalf != nil {
		s.limitAtHalf.Add(canary, stable, phi)
	}
	if s.under != nil {
		s.under.Add(canary, phi)
	}
}

// log is ln of the evidence for "under the limit or under the floor", the mean of both. The limit is the one from half of the
// traffic on, or the other.
func (s safety) log(atHalf bool) float64 {
	limit := s.limit.Log()
	if atHalf {
		limit = s.limitAtHalf.Log()
	}
	if s.under == nil {
		return limit
	}
	return sequential.Merge([]float64{limit, s.under.Log()}, nil)
}

func (c Counts) plus(other Counts) Counts {
	return Counts{Exposures: c.Exposures + other.Exposures, Events: c.Events + other.Events}
}
