package analysis

import (
	"fmt"
	"math"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Finding is what a judge says of all intervals so far, and the numbers behind it. Equal intervals make equal findings, in
// whatever portions they come.
type Finding struct {
	Verdict v1alpha1.Verdict
	// Reason is one sentence without a full stop, for people.
	Reason string
	// Worse is ln of the e-value of the canary being worse than it may be, once it stood on as many intervals as the judge
	// wants it confirmed on; Safe is ln of that of its being as good as it must be. 0 is no evidence, ln 100 is 1 %.
	Worse, Safe float64
	// Ratio is how many times as bad the canary is as what it is measured by, which is stable, or a limit. Low and High are
	// the ends of a 95 % band that holds at all looks; High may be +Inf.
	Ratio, Low, High float64
	// Canary and Stable are the sums of the intervals that were used.
	Canary, Stable Counts
	// Phi is how many times noisier than independent requests the traffic is taken to be, at least 1.
	Phi float64
	// ETA is about how long it takes to decide, if all stays as it is; 0 if that can't be said.
	ETA time.Duration
	// Needed is the number of requests of both arms that come in that time, 0 likewise.
	Needed float64
	// Used and LeftOut are how many intervals were, and were left out since both arms together jumped, or had no requests.
	Used, LeftOut int
	// Start is when the first interval began. Last is when the last one ended that could be used, jumps among them; zero before
	// there is one.
	Start, Last time.Time
	// Every is how long an interval is, the last one; 0 where nothing more is going to be measured, so that it doesn't age.
	Every time.Duration
}

// After is the time from the first interval to the last that could be used.
func (f Finding) After() time.Duration {
	if f.Last.IsZero() {
		return 0
	}
	return f.Last.Sub(f.Start)
}

// Harmful says that the evidence points to the canary's being worse than it may be, though it may yet be chance: nothing passes with it.
func (f Finding) Harmful() bool { return doubtful(f.Worse) }

// mostMissed is how many intervals in a row may be missing, or of no use, before there is no data.
const mostMissed = 2

// Aged is the finding as of now. If two intervals are missing there is no data any more, except of what is known to fail already.
func (f Finding) Aged(now time.Time) Finding {
	if f.Every > 0 && !f.Last.IsZero() && now.Sub(f.Last) > mostMissed*f.Every {
		return f.outdated()
	}
	return f
}

// lapsed says whether two intervals in a row could not be used, if the last one that came ended then.
func (f Finding) lapsed(end time.Time) bool {
	return f.Every > 0 && !f.Last.IsZero() && end.Sub(f.Last) >= mostMissed*f.Every
}

// verdict is the one to give where the evidence, however old, shows that, if the last interval that came ended then: what has
// failed stays failed.
func (f Finding) verdict(shown v1alpha1.Verdict, failed bool, end time.Time) v1alpha1.Verdict {
	switch {
	case failed || shown == v1alpha1.VerdictFail:
		return v1alpha1.VerdictFail
	case f.lapsed(end):
		return v1alpha1.VerdictNoData
	default:
		return shown
	}
}

// outdated has no data any more, except of what is known to fail already.
func (f Finding) outdated() Finding {
	if f.Verdict != v1alpha1.VerdictFail && f.Verdict != v1alpha1.VerdictNoData {
		f.Reason = fmt.Sprintf("no requests to judge by since %s, which is two scrapes or more; before that: %s", f.Last.UTC().Format(time.TimeOnly), f.Reason)
		f.Verdict, f.ETA, f.Needed = v1alpha1.VerdictNoData, 0, 0
	}
	return f
}

// reaches says whether ln of an e-value is enough at level alpha.
func reaches(log, alpha float64) bool { return log >= -math.Log(alpha) }

// doubtful says whether ln of the evidence of being worse keeps from passing.
func doubtful(log float64) bool { return log >= math.Log(defaultDoubt) }

// doubt says why what is shown to be good doesn't pass.
func doubt(log float64) string {
	return fmt.Sprintf("; with %s before it is confirmed, and from %d on nothing passes", evidence(log), defaultDoubt)
}

// evidence writes an e-value for people.
func evidence(log float64) string {
	const largest = 1e6
	switch e := math.Exp(log); {
	case e >= largest:
		return ">1000000"
	case e >= 10:
		return fmt.Sprintf("%.0f", e)
	case e >= 0.1:
		return fmt.Sprintf("%.1f", e)
	default:
		return "<0.1"
	}
}

// enough writes an e-value beside what it must reach at level alpha.
func enough(log, alpha float64) string {
	return fmt.Sprintf("evidence %s >= %.0f", evidence(log), 1/alpha)
}

// times writes a ratio and its band, such as "2.1x stable (1.4-3.2)".
func times(ratio, low, high float64, of string) string {
	return fmt.Sprintf("%sx %s (%s-%s)", figure(ratio), of, figure(low), figure(high))
}

func figure(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "inf"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v < 0.1 && v > 0:
		return fmt.Sprintf("%.2g", v)
	default:
		return fmt.Sprintf("%.1f", v)
	}
}

// percent writes a rate with as many digits as it needs.
func percent(rate float64) string { return fmt.Sprintf("%.3g %%", 100*rate) }

func round(d time.Duration) time.Duration { return d.Round(time.Second) }
