package analysis

import (
	"fmt"
	"math"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// lower compares at a lower edge, to show that a canary is good where the past was slower than now is. It goes on, and passes, only while
// stable is calm: in busy times its edge lies amid what is usual, where those that hang are lost among many.
type lower struct {
	choice
	compare *Compare
}

// usualSlow is how many slow requests stable must have been about to have lately, by the quantile, for their being few to tell.
const usualSlow = 20

// learn adds what stable did in an interval to what it did lately, of which the older counts ever less. What it did is forgotten where that
// isn't known at each edge.
func (l *Latency) learn(stable sequential.Tails) {
	const most = usualSlow + 1
	below, count := make([]float64, len(l.lately.Edges)), 0.0
	for k, edge := range l.lately.Edges {
		slow, known := stable.Tail(edge)
		if !known || !slow.Believed() {
			clear(below)
			l.lately.Below, l.lately.Count = below, 0
			return
		}
		below[k], count = l.lately.Below[k]+slow.Exposures-slow.Events, l.lately.Count+slow.Exposures
	}
	kept := min(1, most/(count*(1-l.asked.Quantile)))
	for k := range below {
		below[k] *= kept
	}
	l.lately.Below, l.lately.Count = below, count*kept
}

// calm says whether stable lately had so few of the slow requests that the quantile would have that no ratio to them is going to be shown.
func (l *Latency) calm() bool {
	const few = 1. / 4
	usual := l.lately.Count * (1 - l.asked.Quantile)
	slow, _ := l.lately.Tail(l.edge)
	return usual >= usualSlow && slow.Events <= usual*few
}

// wide says whether so many more of stable's requests are slower than the lower edge than the quantile has, or had when the edge was chosen,
// that it tells of something else.
func (l *Latency) wide(stable sequential.Arm, slack float64) bool {
	const most = 2
	return stable.Events > most*max(l.lower.tail, 1-l.asked.Quantile)*stable.Exposures+slack
}

// chooseLower takes a lower edge, if there is one, once stable is calm. It goes by what was before the interval that comes next, so the
// choice is fair.
func (l *Latency) chooseLower() {
	if l.lower != nil || !l.calm() {
		return
	}
	if c, err := l.choice(l.lately); err == nil && c.edge < l.edge {
		l.lower = &lower{choice: c, compare: NewCompare(c.asked)}
	}
}

// atLower says whether the lower edge tells of what the quantile is lately.
func (l *Latency) atLower() bool {
	slow, _ := l.lately.Tail(l.lower.edge)
	return l.calm() && !l.wide(slow, 0)
}

// addLower compares at the lower edge too, if stable is calm with the interval counted.
func (l *Latency) addLower(interval LatencyInterval) {
	const chance = 3 // slow requests
	if l.lower == nil {
		return
	}
	compared, known := interval.slower(l.lower.edge)
	if !known {
		l.lower.compare.see(compared)
		return
	}
	l.lower.compare.take(compared, l.atLower() && !l.wide(sequential.Arm(compared.Stable), chance))
}

// byLower has the lower edge say whether a canary is good that the first one shows neither to be good nor bad. It can't fail there: the
// chance of a false alarm is that of the first edge alone.
func (l *Latency) byLower(f Finding) Finding {
	if !l.speaksLower(f) {
		return f
	}
	lower := l.lower.compare.standing()
	lower.Reason += fmt.Sprintf("%s; by this edge since next to none of stable's requests are slower than %s", l.lower.note, seconds(l.edge))
	if lower.Verdict == v1alpha1.VerdictPass {
		if withheld := l.withheld(lower); withheld != "" {
			lower.Verdict, lower.Reason = v1alpha1.VerdictInconclusive, lower.Reason+withheld
		}
	}
	lower.Worse, lower.LeftOut = f.Worse, f.Used+f.LeftOut-lower.Used
	return lower
}

// speaksLower says whether the finding is that of the lower edge, where the first one's is that.
func (l *Latency) speaksLower(first Finding) bool {
	if l.lower == nil || first.Verdict != v1alpha1.VerdictInconclusive || !l.atLower() || l.lower.compare.failed != nil {
		return false
	}
	v := l.lower.compare.Verdict()
	return v == v1alpha1.VerdictPass || v == v1alpha1.VerdictInconclusive
}

// withheld says why a canary does not pass that the lower edge shows to be good; "" if it does.
func (l *Latency) withheld(lower Finding) string {
	const (
		own  = 2 // the second interval may tell the guard to take the first one back
		hint = 2
	)
	over := fmt.Sprintf("those slower than %s", seconds(l.edge))
	switch {
	case lower.Used < own:
		return "; nothing passes by one interval"
	case l.compare.doubtLog() >= math.Log(hint):
		return fmt.Sprintf("; that it has more of %s has evidence %s, and from %d on this edge lets nothing pass", over, evidence(l.compare.doubtLog()), hint)
	case !reaches(l.under.Log(), l.asked.AlphaPass):
		return fmt.Sprintf("; that %s are under %s has evidence %s of %.0f", over, percent(1-l.asked.Quantile), evidence(l.under.Log()), 1/l.asked.AlphaPass)
	default:
		return ""
	}
}
