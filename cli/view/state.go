package view

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/control"
	"crossfade.io/crossfade/cli/reading"
)

// headline is the one thing to know of a Rollout.
type headline struct {
	tone        tone
	mark, words string
}

func (d drawing) state() headline {
	if d.Release != nil && !reading.Ended(d.Release) {
		return d.stateInFlight()
	}
	held := d.condition(v1alpha1.ConditionHeld)
	switch {
	case d.is(v1alpha1.ConditionStalled):
		return headline{bad, "✗", "STALLED"}
	case len(d.Rollout.Status.Conditions) == 0:
		return headline{waits, "?", "NOT SEEN BY CROSSFADE YET"}
	case !d.is(v1alpha1.ConditionArmed):
		return headline{waits, "○", "NOT ARMED"}
	case d.is(v1alpha1.ConditionHeld) && held.Reason == v1alpha1.ReasonRevisionRejected:
		return headline{waits, "■", "REJECTED VERSION HELD"}
	case d.is(v1alpha1.ConditionHeld):
		return headline{busy, "●", "STARTING"}
	case d.Release != nil && d.Release.Status.Outcome == v1alpha1.OutcomePromoted:
		return headline{good, "✓", "PROMOTED"}
	}
	return headline{good, "✓", "IDLE"}
}

func (d drawing) stateInFlight() headline {
	rel := d.Release
	switch {
	case meta.IsStatusConditionTrue(rel.Status.Conditions, v1alpha1.ConditionStalled):
		return headline{bad, "✗", "STALLED"}
	case rel.Status.Progress.Stage == v1alpha1.StageObserving:
		return headline{bad, "↩", "ROLLED BACK, CANARY KEPT"}
	case reading.GoingBack(rel):
		return headline{bad, "↩", "ROLLING BACK"}
	case reading.Paused(rel):
		return headline{waits, "‖", "PAUSED"}
	case reading.Frozen(rel):
		return headline{waits, "■", "FROZEN"}
	case reading.AwaitsApproval(rel):
		return headline{waits, "●", "WAITING FOR APPROVAL"}
	case reading.KeepsOld(rel):
		return headline{good, "●", "PROMOTED, OLD PODS KEPT"}
	case reading.PastReturn(rel):
		return headline{busy, "●", "FINISHING"}
	case reading.Promoting(rel):
		return headline{busy, "●", "PROMOTING"}
	case reading.Current(rel) < 0:
		return headline{busy, "●", "STARTING"}
	case reading.InEffect(rel):
		return headline{busy, "●", "HOLDING"}
	case rel.Status.Canary != nil && len(rel.Status.Canary.Failing) > 0:
		return headline{bad, "●", "PODS FAILING"}
	}
	return headline{busy, "●", "SHIFTING"}
}

// toneOf colours an outcome.
func toneOf(o v1alpha1.Outcome) tone {
	switch o { //nolint:exhaustive // the outcomes that are only asked for never end a Release
	case v1alpha1.OutcomePromoted:
		return good
	case v1alpha1.OutcomeFailed:
		return bad
	}
	return waits
}

func (d drawing) condition(kind string) *metav1.Condition {
	return meta.FindStatusCondition(d.Rollout.Status.Conditions, kind)
}

func (d drawing) is(kind string) bool {
	return meta.IsStatusConditionTrue(d.Rollout.Status.Conditions, kind)
}

// resting says whether nothing about the Rollout calls for a look.
func (d drawing) resting() bool {
	return (d.Release == nil || reading.Ended(d.Release)) && d.is(v1alpha1.ConditionReady) && d.is(v1alpha1.ConditionArmed) &&
		!d.is(v1alpha1.ConditionHeld) && !d.is(v1alpha1.ConditionStalled) && !d.stale()
}

// stale says whether the status describes an older spec.
func (d drawing) stale() bool {
	return d.Rollout.Status.ObservedGeneration < d.Rollout.Generation
}

// conditions draws Ready and Armed always, Held and Stalled when they are true; those that say the same
// share a line.
func (d drawing) conditions() []node {
	var rows []node
	if d.stale() && len(d.Rollout.Status.Conditions) > 0 {
		rows = append(rows, node{
			lead: d.paint.in(waits, "? Stale"),
			text: "what follows describes an older spec; the controller has not answered the latest one yet",
		})
	}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionArmed, v1alpha1.ConditionHeld, v1alpha1.ConditionStalled} {
		c := d.condition(kind)
		if always := kind == v1alpha1.ConditionReady || kind == v1alpha1.ConditionArmed; !always && !d.is(kind) {
			continue
		}
		row := d.conditionRow(kind, c)
		if same := slices.IndexFunc(rows, func(other node) bool { return other.text == row.text }); same >= 0 {
			rows[same].lead += " " + row.lead
			continue
		}
		rows = append(rows, row)
	}
	return aligned(rows)
}

func (d drawing) conditionRow(kind string, c *metav1.Condition) node {
	t, mark, text := waits, "?", "not known yet; does the controller run?"
	switch {
	case c == nil || c.Status == metav1.ConditionUnknown:
	case c.Status == metav1.ConditionFalse:
		t, mark = bad, "✗"
	case kind == v1alpha1.ConditionHeld:
		t, mark = waits, "■"
	case kind == v1alpha1.ConditionStalled:
		t, mark = bad, "✗"
	default:
		t, mark = good, "✓"
	}
	if c != nil && c.Message != "" {
		text = c.Message
	} else if c != nil && c.Reason != "" {
		text = c.Reason
	}
	label := map[bool]string{true: "Not " + kind, false: kind}[mark == "✗" && kind != v1alpha1.ConditionStalled]
	return node{lead: d.paint.in(t, mark+" "+label), text: text}
}

// asked draws what people asked of the Release that its steps do not show.
func (d drawing) asked() []node {
	rel, w := d.Release, d.Release.Spec.Policy.WorkloadRef
	var rows []node
	if stalled := meta.FindStatusCondition(rel.Status.Conditions, v1alpha1.ConditionStalled); stalled != nil && stalled.Status == metav1.ConditionTrue {
		rows = append(rows, node{lead: d.paint.in(bad, "✗ Stalled  "), text: stalled.Message})
	}
	switch {
	case reading.GoingBack(rel):
	case rel.Spec.Control.Paused:
		rows = append(rows, d.hint("", "Paused"+d.pausedFor()+"; go on with: ", control.Command+" resume "+d.target()))
	case reading.PausedByWorkload(rel):
		rows = append(rows, d.hint("", "Its "+w.Kind+" is paused"+d.pausedFor()+"; go on with: ",
			"kubectl rollout resume deployment/"+w.Name+d.flags()))
	}
	if reading.AskedTo(rel, v1alpha1.OutcomePromote) && !reading.GoingBack(rel) {
		rows = append(rows, node{text: "Asked to promote: it goes on without waiting for the rest of its steps."})
	}
	if refused := reading.RefusedGoTo(rel); refused != "" {
		rows = append(rows, node{text: d.paint.in(waits, "Not gone to step ") + refused})
	}
	if refused := reading.RefusedRefresh(rel); refused != "" {
		rows = append(rows, node{text: d.paint.in(waits, "Steps not taken from the Rollout: ") + refused})
	}
	if emergency := rel.Spec.Control.Emergency; emergency != nil && !reading.GoingBack(rel) {
		rows = append(rows, node{text: d.paint.in(waits, "Shipped in an emergency: ") + emergency.Reason})
	}
	switch {
	case reading.PastReturn(rel) && reading.AskedTo(rel, v1alpha1.OutcomeAbort):
		rows = append(rows, node{text: "Asked to abort past the point of no return: the promotion finishes, and then a Release takes the old version back."})
	case reading.PastReturn(rel):
		rows = append(rows, node{text: "Past the point of no return: the new version has all the traffic."})
	}
	return rows
}
