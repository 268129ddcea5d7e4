package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/controllers/admission"
)

var update = flag.Bool("update", false, "write the golden file")

func TestRender(t *testing.T) {
	const golden = "testdata/admission.yaml"
	out, err := render(admission.Options{
		Name: "crossfade", Controllers: []string{defaultController}, Ignored: admission.DefaultIgnored,
	})
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(golden, out, 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)

	t.Run("the policies are those of the golden file (go test -update writes it)", func(t *testing.T) {
		require.Equal(t, string(want), string(out))
	})
	t.Run("Helm finds nothing to fill in but the namespace", func(t *testing.T) {
		rest := strings.ReplaceAll(string(out), defaultController, "")
		require.NotContains(t, rest, "{{")
		require.Equal(t, 2, strings.Count(string(out), "{{ .Release.Namespace }}"), "one for each policy")
	})
}
