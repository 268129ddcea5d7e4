package analysis

import (
	"math"

	"crossfade.io/crossfade/analysis/sequential"
)

// bets are what a Compare has made of the intervals that it used.
type bets struct {
	claims

	band    *sequential.Band
	noise   *sequential.Noise
	confirm sequential.Confirm

	canary, stable Counts
	used           int
}

func newBets(asked Comparison) bets {
	return bets{
		claims:  newClaims(asked),
		band:    sequential.NewBand(defaultSpread),
		noise:   sequential.NewNoise(),
		confirm: sequential.NewConfirm(asked.Confirm),
	}
}

// clone has seen the same, and goes on apart.
func (b *bets) clone() bets {
	other := *b
	band, noise := *b.band, *b.noise
	other.claims, other.confirm, other.band, other.noise = b.claims.clone(), b.confirm.Clone(), &band, &noise
	return other
}

// add uses an interval that can be compared, which belongs to that minute.
func (b *bets) add(interval Interval, phi float64, minute int64) {
	canary, stable := sequential.Arm(interval.Canary), sequential.Arm(interval.Stable)
	b.claims.add(canary, stable, phi)
	b.band.Add(canary, stable, phi)
	b.noise.Add(canary, stable, minute)
	b.confirm.Add(b.worseLog())
	b.canary, b.stable, b.used = b.canary.plus(interval.Canary), b.stable.plus(interval.Stable), b.used+1
}

// claims are the evidence against the canary, and for it.
type claims struct {
	worse *sequential.Ratio
	// above is nil where there is no floor.
	above *sequential.Threshold
	safe  safety
}

func newClaims(asked Comparison) claims {
	c := claims{worse: sequential.NewWorse(asked.Margin, asked.Restarts.invested()), safe: newSafety(asked)}
	if asked.Floor > 0 {
		c.above = sequential.NewViolation(asked.Floor, asked.Restarts.invested())
	}
	return c
}

func (c claims) clone() claims {
	other := claims{worse: c.worse.Clone(), safe: c.safe.clone()}
	if c.above != nil {
		other.above = c.above.Clone()
	}
	return other
}

func (c claims) invest(part float64) {
	c.worse.Invest(part)
	if c.above != nil {
		c.above.Invest(part)
	}
}

func (c claims) add(canary, stable sequential.Arm, phi float64) {
	c.worse.Add(canary, stable, phi)
	c.safe.add(canary, stable, phi)
	if c.above != nil {
		c.above.Add(canary, phi)
	}
}

// worseLog is ln of the evidence for "worse than the margin and above the floor": the lesser of both.
func (c claims) worseLog() float64 {
	if c.above == nil {
		return c.worse.Log()
	}
	return math.Min(c.worse.Log(), c.above.Log())
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

// underLimit is ln of the evidence for "under the limit", which is the one from half of the traffic on, or the other.
func (s safety) underLimit(atHalf bool) float64 {
	if atHalf {
		return s.limitAtHalf.Log()
	}
	return s.limit.Log()
}

// log is ln of the evidence for "under the limit or under the floor", the mean of both.
func (s safety) log(atHalf bool) float64 {
	limit := s.underLimit(atHalf)
	if s.under == nil {
		return limit
	}
	return sequential.Merge([]float64{limit, s.under.Log()}, nil)
}

func (c Counts) plus(other Counts) Counts {
	return Counts{Exposures: c.Exposures + other.Exposures, Events: c.Events + other.Events}
}
