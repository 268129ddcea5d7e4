package view_test

import (
	"fmt"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/view"
)

func TestAnalysis(t *testing.T) {
	for name, rel := range clitest.Judgements() {
		t.Run(name, func(t *testing.T) {
			frame := view.Analysis(&rel, clitest.Now, view.Screen{})
			requireFits(t, frame, 80)
			requireGolden(t, "analysis-"+name, frame)
		})
		t.Run(name+" with colour says the same", func(t *testing.T) {
			coloured := view.Analysis(&rel, clitest.Now, view.Screen{Color: true})
			require.Contains(t, coloured, "\x1b[")
			require.Equal(t, view.Analysis(&rel, clitest.Now, view.Screen{}), ansi.Strip(coloured))
		})
		for _, width := range []int{44, 100} {
			t.Run(fmt.Sprintf("%s fits %d columns", name, width), func(t *testing.T) {
				requireFits(t, view.Analysis(&rel, clitest.Now, view.Screen{Width: width}), width)
			})
		}
	}
}
