// Package view draws the state of Rollouts as text. It is pure: Frame depends on nothing but its
// arguments, so that every picture can be kept as a golden file.
package view

import (
	"strings"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// Model is what a frame shows: one Rollout and the Release that matters.
type Model struct {
	Rollout v1alpha1.Rollout
	// Release is in flight, or the last one. Nil means that there was none yet.
	Release *v1alpha1.Release
	// Brief leaves out what says nothing new of a Rollout that rests, as in a list of many.
	Brief bool
}

// Of returns the Model of a Rollout, given Releases of its namespace.
func Of(rollout v1alpha1.Rollout, releases []v1alpha1.Release) Model {
	return Model{Rollout: rollout, Release: reading.Last(&rollout, releases)}
}

// Screen is what a frame is drawn on.
type Screen struct {
	// Width in columns; lines are wrapped to it, and it is kept between 40 and 110. 0 means 80.
	Width int
	// Color turns on ANSI colours.
	Color bool
	// Context is the kubeconfig context that printed commands must name. Empty means none.
	Context string
}

// Frame draws one Rollout as a tree. It ends with a line break.
func Frame(m Model, now time.Time, s Screen) string {
	d := drawing{Model: m, now: now, paint: newPaint(s.Color), context: s.Context}
	return d.paint.draw(d.rollout(), s.columns())
}

// Frames draws several Rollouts, one below the other.
func Frames(models []Model, now time.Time, s Screen) string {
	frames := make([]string, 0, len(models))
	for _, m := range models {
		m.Brief = len(models) > 1
		frames = append(frames, Frame(m, now, s))
	}
	return strings.Join(frames, "\n")
}

func (s Screen) columns() int {
	if s.Width == 0 {
		return 80
	}
	return min(max(s.Width, 40), 110)
}

// drawing is one frame in the making.
type drawing struct {
	Model
	now     time.Time
	paint   paint
	context string
}

func (d drawing) rollout() node {
	spec := d.Rollout.Spec.WorkloadRef
	state := d.state()
	root := node{
		lead:  d.paint.bold("Rollout "+d.Rollout.Namespace+"/"+d.Rollout.Name) + d.paint.faint(" · "),
		text:  d.paint.faint(spec.Kind + " " + spec.Name),
		right: d.paint.in(state.tone, state.mark+" "+state.words),
	}
	if !d.Brief || !d.resting() {
		root.kids = append(root.kids, d.conditions()...)
	}
	root.kids = append(root.kids, d.release())
	return root
}

// release draws the Release in flight, the last one, or what the first one will do.
func (d drawing) release() node {
	switch {
	case d.Release == nil && d.Brief && d.resting():
		return node{text: "No release yet"}
	case d.Release == nil:
		w := d.Rollout.Spec.WorkloadRef
		return node{
			lead: "No release yet: ",
			text: "a new pod template of " + w.Kind + " " + w.Name + " begins one",
			kids: []node{{text: d.paint.bold("Steps"), rows: d.planned()}},
		}
	case reading.Ended(d.Release):
		return d.ended()
	}
	return d.inFlight()
}

func (d drawing) inFlight() node {
	rel := d.Release
	head := node{
		lead:  d.paint.bold("Release "+rel.Name) + d.paint.faint(" · "),
		text:  d.share(),
		right: d.paint.faint("for " + reading.Span(reading.Took(rel, d.now))),
		rows:  []node{},
	}
	if rel.Status.Message != "" && !d.messageIsElsewhere() {
		head.rows = append(head.rows, node{text: sentence(rel.Status.Message)})
	}
	head.rows = append(head.rows, d.asked()...)
	head.kids = append(head.kids, node{text: d.paint.bold("Steps"), rows: d.steps()})
	if rows := d.pods(); len(rows) > 0 {
		head.kids = append(head.kids, node{text: d.paint.bold("Pods"), rows: rows})
	}
	if rows := d.routes(); len(rows) > 0 {
		head.kids = append(head.kids, node{text: d.paint.bold("Routes"), rows: rows})
	}
	if rows := d.decisions(5); len(rows) > 0 {
		head.kids = append(head.kids, node{text: d.paint.bold("Decisions"), rows: rows})
	}
	return head
}

func (d drawing) ended() node {
	rel := d.Release
	when := "took " + reading.Span(reading.Took(rel, d.now))
	if rel.Status.EndedAt != nil {
		when = reading.Span(d.now.Sub(rel.Status.EndedAt.Time)) + " ago, " + when
	}
	head := node{
		lead:  d.paint.bold("Last release "+rel.Name) + d.paint.faint(" · "),
		text:  d.paint.in(toneOf(rel.Status.Outcome), string(rel.Status.Outcome)),
		right: d.paint.faint(when),
	}
	if d.Brief && d.resting() {
		return head
	}
	switch {
	case rel.Status.Progress.CauseMessage != "":
		head.rows = append(head.rows, node{text: sentence(rel.Status.Progress.CauseMessage)})
	case rel.Status.Outcome != v1alpha1.OutcomePromoted && rel.Status.Message != "":
		head.rows = append(head.rows, node{text: sentence(rel.Status.Message)})
	}
	head.rows = append(head.rows, d.change()...)
	head.kids = append(head.kids, node{text: d.paint.bold("Steps"), rows: d.steps()})
	if rows := d.decisions(3); len(rows) > 0 {
		head.kids = append(head.kids, node{text: d.paint.bold("Decisions"), rows: rows})
	}
	return head
}

// messageIsElsewhere says whether the frame says what the Release's message says in another place.
func (d drawing) messageIsElsewhere() bool {
	status := d.Release.Status
	return status.Barrier != nil && status.Barrier.Message == status.Message ||
		status.Progress.CauseMessage == status.Message || reading.Paused(d.Release)
}

// share says what the canary gets of the requests.
func (d drawing) share() string {
	weight := d.Release.Status.Weight
	i := reading.Current(d.Release)
	matches := i >= 0 && reading.InEffect(d.Release) && len(reading.Steps(d.Release)[i].Match) > 0
	switch {
	case matches && weight == "0%":
		return d.paint.bold("what matches") + " goes to the new version"
	case matches:
		return d.paint.bold(weight) + " of the traffic and what matches to the new version"
	case weight == "" || weight == "0%":
		return "no traffic to the new version"
	}
	return d.paint.bold(weight) + " of the traffic to the new version"
}
