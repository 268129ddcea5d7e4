package analysis

import (
	"fmt"
	"math"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Comparison is what a Compare judge is asked.
type Comparison struct {
	// Rate and Events are what people call the events by exposures, and the events: "error rate", "errors".
	Rate, Events string
	// Alpha is the chance, 0 to 1, that a canary no worse than the margin ever fails; AlphaPass is the chance that one at the limit passes
	// at a given look.
	Alpha, AlphaPass float64
	// Margin is the ratio to stable up to which a canary never fails, above 0; Limit is the one that a canary which passes is
	// shown to be under, above 1. LimitAtHalf is the limit from a weight of 50 % on; 0 is Limit.
	Margin, Limit, LimitAtHalf float64
	// Floor is the rate, events per exposure, up to which a canary never fails; 0 is no floor, as events that aren't part of
	// their exposures need.
	Floor    float64
	Restarts Restarts
	// Confirm is on how many intervals in a row an alarm must stand; under 1 counts as 1, and with the guard under 2 as 2.
	Confirm int
	// Guard leaves out intervals in which both arms together jump, which arms that are scraped at different times need. The one
	// before a jump is taken back, so no alarm may stand on it alone.
	Guard bool
	// Phi is how many times noisier than independent requests the traffic is, at least 1, as Calibrate finds it. 0 learns it on the way.
	Phi float64
}

// Compare judges the canary's rate of events by stable's over the same intervals. It fails when the canary is shown to be worse than
// the margin, and above the floor; it passes while the canary is shown to be under the limit, or under the floor, and nothing to speak of
// says that it is worse. It has no data once two intervals in a row can't be used. What fails once, fails.
// Use NewCompare.
type Compare struct {
	asked Comparison
	clock clock
	guard sequential.Guard
	bets  bets
	// before are the bets without the last interval, nil if that was left out.
	before *bets
	// all is the evidence from all intervals, those that were left out too: nothing that the canary did may help it to pass by being
	// left out.
	all claims
	// found has the times, and how many intervals came; weight is that of the last one, and end when it ended.
	found  Finding
	weight int32
	end    time.Time
	// lateCanary and lateStable are events that wait for an interval with requests.
	lateCanary, lateStable late
	// failed is the finding at the moment of the alarm.
	failed *Finding
}

// NewCompare has seen nothing yet.
func NewCompare(asked Comparison) *Compare {
	if asked.Guard {
		asked.Confirm = max(asked.Confirm, 2)
	}
	return &Compare{asked: asked, bets: newBets(asked), all: newClaims(asked)}
}

// Add takes further intervals, in the order of time.
func (c *Compare) Add(intervals ...Interval) {
	for _, interval := range intervals {
		c.add(interval)
	}
}

// add says whether the interval was used.
func (c *Compare) add(interval Interval) bool { return c.take(interval, true) }

// take says whether the interval was used, which it isn't unless it is fit. One that isn't may only keep the canary from passing.
func (c *Compare) take(interval Interval, fit bool) bool {
	c.see(interval)
	interval.Canary, interval.Stable = c.lateCanary.keep(interval.Canary), c.lateStable.keep(interval.Stable)
	if sequential.Comparable(sequential.Arm(interval.Canary), sequential.Arm(interval.Stable)) {
		interval.Canary, interval.Stable = c.lateCanary.give(interval.Canary), c.lateStable.give(interval.Stable)
	}
	canary, stable, phi := sequential.Arm(interval.Canary), sequential.Arm(interval.Stable), c.phi()
	usable := sequential.Comparable(canary, stable)
	if usable {
		c.found.Last = interval.End
	}
	jumps := c.asked.Guard && c.guard.Jumps(canary, stable) || !fit
	if jumps && c.before != nil {
		c.bets = *c.before
		c.found.LeftOut++
	}
	c.before = nil
	due := c.clock.due(c.asked.Restarts, interval.Start)
	c.all.invest(due)
	c.all.add(canary, stable, phi)
	c.bets.invest(due)
	if jumps || !usable {
		c.found.LeftOut++
		return false
	}
	if c.asked.Guard {
		before := c.bets.clone()
		c.before = &before
	}
	c.bets.add(interval, phi, int64(interval.Start.Sub(c.found.Start)/time.Minute))
	if c.failed == nil && reaches(c.worse(), c.asked.Alpha) {
		failed := c.standing()
		c.failed = &failed
	}
	return true
}

// see notes that an interval came, of whatever use.
func (c *Compare) see(interval Interval) {
	if c.found.Start.IsZero() {
		c.found.Start = interval.Start
	}
	c.found.Every, c.weight, c.end = interval.length(), interval.Weight, interval.End
}

func (c *Compare) role() role { return roleEvidence }

func (c *Compare) worse() float64 { return c.bets.confirm.Log() }

func (c *Compare) phi() float64 {
	if c.asked.Phi > 0 {
		return math.Max(c.asked.Phi, 1)
	}
	return c.bets.noise.Phi()
}

func (c *Compare) safeLog() float64 {
	return math.Min(c.bets.safe.log(c.atHalf()), c.all.safe.log(c.atHalf()))
}

// doubtLog is ln of the evidence of its being worse that no interval need confirm, to keep it from passing.
func (c *Compare) doubtLog() float64 { return math.Max(c.bets.worseLog(), c.all.worseLog()) }

func (c *Compare) atHalf() bool {
	const half = 500_000
	return c.asked.LimitAtHalf > 0 && c.weight >= half
}

func (c *Compare) limit() float64 {
	if c.atHalf() {
		return c.asked.LimitAtHalf
	}
	return c.asked.Limit
}

// Verdict is that of Finding, without the numbers.
func (c *Compare) Verdict() v1alpha1.Verdict {
	return c.found.verdict(c.shown(), c.failed != nil, c.end)
}

// shown is what the evidence shows as it is now, however old.
func (c *Compare) shown() v1alpha1.Verdict {
	switch {
	case reaches(c.worse(), c.asked.Alpha):
		return v1alpha1.VerdictFail
	case c.bets.used == 0:
		return v1alpha1.VerdictNoData
	case reaches(c.safeLog(), c.asked.AlphaPass) && !doubtful(c.doubtLog()):
		return v1alpha1.VerdictPass
	default:
		return v1alpha1.VerdictInconclusive
	}
}

// Finding is what is to be said of all intervals so far. Once it fails, the reason is that of the moment, and the numbers go on.
func (c *Compare) Finding() Finding {
	if c.failed == nil {
		return c.standing()
	}
	f := c.numbers()
	f.Verdict, f.Reason, f.ETA, f.Needed = v1alpha1.VerdictFail, c.failed.Reason, 0, 0
	return f
}

// standing is the finding by the evidence as it is now: what has failed may have recovered.
func (c *Compare) standing() Finding {
	f := c.numbers()
	f.Verdict = c.shown()
	switch f.Verdict {
	case v1alpha1.VerdictFail:
		f.Reason = fmt.Sprintf("%s, %s, after %s and %.0f %s",
			c.ratio(f), enough(f.Worse, c.asked.Alpha), round(f.After()), f.Canary.Events, c.asked.Events)
		f.ETA, f.Needed = 0, 0
	case v1alpha1.VerdictPass:
		f.Reason = fmt.Sprintf("%s, shown to be under %s: %s, after %s and %.0f %s",
			c.ratio(f), c.goal(), enough(f.Safe, c.asked.AlphaPass), round(f.After()), f.Canary.Events, c.asked.Events)
		f.ETA, f.Needed = 0, 0
	case v1alpha1.VerdictNoData:
		f.Reason = fmt.Sprintf("%s not known: in no interval did both canary and stable have requests", c.asked.Rate)
	case v1alpha1.VerdictInconclusive:
		f.Reason = fmt.Sprintf("%s, evidence of its being worse %s of %.0f, of its being under %s %s of %.0f",
			c.ratio(f), evidence(f.Worse), 1/c.asked.Alpha, c.goal(), evidence(f.Safe), 1/c.asked.AlphaPass)
		if reaches(f.Safe, c.asked.AlphaPass) {
			f.Reason += doubt(c.doubtLog())
		}
		if f.ETA > 0 {
			f.Reason += fmt.Sprintf(", decides in about %s", round(f.ETA))
		}
	}
	if c.found.lapsed(c.end) {
		return f.outdated()
	}
	return f
}

// goal is what a canary that passes is shown to be under.
func (c *Compare) goal() string {
	if c.asked.Floor > 0 {
		return fmt.Sprintf("%gx or %s", c.limit(), percent(c.asked.Floor))
	}
	return fmt.Sprintf("%gx", c.limit())
}

func (c *Compare) ratio(f Finding) string {
	return c.asked.Rate + " " + times(f.Ratio, f.Low, f.High, "stable")
}

func (c *Compare) numbers() Finding {
	f := c.found
	f.Used, f.Canary, f.Stable = c.bets.used, c.bets.canary, c.bets.stable
	f.Worse, f.Safe, f.Phi = c.worse(), c.safeLog(), c.phi()
	f.Ratio, f.Low, f.High = c.bets.band.Range(defaultAlphaBand)
	c.forecast(&f)
	return f
}

// forecast says when it decides, if rates are what they seem to be and traffic stays what it was.
func (c *Compare) forecast(f *Finding) {
	seconds, all := f.After().Seconds(), f.Canary.Exposures+f.Stable.Exposures
	if f.Used == 0 || !(seconds > 0) {
		return
	}
	traffic := sequential.Traffic{
		Rate: all / seconds, Weight: f.Canary.Exposures / all, Base: f.Stable.Events / f.Stable.Exposures, Phi: f.Phi,
	}
	left := math.Inf(1)
	if f.Stable.Events > 0 && f.Ratio > c.asked.Margin {
		left = (-math.Log(c.asked.Alpha) - f.Worse) / traffic.Information(f.Ratio, c.asked.Margin)
	}
	if f.Stable.Events > 0 && f.Ratio < c.limit() {
		left = math.Min(left, (-math.Log(c.asked.AlphaPass)-f.Safe)/traffic.Information(f.Ratio, c.limit()))
	}
	if safe := c.bets.safe; safe.under != nil {
		rate := f.Canary.Events / f.Canary.Exposures
		if f.Stable.Events > 0 {
			rate = math.Max(rate, traffic.Base*f.Ratio) // the ratio doesn't go by the first few events alone
		}
		requests := c.asked.underFloor(safe.under, safe.underLimit(c.atHalf()), rate, f.Phi)
		left = math.Min(left, requests/(traffic.Rate*traffic.Weight))
	}
	const longest = 24 * 3600
	if left > 0 && left < longest {
		f.ETA, f.Needed = time.Duration(left*float64(time.Second)), left*traffic.Rate
	}
}
