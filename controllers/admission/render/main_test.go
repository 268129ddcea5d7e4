package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/controllers/admission"
)

func TestRender(t *testing.T) {
	for what, holes := range map[string][]string{
		"policies":       {defaultController, defaultController, chosenAnnotations},
		"permissions":    {releaseNamespace, defaultController},
		"webhook-routes": {defaultController, "{{ .Release.Namespace }}"},
		"webhook-tables": {
			defaultController, defaultController, defaultController, "{{ .Values.webhook.gateFailurePolicy }}",
			"{{ .Release.Namespace }}", "{{ .Release.Namespace }}", "{{ .Release.Namespace }}",
		},
	} {
		out, err := render(what, admission.Options{
			Name: "crossfade", Namespace: releaseNamespace, Controllers: []string{defaultController}, Ignored: []string{chosenAnnotations},
		})
		require.NoError(t, err)
		want, err := os.ReadFile("../../../charts/crossfade/files/" + what + ".yaml")
		require.NoError(t, err)

		t.Run(what+" are those of the chart (make generate writes them)", func(t *testing.T) {
			require.Equal(t, string(want), string(out))
		})
		t.Run("Helm finds nothing to fill into "+what+" but what the chart has", func(t *testing.T) {
			rest := strings.ReplaceAll(string(out), "include\n      `", "include `") // where YAML breaks the line
			for _, hole := range holes {
				require.Contains(t, rest, hole)
				rest = strings.Replace(rest, hole, "", 1)
			}
			require.NotContains(t, rest, "{{")
		})
	}
	_, err := render("everything", admission.Options{})
	require.ErrorContains(t, err, "everything")
}
