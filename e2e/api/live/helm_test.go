package live_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/e2e/cluster"
	"crossfade.io/crossfade/e2e/controlplane"
)

// approved rests at half until somebody approves, which nobody does while a tool waits.
const approved = "  strategy: {steps: [{name: half, weight: 50, hold: {approval: Required}}]}\n  timing: {settle: 0s, drain: 0s}\n"

// helmWaits: Helm waits for no Deployment that is paused when it applies it, which the gate sees to. So `--wait` has
// nothing to wait for, and `--rollback-on-failure` (once --atomic) rolls back for other reasons alone: a hook that fails
// here. It applies the stable version again then, which takes the Release back.
func helmWaits(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "helm")
	objects := controlplane.Objects(t, namespace, "app", 2, approved)
	chart := newChart(t, objects[:3])
	require.NoError(t, chart.upgrade(t, namespace, "app:v1", "--wait"))
	c.Create(t, namespace, objects[3])
	c.AwaitArmed(t, namespace, "app")
	require.NoError(t, chart.upgrade(t, namespace, "app:v2", "--wait"))
	awaitHeld(t, c, namespace, "app-1", "HoldingApproval")
	require.ErrorContains(t, chart.upgrade(t, namespace, "app:v2"), `conflict with "crossfade"`, "the route's rules are split")
	require.NoError(t, chart.upgrade(t, namespace, "app:v1", "--force-conflicts"))
	awaitOutcome(t, c, namespace, "app-1", "Reverted")
	c.AwaitArmed(t, namespace, "app")

	require.Error(t, chart.upgrade(t, namespace, "app:v2", "--rollback-on-failure", "--timeout", "10s", "--set", "smoke=true", "--force-conflicts"))
	awaitOutcome(t, c, namespace, "app-2", "Reverted")
	release, err := c.In(namespace, controlplane.Releases).Get(t.Context(), "app-2", metav1.GetOptions{})
	require.NoError(t, err)
	cause, _, _ := unstructured.NestedString(release.Object, "status", "progress", "causeMessage")
	require.Regexp(t, `^the stable template was applied again by helm, which had applied the new one, \d+s after the Release began; `, cause)
	c.AwaitArmed(t, namespace, "app")
	require.Equal(t, "app:v1", image(t, c, namespace))
	requireNative(t, c, namespace)
	require.NoError(t, chart.upgrade(t, namespace, "app:v3"), "no conflict is left")
}

// smoke is a hook that no node ever runs.
const smoke = `
{{- if .Values.smoke }}
---
apiVersion: batch/v1
kind: Job
metadata: {name: smoke, annotations: {helm.sh/hook: post-upgrade}}
spec:
  template:
    spec: {restartPolicy: Never, nodeSelector: {nowhere: "yes"}, containers: [{name: smoke, image: smoke}]}
{{- end }}
`

// chart is a Helm chart of an application.
type chart struct{ helm, dir string }

func newChart(t *testing.T, objects []*unstructured.Unstructured) chart {
	t.Helper()
	root, err := cluster.FindCheckout(".")
	require.NoError(t, err)
	tool := exec.CommandContext(t.Context(), filepath.Join(root, "hack/tool.sh"), "helm")
	tool.Stderr = os.Stderr
	path, err := tool.Output()
	require.NoError(t, err)
	c := chart{strings.TrimSpace(string(path)), t.TempDir()}
	var templates strings.Builder
	for _, obj := range objects {
		text, err := yaml.Marshal(obj.Object)
		require.NoError(t, err)
		templates.WriteString("---\n" + strings.ReplaceAll(string(text), "app:v1", "{{ .Values.image }}"))
	}
	require.NoError(t, os.Mkdir(filepath.Join(c.dir, "templates"), 0o700))
	for file, content := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n", "values.yaml": "image: app:v1\nsmoke: false\n", "templates/app.yaml": templates.String() + smoke,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(c.dir, file), []byte(content), 0o600))
	}
	return c
}

// upgrade installs or upgrades the chart; its error has what Helm says.
func (c chart) upgrade(t *testing.T, namespace, image string, flags ...string) error {
	t.Helper()
	arguments := append([]string{"upgrade", "--install", "app", c.dir, "--namespace", namespace, "--set", "image=" + image}, flags...)
	out, err := exec.CommandContext(t.Context(), c.helm, arguments...).CombinedOutput()
	t.Logf("helm upgrade to %s %v: %v: %s", image, flags, err, out)
	if err != nil {
		return fmt.Errorf("helm upgrade: %w: %s", err, out)
	}
	return nil
}
