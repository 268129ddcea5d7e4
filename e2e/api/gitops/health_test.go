package gitops_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/e2e/controlplane"
)

// The columns of what health checks say.
const (
	byKubectl      = "kubectl rollout status"
	byArgo         = "Deployment in Argo CD"
	byKstatus      = "Deployment by kstatus"
	rolloutArgo    = "Rollout in Argo CD"
	rolloutKstatus = "Rollout by kstatus"
	routeArgo      = "HTTPRoute in Argo CD"
	routeKstatus   = "HTTPRoute by kstatus"
)

// TestHealthOverARelease asks the health checks of the tools at each stage of a release, by their own code: Flux and Helm
// go by kstatus.
func TestHealthOverARelease(t *testing.T) {
	c := controlplane.Start(t)
	c.GuardRoutes(t)
	program := build(t)
	for end, abortAt := range map[string]string{"promoted": "", "aborted": "half"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			tools := start(t, program)
			sync := func(manifest *unstructured.Unstructured) {
				tools.ask(t, question{Do: "sync", Manifest: manifest})
			}
			a := begin(t, c, sync)
			seen := &table{}
			a.drive(t, abortAt, sync, func(stage string, still func() bool) bool {
				return a.askAll(t, tools, stage, still, seen)
			})
			t.Log(seen.print(byKubectl, byArgo, byKstatus, rolloutArgo, rolloutKstatus, routeArgo, routeKstatus))
			seen.requireHealth(t, "before", "done", "Healthy", "Current")
			for _, stage := range []string{"Stepping canary, held", "Stepping half, held"} {
				seen.requireHealth(t, stage, "waits", "Progressing", "InProgress")
			}
			if abortAt == "" {
				seen.requireHealth(t, "Keeping", "waits", "Progressing", "InProgress")
				seen.requireHealth(t, "after", "done", "Healthy", "Current")
			} else {
				seen.requireHealth(t, "at rest over the rejected version", "waits", "Suspended", "InProgress")
			}
			for _, stage := range seen.stages {
				require.Equal(t, []string{"Current"}, seen.entries[stage][rolloutKstatus], "Rollout by kstatus, %s", stage)
				require.Equal(t, []string{"none"}, seen.entries[stage][rolloutArgo], "Rollout in Argo CD, %s", stage)
			}
		})
	}
}

// askAll notes what each check says, unless the stage has passed meanwhile.
func (a *application) askAll(t *testing.T, tools *tools, stage string, still func() bool, seen *table) bool {
	t.Helper()
	says := func(manifest *unstructured.Unstructured) map[string]string {
		return tools.ask(t, question{Do: "health", Live: a.live(t, manifest)}).Health
	}
	deployment, route := says(a.git[0]), says(a.git[2])
	rollout := says(&unstructured.Unstructured{Object: map[string]any{"kind": "Rollout", "metadata": map[string]any{"name": appName}}})
	if !still() {
		return false
	}
	for column, answer := range map[string]string{
		byKubectl: deployment["kubectl"], byArgo: deployment["argo"], byKstatus: deployment["kstatus"],
		rolloutArgo: rollout["argo"], rolloutKstatus: rollout["kstatus"], routeArgo: route["argo"], routeKstatus: route["kstatus"],
	} {
		seen.add(stage, column, answer)
	}
	return true
}

// requireHealth requires what docs/gitops.md says of a stage; of kubectl, whether it waits.
func (s *table) requireHealth(t *testing.T, stage, kubectl, argo, kstatus string) {
	t.Helper()
	require.Contains(t, s.entries, stage)
	require.Regexp(t, "^"+kubectl, s.entries[stage][byKubectl][len(s.entries[stage][byKubectl])-1])
	for column, want := range map[string]string{byArgo: argo, byKstatus: kstatus} {
		require.Equal(t, []string{want}, s.entries[stage][column], "%s, %s", column, stage)
	}
}
