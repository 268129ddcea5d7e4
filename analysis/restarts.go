package analysis

import "time"

// Restarts are when evidence begins afresh beside the old, so that a canary which turns bad late is found early: half of the
// wealth is bet at once, the rest in equal parts over the planned time.
type Restarts struct {
	// Every is the time between two; 0 has none.
	Every time.Duration
	// Planned is for how long there is something left to begin with; at least Every.
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
	passed := int64(start.Sub(c.first) / r.Every)
	restarts := max(passed-c.done, 0)
	c.done += restarts
	return float64(restarts) * r.invested() * float64(r.Every) / float64(max(r.Planned, r.Every))
}
