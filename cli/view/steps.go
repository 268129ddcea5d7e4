package view

import (
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/control"
	"crossfade.io/crossfade/cli/reading"
)

const (
	promoteRow  = "promote"
	rollbackRow = "roll back"
	startRow    = "start"
)

// planned draws the steps of a Release to come.
func (d drawing) planned() []node {
	steps := d.Rollout.Spec.Strategy.Steps
	rows := make([]node, 0, len(steps)+1)
	for _, s := range steps {
		rows = append(rows, d.stepRow(quiet, "○", s.Name, steps, split(s), hold(s)))
	}
	return append(rows, d.stepRow(quiet, "○", promoteRow, steps, "100%", ""))
}

// steps draws the Release's steps, and its way on or back after them.
func (d drawing) steps() []node {
	rel, steps := d.Release, reading.Steps(d.Release)
	var rows []node
	if reading.Current(rel) < 0 && !reading.Ended(rel) && !reading.GoingBack(rel) && !reading.Promoting(rel) {
		rows = append(rows, d.stageRow(startRow, busy, "●", "", nil))
	}
	for i, s := range steps {
		rows = append(rows, d.step(i, s))
	}
	return append(rows, d.finish())
}

func (d drawing) step(i int, s v1alpha1.Step) node {
	rel, steps, visit := d.Release, reading.Steps(d.Release), reading.LastVisit(d.Release, s.Name)
	name := s.Name
	turned := rel.Status.Progress.Cause != "" && visit != nil && visit.EndedAt == nil
	switch {
	case i == reading.Current(rel) && !reading.Ended(rel):
		row := d.stepRow(busy, "●", name, steps, split(s), d.clock(s, visit))
		if reading.AwaitsApproval(rel) {
			row = d.stepRow(waits, "●", name, steps, split(s), d.clock(s, visit))
		}
		row.rows = d.waitsFor(s)
		return row
	case turned:
		return d.stepRow(bad, "✗", name, steps, split(s), "left after "+d.took(visit))
	case visit != nil:
		return d.stepRow(good, "✓", name, steps, split(s), d.paint.faint("took "+d.took(visit)))
	case rel.Status.Outcome == v1alpha1.OutcomePromoted || reading.Promoting(rel):
		return d.stepRow(quiet, "·", name, steps, split(s), d.paint.faint("passed over"))
	case reading.GoingBack(rel) || reading.Ended(rel):
		return d.stepRow(quiet, "·", name, steps, d.paint.faint(split(s)), d.paint.faint("not taken"))
	}
	return d.stepRow(quiet, "○", name, steps, split(s), d.paint.faint(d.toCome(s)))
}

// stepRow lays out one line of the list; names are padded to the longest.
func (d drawing) stepRow(t tone, mark, name string, steps []v1alpha1.Step, text, right string) node {
	names := []string{promoteRow}
	if d.Release != nil && d.Release.Status.Progress.Cause != "" {
		names = append(names, rollbackRow)
	}
	for _, s := range steps {
		names = append(names, s.Name)
	}
	return node{lead: d.paint.in(t, mark) + " " + pad(name, widest(names)) + "  ", text: text, right: right}
}

// took says how long a visit lasted.
func (d drawing) took(visit *v1alpha1.StepStatus) string {
	end := d.now
	switch {
	case visit.EndedAt != nil:
		end = visit.EndedAt.Time
	case d.Release.Status.EndedAt != nil:
		end = d.Release.Status.EndedAt.Time
	case d.Release.Status.Progress.Cause != "" && d.Release.Status.Progress.StageSince != nil:
		end = d.Release.Status.Progress.StageSince.Time
	}
	return reading.Span(end.Sub(visit.EnteredAt.Time))
}

// toCome says what a step that was not entered will wait for.
func (d drawing) toCome(s v1alpha1.Step) string {
	switch {
	case reading.AskedTo(d.Release, v1alpha1.OutcomePromote):
		return "not waited for"
	case d.approved(s):
		if s.Hold != nil && s.Hold.For != nil {
			return "holds " + reading.Span(s.Hold.For.Duration.Duration) + ", approved"
		}
		return "approved"
	}
	return hold(s)
}

// clock says how far the hold of the current step is.
func (d drawing) clock(s v1alpha1.Step, visit *v1alpha1.StepStatus) string {
	c := reading.HoldClock(d.Release, s, visit, d.now)
	switch {
	case !reading.InEffect(d.Release):
		return d.paint.faint(d.toCome(s))
	case reading.AskedTo(d.Release, v1alpha1.OutcomePromote):
		return "moves on"
	case reading.Frozen(d.Release) && c.Left == 0:
		return d.paint.in(waits, "frozen")
	case c.Left > 0:
		return d.paint.bar(busy, 1-c.Left.Seconds()/c.For.Seconds(), 10) + " " + left(c.Left) + " left of " + reading.Span(c.For)
	case reading.AwaitsApproval(d.Release):
		since := visit.StartedAt.Add(c.For)
		if test := reading.ReportedTest(d.Release, s); test != nil {
			since = visit.StartedAt.Add(max(c.For, test.For.Duration.Duration))
		}
		return d.paint.in(waits, "waits for approval for "+reading.Span(d.now.Sub(since)))
	case reading.AwaitsEvidence(d.Release):
		return d.paint.in(waits, "waits for evidence")
	case reading.Paused(d.Release):
		return d.paint.in(waits, "hold is over, paused")
	}
	return "moves on"
}

// approved: the step asks for a person, who has approved its visit under way, or to come.
func (d drawing) approved(s v1alpha1.Step) bool {
	return reading.NeedsApproval(d.Release, s) && reading.Approved(d.Release, s.Name, reading.VisitToApprove(d.Release, s.Name))
}

// waitsFor draws what the current step needs before it goes on.
func (d drawing) waitsFor(s v1alpha1.Step) []node {
	var rows []node
	if b := d.barrier(); b.text != "" && (!reading.InEffect(d.Release) || reading.AwaitsEvidence(d.Release) || reading.Frozen(d.Release)) {
		rows = append(rows, b)
	}
	if reading.AwaitsApproval(d.Release) {
		rows = append(rows, d.hint("  ", "approve with: ", control.Command+" approve "+d.target()))
	} else if reading.InEffect(d.Release) && d.approved(s) && !reading.AskedTo(d.Release, v1alpha1.OutcomePromote) {
		rows = append(rows, node{lead: "  ", text: d.paint.in(good, "approved")})
	}
	return rows
}

// finish draws the way on or back after the steps.
func (d drawing) finish() node {
	rel, steps := d.Release, reading.Steps(d.Release)
	back := rel.Status.Progress.Cause != ""
	switch {
	case rel.Status.Outcome == v1alpha1.OutcomePromoted:
		return d.stepRow(good, "✓", promoteRow, steps, "100%", "")
	case reading.Ended(rel) && back:
		return d.stepRow(waits, "↩", rollbackRow, steps, "0%", "")
	case reading.Ended(rel):
		return d.stepRow(quiet, "·", promoteRow, steps, d.paint.faint("100%"), "")
	case back:
		row := d.stageRow(rollbackRow, bad, "↩", "0%", reading.Back)
		if cause := rel.Status.Progress.CauseMessage; cause != "" {
			row.rows = append([]node{{lead: "  ", text: sentence(cause)}}, row.rows...)
		}
		return row
	case reading.Promoting(rel):
		return d.stageRow(promoteRow, busy, "●", "100%", reading.Forward[reading.Place(v1alpha1.StageFilling, reading.Forward):])
	}
	return d.stepRow(quiet, "○", promoteRow, steps, "100%", "")
}

// stageRow draws where on a way of several stages the Release is, and what it waits for there.
func (d drawing) stageRow(name string, t tone, mark, text string, way []v1alpha1.Stage) node {
	stage := d.Release.Status.Progress.Stage
	right := ""
	if place := reading.Place(stage, way); place >= 0 && len(way) > 1 {
		right = d.paint.bar(t, float64(place)/float64(len(way)-1), len(way)-1)
	}
	row := d.stepRow(t, mark, name, reading.Steps(d.Release), joined(text, doing[stage]), right)
	if b := d.barrier(); b.text != "" {
		row.rows = append(row.rows, b)
	}
	return row
}

// barrier draws what the Release waits for now; an empty node if for nothing.
func (d drawing) barrier() node {
	b := d.Release.Status.Barrier
	if b == nil {
		return node{}
	}
	text := b.Message
	if text == "" {
		text = b.Name
	}
	n := node{lead: "  ", text: d.paint.in(busy, "waits: ") + text}
	if b.Until != nil {
		n.right = left(b.Until.Sub(d.now)) + " left"
	} else if end := reading.Deadline(d.Release); !end.IsZero() {
		n.right = d.paint.faint("fails in " + left(end.Sub(d.now)))
	}
	return n
}

// hint draws a sentence that ends in a command to type.
func (d drawing) hint(lead, words, command string) node {
	return node{lead: lead, text: words, tail: d.paint.bold(command)}
}

func (d drawing) target() string { return d.Rollout.Name + d.flags() }

func (d drawing) flags() string {
	if d.context != "" {
		return " -n " + d.Rollout.Namespace + " --context " + d.context
	}
	return " -n " + d.Rollout.Namespace
}
