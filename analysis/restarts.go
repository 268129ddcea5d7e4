package analysis

import "time"

// Restarts are when evidence begins afresh beside the old, so that a canary which turns bad late is found early: half of the
// wealth is bet at once, the rest in equal parts over the planned time.
type Restarts struct {
	// Every is the time between two; 0 has none.
	Every time.Duration
	// Planned is for how long they are of equal parts; at least Every.
	Planned time.Duration
}

// invested is the part that is bet at once.
func (r Restarts) invested() float64 {
	if r.Every <= 0 {
		return 1
	}
	return 0.5
}

// clock tells when restarts are due. They depend on the time alone, so that they don't depend on what is tested.
type clock struct {
	first time.Time
	done  int64
}

// due is the part of the wealth to bet afresh before an interval that starts then.
func (c *clock) due(r Restarts, start time.Time) float64 {
	if r.Every <= 0 {
		return 0
	}
	if c.first.IsZero() {
		c.first = start
	}
	passed := max(int64(start.Sub(c.first)/r.Every), c.done)
	due := r.begun(passed) - r.begun(c.done)
	c.done = passed
	return due
}

// later is the share of what is bet afresh that is kept for after the planned time, without end.
const later = 0.1

// begun is what the first n restarts bet in all: in equal parts over the planned time, and from then on ever less, so that
// there is always something left to begin with, and who turns bad after days is found nearly as soon.
func (r Restarts) begun(n int64) float64 {
	planned := float64(max(r.Planned, r.Every)) / float64(r.Every)
	all, k := 1-r.invested(), float64(n)
	if k <= planned {
		return all * (1 - later) * k / planned
	}
	return all * (1 - later*planned/k)
}
