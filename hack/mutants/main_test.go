package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMutantsChangeTheProduct: the line that a mutant changes is still there, once.
func TestMutantsChangeTheProduct(t *testing.T) {
	const root = "../.."
	mutants, err := read(root)
	require.NoError(t, err)
	require.NotEmpty(t, mutants)
	for _, m := range mutants {
		source, err := os.ReadFile(filepath.Join(root, m.File))
		require.NoError(t, err, m.Name)
		require.Equal(t, 1, strings.Count(string(source), m.From), "%s: %q in %s", m.Name, m.From, m.File)
	}
}
