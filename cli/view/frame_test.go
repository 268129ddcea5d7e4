package view_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/view"
)

var update = flag.Bool("update", false, "write the golden frames anew")

func TestFrame(t *testing.T) {
	for name, story := range clitest.Stories() {
		t.Run(name, func(t *testing.T) {
			m := view.Of(story.Rollout, story.Releases)
			frame := view.Frame(m, clitest.Now, view.Screen{})
			requireFits(t, frame, 80)
			requireGolden(t, name, frame)
		})
		t.Run(name+" with colour says the same", func(t *testing.T) {
			m := view.Of(story.Rollout, story.Releases)
			coloured := view.Frame(m, clitest.Now, view.Screen{Color: true})
			require.Contains(t, coloured, "\x1b[")
			require.Equal(t, view.Frame(m, clitest.Now, view.Screen{}), ansi.Strip(coloured))
		})
		for _, width := range []int{44, 100} {
			t.Run(fmt.Sprintf("%s fits %d columns", name, width), func(t *testing.T) {
				m := view.Of(story.Rollout, story.Releases)
				requireFits(t, view.Frame(m, clitest.Now, view.Screen{Width: width}), width)
			})
		}
	}
}

func TestFramesAreBriefAboutWhatRests(t *testing.T) {
	stories := clitest.Stories()
	var models []view.Model
	for _, name := range []string{"promoted", "waiting-approval", "idle-armed", "not-armed"} {
		s := stories[name]
		models = append(models, view.Of(s.Rollout, s.Releases))
	}
	requireGolden(t, "several", view.Frames(models, clitest.Now, view.Screen{}))
}

func TestPrintedCommandsNameTheContext(t *testing.T) {
	s := clitest.Stories()["waiting-approval"]
	frame := view.Frame(view.Of(s.Rollout, s.Releases), clitest.Now, view.Screen{Context: "prod"})
	require.Contains(t, frame, "kubectl crossfade approve checkout -n shop --context prod")
}

// requireFits allows only commands to be wider than the screen: they are there to be copied.
func requireFits(t *testing.T, frame string, width int) {
	t.Helper()
	for line := range strings.Lines(frame) {
		if !strings.Contains(line, "kubectl ") {
			require.LessOrEqual(t, lipgloss.Width(strings.TrimSuffix(line, "\n")), width, "line %q", line)
		}
	}
}

func requireGolden(t *testing.T, name, frame string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(frame), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run with -update")
	require.Equal(t, string(want), frame)
}
