package analysis

import (
	"fmt"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// LatencyInterval is what both arms' histograms did between two scrapes.
type LatencyInterval struct {
	Start, End time.Time
	// Canary and Stable are a sequential.Histogram or a sequential.Native each.
	Canary, Stable sequential.Tails
	// Weight is as in Interval.
	Weight int32
}

func (i LatencyInterval) length() time.Duration { return i.End.Sub(i.Start) }

// slower has the requests slower than an edge as events; false where that isn't known of both arms.
func (i LatencyInterval) slower(edge float64) (Interval, bool) {
	canary, known := i.Canary.Tail(edge)
	stable, both := i.Stable.Tail(edge)
	return Interval{Start: i.Start, End: i.End, Weight: i.Weight, Canary: Counts(canary), Stable: Counts(stable)}, known && both
}

func (i LatencyInterval) end() time.Time { return i.End }

// LatencyComparison is what a Latency judge is asked. Rate of the Comparison is written by the judge, which knows the edge.
type LatencyComparison struct {
	Comparison
	// Quantile is what people name, above 0 and under 1, such as 0.99. What is compared is the share of requests that are slower
	// than the edge closest to it.
	Quantile float64
}

// Latency compares the shares of slow requests, as Compare does with errors. What is slow is a bucket's edge that is chosen
// by what stable did before the release: never an interpolated quantile, which has no odds. Where next to none of stable's requests
// were slower than any edge, up to 1-Quantile of the canary's may be slower than the lowest such. Where next to none of stable's are slow
// any more, as the past was slower than now is, and for as long as that is so, a lower edge may show that the canary is good, which is
// chosen by what stable did lately.
// Use NewLatency.
type Latency struct {
	asked  LatencyComparison
	before sequential.Histogram

	// idle: stable had no requests before the release, so its first ones tell what is slow.
	idle bool
	// compare and shift are there once the edge is chosen.
	compare *Compare
	shift   *sequential.Shift
	clock   clock
	edge    float64
	note    string
	// lately is what stable did of late, at the edges of both arms, and under the evidence that less of the canary's requests than the
	// quantile has are slower than the edge. lower is nil before it is needed.
	lately sequential.Histogram
	under  *sequential.Threshold
	lower  *lower
	// found is what is known before that.
	found Finding
}

// NewLatency takes stable's histogram from before the release, of half an hour or so.
func NewLatency(asked LatencyComparison, before sequential.Histogram) *Latency {
	return &Latency{asked: asked, before: before, idle: before.Count == 0}
}

// Add takes further intervals, in the order of time.
func (l *Latency) Add(intervals ...LatencyInterval) {
	for _, interval := range intervals {
		l.add(interval)
	}
}

func (l *Latency) add(interval LatencyInterval) {
	if l.found.Start.IsZero() {
		l.found.Start = interval.Start
	}
	l.found.Every = interval.length()
	if l.compare == nil && (l.learns(interval) || !l.choose(interval)) {
		l.found.LeftOut++
		return
	}
	l.chooseLower()
	compared, known := interval.slower(l.edge)
	if !known {
		l.compare.see(compared)
		l.found.LeftOut++
		return
	}
	phi := l.compare.phi()
	l.shift.Invest(l.clock.due(l.asked.Restarts, interval.Start))
	if l.compare.add(compared) {
		l.shift.Add(interval.Canary, interval.Stable, phi)
	}
	l.under.Add(sequential.Arm(compared.Canary), phi)
	l.learn(interval.Stable)
	l.addLower(interval)
}

// Edge is what is slow by Finding, in seconds; 0 until an interval had requests of both arms.
func (l *Latency) Edge() float64 {
	if l.compare != nil && l.speaksLower(l.compare.Finding()) {
		return l.lower.edge
	}
	return l.edge
}

// Shift is ln of the e-value of the canary being slower at any edge, by however little. It is for a warning, at 1/alpha.
func (l *Latency) Shift() float64 {
	if l.shift == nil {
		return 0
	}
	return l.shift.Log()
}

// Verdict is that of Finding, without the numbers.
func (l *Latency) Verdict() v1alpha1.Verdict {
	if l.compare == nil {
		return v1alpha1.VerdictNoData
	}
	if v := l.compare.Verdict(); v != v1alpha1.VerdictInconclusive {
		return v
	}
	return l.Finding().Verdict
}

// Finding is what is to be said of all intervals so far.
func (l *Latency) Finding() Finding {
	if l.compare == nil {
		f := l.found
		f.Verdict, f.Phi = v1alpha1.VerdictNoData, 1
		f.Reason = "latency not known: no edge of the histogram from before has faster requests and is one of both arms"
		if len(l.before.Edges) == 0 {
			f.Reason = "latency not known: there is no histogram of stable from before the release"
		}
		return f
	}
	return l.about(l.compare.Finding())
}

func (l *Latency) standing() Finding {
	if l.compare == nil {
		return l.Finding()
	}
	return l.about(l.compare.standing())
}

func (l *Latency) role() role { return roleEvidence }

func (l *Latency) worse() float64 {
	if l.compare == nil {
		return 0
	}
	return l.compare.worse()
}

// about adds to a finding of the comparison what it doesn't know.
func (l *Latency) about(f Finding) Finding {
	f.Reason += l.note
	f = l.byLower(f)
	f.Start, f.LeftOut = l.found.Start, l.found.LeftOut+f.LeftOut
	if f.Verdict != v1alpha1.VerdictFail && reaches(l.Shift(), l.asked.Alpha) {
		f.Reason += fmt.Sprintf("; it is slower at some edge, by however little: evidence %s", evidence(l.Shift()))
	}
	return f
}
