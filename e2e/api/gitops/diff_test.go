package gitops_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/e2e/controlplane"
)

const (
	byDefault   = "default"
	bySnippet   = "default, with the snippet"
	byServer    = "ServerSideDiff=true"
	noneDiffers = "-"
)

// TestArgoCDSeesARelease compares Git with the cluster at each stage of a release, as Argo CD does in each mode:
// after syncs by client-side apply, its default, and by server-side apply.
func TestArgoCDSeesARelease(t *testing.T) {
	c := controlplane.Start(t)
	c.GuardRoutes(t)
	program, ignored := build(t), snippet(t)
	for sync, serverSideApply := range map[string]bool{"synced by default": false, "synced with ServerSideApply=true": true} {
		for end, abortAt := range map[string]string{"promoted": "", "aborted": "half"} {
			t.Run(sync+", "+end, func(t *testing.T) {
				t.Parallel()
				tools := start(t, program)
				sync := func(manifest *unstructured.Unstructured) {
					tools.ask(t, question{Do: "sync", Manifest: manifest, ServerSideApply: serverSideApply})
				}
				a := begin(t, c, sync)
				seen := &table{}
				a.drive(t, abortAt, sync, func(stage string, _ func() bool) bool {
					return a.compareAll(t, tools, question{Do: "compare", ServerSideApply: serverSideApply}, ignored, stage, seen)
				})
				t.Log(seen.print(byDefault, bySnippet, byServer))
				for _, stage := range seen.stages {
					require.Equal(t, []string{noneDiffers}, seen.entries[stage][byServer], "server side, %s", stage)
					require.Equal(t, []string{noneDiffers}, seen.entries[stage][bySnippet], "with the snippet, %s", stage)
					for _, path := range seen.entries[stage][byDefault] {
						require.Regexp(t, promised(stage, serverSideApply), path, "by default, %s", stage)
					}
				}
				require.Contains(t, seen.entries["Stepping half, held"][byDefault], "HTTPRoute spec.rules")
			})
		}
	}
}

// promised is what docs/gitops.md says that Argo CD's default shows at a stage.
func promised(stage string, serverSideApply bool) string {
	switch {
	case stage == "before" || stage == "after" || strings.HasPrefix(stage, "at rest"):
		return "^-$"
	case serverSideApply:
		return `^(-|Deployment spec\.(minReadySeconds|progressDeadlineSeconds|strategy\..*)|HTTPRoute spec\.rules|Service spec\.selector\.pod-template-hash)$`
	}
	return `^(-|Deployment spec\.(minReadySeconds|progressDeadlineSeconds|strategy\..*)|HTTPRoute spec\.rules)$`
}

// compareAll compares the objects in each mode, and notes what differs. It tells whether nothing was written meanwhile,
// so that all compared the same.
func (a *application) compareAll(t *testing.T, tools *tools, q question, ignored, stage string, seen *table) bool {
	t.Helper()
	modes := []struct {
		name        string
		serverSide  bool
		application string
	}{{byDefault, false, ""}, {bySnippet, false, ignored}, {byServer, true, ""}}
	found := map[string][]string{}
	for _, manifest := range a.git {
		live := a.live(t, manifest)
		for _, mode := range modes {
			q.Manifest, q.Live, q.ServerSideDiff, q.Application = manifest, live, mode.serverSide, mode.application
			for _, path := range tools.ask(t, q).Differs {
				found[mode.name] = append(found[mode.name], manifest.GetKind()+" "+path)
			}
		}
		if a.live(t, manifest).GetResourceVersion() != live.GetResourceVersion() {
			return false
		}
	}
	for _, mode := range modes {
		paths := found[mode.name]
		if len(paths) == 0 {
			paths = []string{noneDiffers}
		}
		for _, path := range paths {
			seen.add(stage, mode.name, path)
		}
	}
	return true
}

// print is the table as text.
func (s *table) print(columns ...string) string {
	var out strings.Builder
	for _, stage := range s.stages {
		for _, column := range columns {
			fmt.Fprintf(&out, "\n%-36s %-28s %s", stage, column, strings.Join(s.entries[stage][column], ", "))
		}
	}
	return out.String()
}
