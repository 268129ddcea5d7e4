package planner

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// What becomes of a step's hold at its atMost.
const (
	onTimeoutAdvance  = "Advance"
	onTimeoutRollback = "Rollback"
)

// unready is what a step that gives the canary more waits for before it begins; nil if sources give data.
func (d *draft) unready() *v1alpha1.Barrier {
	if d.in.Evidence == nil || d.in.Evidence.Unready == "" || d.skipsHolds() {
		return nil
	}
	return &v1alpha1.Barrier{
		Name:    barrierEvidence,
		Message: fmt.Sprintf("step %s waits for its metrics: %s", d.stepName(d.progress.Step), d.in.Evidence.Unready),
	}
}

// unproven is what the step waits for by the evidence; nil if it may go on. Missing data holds every step, and so does what
// points to harm; until: Confident waits for the analysis to pass, or for atMost.
func (d *draft) unproven(hold v1alpha1.Hold) *v1alpha1.Barrier {
	e := d.in.Evidence
	if e == nil || e.Verdict == v1alpha1.VerdictPass {
		return nil
	}
	open := e.Verdict == v1alpha1.VerdictInconclusive && !e.Harm && !e.Early
	if open && (hold.Until == nil || d.passed()) {
		return nil
	}
	barrier := &v1alpha1.Barrier{
		Name:    barrierEvidence,
		Message: fmt.Sprintf("step %s waits for evidence (%s): %s", d.stepName(d.progress.Step), e.Verdict, e.Message),
	}
	until, over := d.waited(hold)
	switch {
	case until == nil:
		return barrier
	case !over:
		barrier.Until = until
		return barrier
	case ptr.Deref(hold.OnTimeout, onTimeoutAdvance) == onTimeoutAdvance && open:
		return nil
	default:
		barrier.Message += fmt.Sprintf(", for longer than %s", hold.AtMost.Duration.Duration)
		return barrier
	}
}

// judgeSoon looks again: the evidence at the look at which a step begins was asked for before it had begun.
func (d *draft) judgeSoon() {
	if d.in.Evidence != nil {
		d.wakeAt(d.in.Now.Add(time.Second))
	}
}

// notePassed keeps that the evidence has passed at the present step: what comes later, such as an approval that is waited for,
// or a restart that knows nothing yet, doesn't have it waited for again.
func (d *draft) notePassed() {
	step := d.currentStep()
	if step != nil && step.StartedAt != nil && step.PassedAt == nil && d.in.Evidence != nil && d.in.Evidence.Verdict == v1alpha1.VerdictPass {
		step.PassedAt = d.now()
	}
}

// passed: the evidence has passed at the present step.
func (d *draft) passed() bool {
	step := d.currentStep()
	return step != nil && step.PassedAt != nil
}

// known: the sources were asked, and answer. A restarted controller knows nothing for a while, of which no deadline may make use.
func (e *Evidence) known() bool { return e.Record != nil && e.Unready == "" }

// waited is when the step has waited for evidence for as long as it may, and whether that is over; nil if it may without end, or
// does not.
func (d *draft) waited(hold v1alpha1.Hold) (*metav1.MicroTime, bool) {
	started := d.startedAt()
	if hold.AtMost == nil || started == nil {
		return nil, false
	}
	until := metav1.NewMicroTime(started.Add(max(hold.AtMost.Duration.Duration, time.Nanosecond)))
	return &until, !d.in.Now.Before(until.Time)
}

// analysisFailed: the evidence shows that the canary is worse than it may be. It is judged at every look,
// whatever holds.
func analysisFailed(d *draft) string {
	if d.in.Evidence == nil || d.in.Evidence.Verdict != v1alpha1.VerdictFail {
		return ""
	}
	return "the analysis failed: " + d.in.Evidence.Message
}

// inconclusive: evidence was waited for as long as it may be, and the step says to go back then.
func inconclusive(d *draft) string {
	e := d.in.Evidence
	if e == nil || !e.known() || e.Verdict == v1alpha1.VerdictPass || d.passed() || d.startedAt() == nil || d.skipsHolds() || d.userPaused() != "" {
		return ""
	}
	hold := ptr.Deref(d.in.Policy.Strategy.Steps[d.progress.Step].Hold, v1alpha1.Hold{})
	if _, over := d.waited(hold); !over || ptr.Deref(hold.OnTimeout, onTimeoutAdvance) != onTimeoutRollback {
		return ""
	}
	return fmt.Sprintf("the analysis did not pass within %s (%s): %s", hold.AtMost.Duration.Duration, e.Verdict, e.Message)
}
