package sequential

import (
	"math"
	"slices"
)

// Guard finds intervals in which the rate of events of both arms together jumps. If the arms are scraped at different
// seconds, the start and the end of an incident that both share fall into different intervals of theirs, and look like a
// difference. Leaving such intervals out is fair, since the guard looks at totals only, and how a total is split is what
// is tested: section 2 (f) of the note. The zero value is ready.
//
// The arm that is scraped later may see the start of an incident an interval before the other, and if it is the small one the total
// doesn't jump yet. So whoever uses a Guard also takes back the interval before one that jumps. If alarms must be confirmed on a
// second interval, that costs no time and stays fair: what raises an alarm was confirmed by an interval that didn't jump.
//
// It finds no more than 12 jumps and one in 240 intervals: some incidents, but no canary whose errors always come in bursts.
type Guard struct {
	// before are the totals of the two intervals before, the last one first.
	before [2]Arm
	seen   int
	found  int
}

// A jump is by more than a factor, and by more than chance makes of it.
const (
	jumpFactor = 2
	jumpErrors = 3
)

// The jumps that are found at most: so many, and one in so many intervals.
const (
	jumpsAtFirst = 12
	jumpsOneIn   = 240
)

// Jumps says whether this interval is to be left out, and remembers it.
func (g *Guard) Jumps(canary, stable Arm) bool {
	if !usable(canary.Exposures, canary.Events, stable.Exposures, stable.Events) {
		return false
	}
	total := Arm{canary.Exposures + stable.Exposures, canary.Events + stable.Events}
	jumps := false
	for _, before := range g.before[:min(g.seen, len(g.before))] {
		jumps = jumps || jumped(before, total)
	}
	g.before[0], g.before[1] = total, g.before[0]
	g.seen++
	if !jumps || g.found >= jumpsAtFirst+g.seen/jumpsOneIn {
		return false
	}
	g.found++
	return true
}

func jumped(before, now Arm) bool {
	if before.Exposures == 0 {
		return false
	}
	scale := now.Exposures / before.Exposures
	expected := before.Events * scale
	far := now.Events > jumpFactor*expected || now.Events*jumpFactor < expected
	return far && math.Abs(now.Events-expected) > jumpErrors*math.Sqrt(math.Max(now.Events, expected)*(1+scale)+1)
}

// Confirm holds the last e-values of a test, so that an alarm must stand on several intervals in a row. The zero value
// confirms on the first; its size is at least 1.
type Confirm struct {
	size int
	last []float64
}

// NewConfirm wants an alarm to stand on so many intervals in a row; under 1 counts as 1.
func NewConfirm(size int) Confirm { return Confirm{size: max(size, 1)} }

// Clone has the same last ones, and goes on apart.
func (c *Confirm) Clone() Confirm { return Confirm{size: c.size, last: slices.Clone(c.last)} }

// Add notes ln of the e-value after an interval that was used.
func (c *Confirm) Add(log float64) {
	if len(c.last) == c.size {
		c.last = c.last[1:]
	}
	c.last = append(c.last, log)
}

// Log is the least of the last ones, and at most 0 before there are enough.
func (c *Confirm) Log() float64 {
	least := math.Inf(1)
	if len(c.last) < c.size {
		least = 0
	}
	for _, log := range c.last {
		least = math.Min(least, log)
	}
	return least
}
