package planner_test

import (
	"fmt"
	"strings"
	"time"

	"crossfade.io/crossfade/controllers/release/planner"
)

// tale is the story of a world: one line for each decision that did something, and for each move.
type tale struct {
	lines []string
}

func (s *tale) String() string { return strings.Join(s.lines, "\n") + "\n" }

// line adds a line that is no decision.
func (s *tale) line(w *world, who, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if who != "" {
		text = who + ": " + text
	}
	s.lines = append(s.lines, fmt.Sprintf("%8s  > %s", w.offset(), text))
}

// offset is the time since the world began, such as 1m30s.
func (w *world) offset() string { return w.now().Sub(w.begun).Round(time.Second).String() }

// tell adds a decision if it did something or stands somewhere new.
func (w *world) tell(d planner.Decision) {
	before, after := w.status, d.Status
	moved := before.Progress.Stage != after.Progress.Stage || before.StepName != after.StepName ||
		before.Progress.Shifted != after.Progress.Shifted || before.Rule != after.Rule || len(d.Writes) > 0
	if !moved {
		return
	}
	line := fmt.Sprintf("%8s  %s: %s", w.offset(), d.Rule, after.Message)
	for _, write := range d.Writes {
		line += fmt.Sprintf("\n%10s- %s %s %s: %s", "", write.Verb, write.Kind.Kind, write.Name, write.Why)
	}
	w.tale.lines = append(w.tale.lines, line)
}
