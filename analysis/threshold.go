package analysis

import (
	"fmt"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Outcome is what one measurement came to. Conditions are evaluated elsewhere.
type Outcome string

// The outcomes.
const (
	// OutcomeSuccess: the value meets the condition.
	OutcomeSuccess Outcome = "Success"
	// OutcomeFailure: it meets the condition for failing, or not the one for success.
	OutcomeFailure Outcome = "Failure"
	// OutcomeInconclusive: it meets neither.
	OutcomeInconclusive Outcome = "Inconclusive"
	// OutcomeNoData: there was no value.
	OutcomeNoData Outcome = "NoData"
	// OutcomeError: measuring failed.
	OutcomeError Outcome = "Error"
)

// Measurement is one value by its outcome.
type Measurement struct {
	At      time.Time
	Outcome Outcome
	// Text is the value, or the error, for people.
	Text string
}

func (m Measurement) end() time.Time { return m.At }

func (m Measurement) length() time.Duration { return 0 }

// Limits is what a Threshold judge is asked.
type Limits struct {
	// InitialDelay is how long after the start the first measurement is taken, Interval is the time between two of them; an
	// Interval of 0 takes only one, and that again after 15 s as long as it has no value.
	InitialDelay, Interval time.Duration
	// Count is how many measurements with a value are taken before it passes; 0 takes them until ConsecutiveSuccesses of them are
	// good. Where that is 0 too it is endless: measured for as long as it is asked, it passes while the last one is good, and fails
	// by a limit at any time.
	Count int
	// FailureLimit is how many failures are borne: one more fails.
	FailureLimit int
	// ConsecutiveFailures is how many failures in a row fail; 0 is no such limit.
	ConsecutiveFailures int
	// ConsecutiveSuccesses is how many successes in a row pass; 0 is no such limit.
	ConsecutiveSuccesses int
	// InconclusiveLimit is how many inconclusive ones are borne: one more ends it, inconclusive.
	InconclusiveLimit int
	// ErrorLimit is how many measurements without a value in a row are borne: one more is no data, until there is a value again.
	ErrorLimit int
	// NoData is what a measurement without a value counts as: OutcomeSuccess, OutcomeFailure, OutcomeInconclusive; empty or
	// OutcomeNoData holds.
	NoData Outcome
}

// Threshold judges one value against a condition, as users of other tools know it. It promises no rate of false alarms. Use NewThreshold.
type Threshold struct {
	asked Limits
	found Finding
	last  Measurement

	taken, failures, inconclusive            int
	failuresInRow, successesInRow, missesRow int
	// ended is the verdict that stays, empty before.
	ended  v1alpha1.Verdict
	reason string
}

// NewThreshold has measured nothing yet.
func NewThreshold(asked Limits) *Threshold { return &Threshold{asked: asked} }

// Next is when the next measurement is due, if it began then; false if none is wanted any more.
func (t *Threshold) Next(start time.Time) (time.Time, bool) {
	switch {
	case t.ended != "":
		return time.Time{}, false
	case t.last.At.IsZero():
		return start.Add(t.asked.InitialDelay), true
	case t.asked.Interval <= 0 && t.taken > 0:
		return time.Time{}, false
	case t.asked.Interval <= 0:
		return t.last.At.Add(defaultRetry), true
	default:
		return t.last.At.Add(t.asked.Interval), true
	}
}

// Add takes further measurements, in the order of time. After it has ended, it takes none.
func (t *Threshold) Add(measurements ...Measurement) {
	for _, measurement := range measurements {
		if t.ended == "" {
			t.add(measurement)
		}
	}
}

func (t *Threshold) add(measurement Measurement) {
	if t.found.Start.IsZero() {
		t.found.Start = measurement.At
	}
	t.found.Last, t.last = measurement.At, measurement
	outcome := measurement.Outcome
	if outcome == OutcomeNoData && t.asked.NoData != "" {
		outcome = t.asked.NoData
	}
	if outcome == OutcomeNoData || outcome == OutcomeError {
		t.missesRow++
		t.found.LeftOut++
		return
	}
	t.missesRow = 0
	t.taken++
	t.found.Used++
	switch outcome {
	case OutcomeFailure:
		t.failures, t.failuresInRow, t.successesInRow = t.failures+1, t.failuresInRow+1, 0
	case OutcomeInconclusive:
		t.inconclusive, t.failuresInRow, t.successesInRow = t.inconclusive+1, 0, 0
	case OutcomeSuccess:
		t.failuresInRow, t.successesInRow = 0, t.successesInRow+1
	case OutcomeNoData, OutcomeError:
	}
	t.end()
}

// end looks whether a limit is reached. Failing goes before passing.
func (t *Threshold) end() {
	switch a := t.asked; {
	case t.failures > a.FailureLimit:
		t.ended, t.reason = v1alpha1.VerdictFail, fmt.Sprintf("%d of %d measurements failed, %d are borne", t.failures, t.taken, a.FailureLimit)
	case a.ConsecutiveFailures > 0 && t.failuresInRow >= a.ConsecutiveFailures:
		t.ended, t.reason = v1alpha1.VerdictFail, fmt.Sprintf("%d measurements in a row failed", t.failuresInRow)
	case t.inconclusive > a.InconclusiveLimit:
		t.ended = v1alpha1.VerdictInconclusive
		t.reason = fmt.Sprintf("%d of %d measurements were inconclusive, %d are borne", t.inconclusive, t.taken, a.InconclusiveLimit)
	case a.ConsecutiveSuccesses > 0 && t.successesInRow >= a.ConsecutiveSuccesses:
		t.ended, t.reason = v1alpha1.VerdictPass, fmt.Sprintf("%d measurements in a row were good", t.successesInRow)
	case a.Count > 0 && t.taken >= a.Count:
		t.ended, t.reason = v1alpha1.VerdictPass, fmt.Sprintf("%d measurements were taken, %d of them failed", t.taken, t.failures)
	}
}

// Endless says whether it is measured for as long as it is asked: that it passes is of its last measurement.
func (t *Threshold) Endless() bool { return t.asked.Count <= 0 && t.asked.ConsecutiveSuccesses <= 0 }

// Verdict is that of Finding.
func (t *Threshold) Verdict() v1alpha1.Verdict {
	switch {
	case t.ended != "":
		return t.ended
	case t.taken == 0 || t.missesRow > t.asked.ErrorLimit:
		return v1alpha1.VerdictNoData
	case t.Endless() && t.missesRow == 0 && t.successesInRow > 0:
		return v1alpha1.VerdictPass
	default:
		return v1alpha1.VerdictInconclusive
	}
}

func (t *Threshold) role() role { return roleLimit }

func (t *Threshold) worse() float64 { return 0 }

func (t *Threshold) standing() Finding { return t.Finding() }

// Finding is what is to be said of all measurements so far. It has no evidence.
func (t *Threshold) Finding() Finding {
	f := t.found
	f.Verdict, f.Phi = t.Verdict(), 1
	if t.ended == "" {
		f.Every = t.asked.Interval
	}
	switch {
	case t.ended != "":
		f.Reason = t.reason
	case t.missesRow > 0 && f.Verdict == v1alpha1.VerdictNoData:
		f.Reason = fmt.Sprintf("the last %d measurements have no value", t.missesRow)
	case t.taken == 0:
		f.Reason = "nothing was measured yet"
	default:
		f.Reason = fmt.Sprintf("%d measurements so far, %d of them failed", t.taken, t.failures)
		if t.asked.Count > 0 {
			f.Reason = fmt.Sprintf("%d of %d measurements so far, %d of them failed", t.taken, t.asked.Count, t.failures)
		}
	}
	if t.last.Text != "" {
		f.Reason += "; the last is " + t.last.Text
	}
	return f
}
