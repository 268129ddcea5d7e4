package live_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/e2e/controlplane"
)

var analysisTemplates = schema.GroupVersionResource{Group: "crossfade.io", Version: "v1alpha1", Resource: "analysistemplates"}

// smokeTemplate asks nobody who would answer.
const smokeTemplate = `
apiVersion: crossfade.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: smoke}
spec:
  args: [{name: path}]
  source: {web: {address: "http://192.0.2.1/{{args.path}}"}}
  metrics: [{name: answers, dryRun: true, noData: Ignore, threshold: {query: body.ok, success: result == true, interval: 1m}}]
`

// analysisIsCheckedAndKept: a Rollout waits for the templates that it names, and says what is wrong with them; a Release keeps
// those that it began with.
func analysisIsCheckedAndKept(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "analysis")
	templates := c.In(namespace, analysisTemplates)
	c.Deploy(t, namespace, "app", 1, approved+"  analysis: {templates: [{name: smoke}]}\n")
	missing := "AnalysisTemplate smoke does not exist in namespace " + namespace + "; create it, or correct spec.analysis.templates"
	awaitStalled(t, c, namespace, missing)
	deployment, err := c.In(namespace, controlplane.Deployments).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, deployment.GetLabels(), "nothing is touched")

	obj := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(smokeTemplate), &obj.Object))
	_, err = templates.Create(t.Context(), obj, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	require.NoError(t, err)
	awaitStalled(t, c, namespace, "AnalysisTemplate smoke: argument path has no value; give one, or give the template a default")
	change := func(body string) {
		_, err := templates.Patch(t.Context(), "smoke", types.MergePatchType, []byte(body), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	change(`{"spec":{"args":[{"name":"path","default":"ready"}]}}`)
	c.AwaitArmed(t, namespace, "app")

	c.SetImage(t, namespace, "app", "app:v2")
	awaitHeld(t, c, namespace, "app-1", "HoldingApproval")
	kept := func() string {
		release, err := c.In(namespace, controlplane.Releases).Get(t.Context(), "app-1", metav1.GetOptions{})
		require.NoError(t, err)
		texts, _, err := unstructured.NestedStringSlice(release.Object, "spec", "analysisTemplates")
		require.NoError(t, err)
		return strings.Join(texts, "\n")
	}
	before := kept()
	require.Contains(t, before, `"address":"http://192.0.2.1/{{args.path}}"`)
	change(`{"spec":{"args":[{"name":"path","default":"other"}]}}`)
	c.SetImage(t, namespace, "app", "app:v1")
	awaitOutcome(t, c, namespace, "app-1", "Reverted")
	require.Equal(t, before, kept())

	require.NoError(t, templates.Delete(t.Context(), "smoke", metav1.DeleteOptions{}))
	awaitStalled(t, c, namespace, missing)
	c.SetImage(t, namespace, "app", "app:v3")
	controlplane.Await(t, "it is held", func(ctx context.Context) (bool, string) {
		deployment, err := c.In(namespace, controlplane.Deployments).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		paused, _, _ := unstructured.NestedBool(deployment.Object, "spec", "paused")
		return paused, "it isn't paused"
	})
	awaitStalled(t, c, namespace, missing)
	_, err = c.In(namespace, controlplane.Releases).Get(t.Context(), "app-2", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "no Release opens: %v", err)
}
