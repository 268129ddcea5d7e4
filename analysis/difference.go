package analysis

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Goal is what a Difference judge is asked.
type Goal struct {
	// Name is what people call the rate of events, such as "conversion".
	Name string
	// More says that more events are better; otherwise fewer are.
	More bool
	// Alpha is the chance that the band ever misses the true difference.
	Alpha float64
	// Planned is the number of users of both arms at which the band is to be tightest, at least 1.
	Planned float64
	// Same is the absolute difference that means nothing, at least 0: a band within it ends the test; 0 never does.
	Same float64
	// Phi is how many times noisier than independent users the counts are; under 1 counts as 1. Exposures are users, not requests: if
	// they are requests, those of one user belong together.
	Phi float64
}

// Outcomes of an A/B test.
const (
	// EffectOpen: the band has 0 in it.
	EffectOpen = "Open"
	// EffectBetter and EffectWorse: the canary was shown to be so.
	EffectBetter = "Better"
	EffectWorse  = "Worse"
	// EffectSame: the difference was shown to mean nothing.
	EffectSame = "Same"
	// EffectSkewed: users were not shared as declared, so that the difference may be one of users.
	EffectSkewed = "Skewed"
)

// Effect is the canary's rate minus stable's.
type Effect struct {
	// Outcome is one of EffectOpen, EffectBetter, EffectWorse, EffectSame and EffectSkewed.
	Outcome string
	// Difference and the half width of its band are absolute, events per exposure. Half is +Inf without data.
	Difference, Half float64
}

// MeanInterval is what both arms did between two scrapes, by the values of what each user did.
type MeanInterval struct {
	Start, End time.Time
	// Canary and Stable are the increments of the counters of users, of the sum of their values and of that of the squares.
	Canary, Stable sequential.Moments
	// Weight is as in Interval.
	Weight int32
}

// Difference judges an A/B test by the absolute difference of two rates, or of two means. Use NewDifference.
type Difference struct {
	asked  Goal
	test   *sequential.Difference
	sample *Split
	found  Finding
	means  bool
}

// NewDifference has seen nothing yet.
func NewDifference(asked Goal) *Difference {
	ratio := DefaultSampleRatio()
	ratio.Phi = math.Max(asked.Phi, 1)
	return &Difference{asked: asked, test: sequential.NewDifference(asked.Planned), sample: NewSplit(ratio)}
}

// Shared checks the sample ratio: whether the users of further intervals, in the order of time, were shared as these declare.
func (d *Difference) Shared(intervals ...Interval) { d.sample.Add(intervals...) }

// skewed: the sample ratio is off. It may be right again later.
func (d *Difference) skewed() bool { return d.sample.Verdict() == v1alpha1.VerdictFail }

// Add takes further intervals, in the order of time.
func (d *Difference) Add(intervals ...Interval) {
	for _, interval := range intervals {
		if d.found.Start.IsZero() {
			d.found.Start = interval.Start
		}
		d.found.Every = interval.length()
		canary, stable := sequential.Arm(interval.Canary), sequential.Arm(interval.Stable)
		if !d.test.Add(interval.Weight, stable, canary) {
			d.found.LeftOut++
			continue
		}
		d.found.Last = interval.End // no new user is no lack of data
		d.found.Used++
		d.found.Canary, d.found.Stable = d.found.Canary.plus(interval.Canary), d.found.Stable.plus(interval.Stable)
	}
}

// AddMeans takes further intervals of values, in the order of time. What was given events is not given values.
func (d *Difference) AddMeans(intervals ...MeanInterval) {
	d.means = true
	for _, interval := range intervals {
		if d.found.Start.IsZero() {
			d.found.Start = interval.Start
		}
		d.found.Every = interval.End.Sub(interval.Start)
		canary, stable := interval.Canary, interval.Stable
		if !d.test.AddMeans(interval.Weight, stable, canary) {
			d.found.LeftOut++
			continue
		}
		d.found.Last = interval.End
		d.found.Used++
		d.found.Canary = d.found.Canary.plus(Counts{canary.Exposures, canary.Sum})
		d.found.Stable = d.found.Stable.plus(Counts{stable.Exposures, stable.Sum})
	}
}

// Effect is what is known of the difference now.
func (d *Difference) Effect() Effect {
	difference, _, half := d.test.Range(d.asked.Alpha, d.asked.Phi)
	e := Effect{Outcome: EffectOpen, Difference: difference, Half: half}
	good := difference
	if !d.asked.More {
		good = -difference
	}
	switch {
	case d.skewed():
		e.Outcome = EffectSkewed
	case d.asked.Same > 0 && math.Abs(difference)+half <= d.asked.Same:
		e.Outcome = EffectSame
	case good-half > 0 && d.uncounted() == "":
		e.Outcome = EffectBetter
	case good+half < 0:
		e.Outcome = EffectWorse
	}
	return e
}

// uncounted is the version that has no event at all; empty if both have some. It may be that its events aren't counted, or not under this
// name, so that nobody wins by that.
func (d *Difference) uncounted() string {
	switch {
	case d.found.Canary.Events == 0:
		return "canary"
	case d.found.Stable.Events == 0:
		return "stable"
	}
	return ""
}

// Verdict is Pass for what is better, Fail for what is worse. What is the same is inconclusive, since it is nothing to win by, and so is
// what can't be compared.
func (d *Difference) Verdict() v1alpha1.Verdict {
	if d.found.Canary.Exposures == 0 || d.found.Stable.Exposures == 0 {
		return v1alpha1.VerdictNoData
	}
	switch d.Effect().Outcome {
	case EffectBetter:
		return v1alpha1.VerdictPass
	case EffectWorse:
		return v1alpha1.VerdictFail
	default:
		return v1alpha1.VerdictInconclusive
	}
}

// Finding is what is to be said of all intervals so far. It has no e-values, since an A/B test is no part of a Judgement, and no ratio:
// Effect has the difference.
func (d *Difference) Finding() Finding {
	f := d.found
	f.Verdict, f.Phi = d.Verdict(), math.Max(d.asked.Phi, 1)
	if f.Verdict == v1alpha1.VerdictNoData {
		f.Reason = d.asked.Name + " not known: not both arms have users"
		return f
	}
	e := d.Effect()
	if e.Outcome == EffectSkewed {
		f.Reason = d.sample.Finding().Reason + "; see whether users are kept for as long as the test lasts, and each is counted once"
		return f
	}
	show := percent
	if d.means {
		show = func(value float64) string { return strconv.FormatFloat(value, 'g', 4, 64) }
	}
	f.Reason = fmt.Sprintf("%s %s of canary and %s of stable, difference %s (%s to %s)", d.asked.Name,
		show(f.Canary.Events/f.Canary.Exposures), show(f.Stable.Events/f.Stable.Exposures),
		show(e.Difference), show(e.Difference-e.Half), show(e.Difference+e.Half))
	switch e.Outcome {
	case EffectBetter:
		f.Reason += ", which is better"
	case EffectWorse:
		f.Reason += ", which is worse"
	case EffectSame:
		f.Reason += ", which means nothing"
	default:
		f.Reason += ", which shows nothing yet"
		if arm := d.uncounted(); arm != "" && math.Abs(e.Difference) > e.Half {
			f.Reason += fmt.Sprintf(": none is counted of %s; see whether its events are called so there", arm)
		}
	}
	return f
}
