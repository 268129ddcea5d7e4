package release_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// tale is the story of a world: one line for each decision that did something, and for each move.
type tale struct {
	lines []string
	// quiet: nothing is told, which saves time.
	quiet bool
}

func (s *tale) String() string { return strings.Join(s.lines, "\n") + "\n" }

// podName ends in a number that means nothing.
var podName = regexp.MustCompile(`(checkout-v[0-9]+)-[0-9]+`)

// named calls ReplicaSets and pods by their version, so that a story depends on no hash.
func (w *world) named(text string) string {
	for _, rs := range w.model.ReplicaSets {
		_, version, _ := strings.Cut(imageOf(templateOf(rs)), ":")
		text = strings.ReplaceAll(text, rs.GetName(), "checkout-v"+version)
	}
	return podName.ReplaceAllString(text, "$1-x")
}

// line adds a line that is no decision.
func (s *tale) line(w *world, who, format string, args ...any) {
	if s.quiet {
		return
	}
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
	if w.tale.quiet {
		return
	}
	before, after := w.status, d.Status
	moved := before.Progress.Stage != after.Progress.Stage || before.StepName != after.StepName ||
		before.Progress.Shifted != after.Progress.Shifted || before.Rule != after.Rule || len(d.Writes) > 0 || stalled(before) != stalled(after)
	if !moved {
		return
	}
	line := fmt.Sprintf("%8s  %s: %s", w.offset(), d.Rule, after.Message)
	for _, write := range d.Writes {
		line += fmt.Sprintf("\n%10s- %s %s %s: %s", "", write.Verb, write.Kind.Kind, write.Name, write.Why)
	}
	w.tale.lines = append(w.tale.lines, w.named(line))
}

func stalled(status v1alpha1.ReleaseStatus) bool {
	return meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionStalled)
}

var update = flag.Bool("update", false, "write the stories anew")

// TestStories plays each story under the guard of the invariants and compares it with how it is told.
func TestStories(t *testing.T) {
	for _, set := range []map[string]story{stories, storiesBack, storiesOfPolicy, storiesOfControl, storiesOfHaste, storiesByIngress, storiesElsewhere, storiesOfProbes, storiesOfLanes, storiesOfNames, storiesOfEvidence, storiesOfTests} {
		for name, s := range set {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, s.options)
				guard(w)
				s.play(w)
				told := s.title + "\n\n" + w.tale.String()
				path := filepath.Join("testdata", name+".txt")
				if *update {
					require.NoError(t, os.WriteFile(path, []byte(told), 0o600))
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, string(want), told)
			})
		}
	}
}
