package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

var (
	templatesResource        = schema.GroupVersionResource{Group: "crossfade.io", Version: "v1alpha1", Resource: "analysistemplates"}
	clusterTemplatesResource = schema.GroupVersionResource{Group: "crossfade.io", Version: "v1alpha1", Resource: "clusteranalysistemplates"}
)

// templateOf is a template of that name and source.
func templateOf(kind, name, source string) string {
	return fmt.Sprintf(`
apiVersion: crossfade.io/v1alpha1
kind: %s
metadata: {name: %s}
spec:
  source: %s
  metrics: [{name: a, threshold: {query: a, success: "true"}}]
`, kind, name, source)
}

// secretive are sources that name a Secret called mine, in each of the places for one.
func secretive() map[string]string {
	all := map[string]string{
		"datadog": "{datadog: {keys: mine}}", "cloudwatch": "{cloudWatch: {keys: mine, region: eu-central-1}}",
	}
	headers := ""
	for i := range 16 {
		headers += fmt.Sprintf("{name: h%d, secret: {name: hNUMBER%dE, key: k}}, ", i, i)
	}
	for _, kind := range []string{"prometheus", "web"} {
		for name, part := range map[string]string{
			"bearer": "bearer: {name: mine, key: k}", "basic": "basic: mine", "oauth2": "oauth2: {client: mine, tokenURL: \"http://a\"}",
			"ca": "tls: {ca: {name: mine, key: k}}", "certificate": "tls: {certificate: mine}",
			"header":       "headers: [{name: a, value: b}, {name: c, secret: {name: mine, key: k}}]",
			"first-header": "headers: [" + strings.Replace(headers, "hNUMBER0E", "mine", 1) + "]",
			"last-header":  "headers: [" + strings.Replace(headers, "hNUMBER15E", "mine", 1) + "]",
		} {
			all[kind+"-"+name] = "{" + kind + ": {address: \"http://a\", " + part + "}}"
		}
	}
	for name, source := range all {
		for i := range 16 { // the other headers are plain
			source = strings.Replace(source, fmt.Sprintf("secret: {name: hNUMBER%dE, key: k}", i), "value: v", 1)
		}
		all[name] = source
	}
	return all
}

// TestAuthorMayReadSecrets: the author of a template must be allowed to get each Secret that it names, for the controller sends
// it where they say.
func TestAuthorMayReadSecrets(t *testing.T) {
	namespace := permit(t)
	templates := rbacv1.PolicyRule{APIGroups: []string{"crossfade.io"}, Resources: []string{"analysistemplates"}, Verbs: []string{"create", "get", "update", "patch"}}
	secrets := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"mine"}, Verbs: []string{"get"}}
	stranger, reader := granted(t, namespace, "stranger", templates), granted(t, namespace, "reader", templates, secrets)
	create := func(c dynamic.Interface, name, source string, dry ...string) error {
		_, err := c.Resource(templatesResource).Namespace(namespace).Create(t.Context(), decoded(t, templateOf("AnalysisTemplate", name, source)),
			metav1.CreateOptions{DryRun: dry, FieldValidation: metav1.FieldValidationStrict})
		return err
	}
	const refusal = "spec.source: Secret mine of namespace %s: stranger may not get it, and so may not have it sent; ask for the verb get on it"
	// Until the policies act the answer is yes, so it is asked for dry.
	require.EventuallyWithT(t, func(now *assert.CollectT) {
		err := create(stranger, "settling", "{datadog: {keys: mine}}", metav1.DryRunAll)
		require.True(now, apierrors.IsForbidden(err), "%v", err)
	}, patience, 100*time.Millisecond)
	for name, source := range secretive() {
		t.Run(name, func(t *testing.T) {
			err := create(stranger, name, source)
			require.True(t, apierrors.IsForbidden(err), "%v", err)
			require.ErrorContains(t, err, fmt.Sprintf(refusal, namespace))
			require.NoError(t, create(reader, name, source))
		})
	}
	t.Run("a source without Secrets is anybody's", func(t *testing.T) {
		require.NoError(t, create(stranger, "plain", `{web: {address: "http://a", headers: [{name: a, value: b}]}}`))
		obj := decoded(t, templateOf("AnalysisTemplate", "plain", `{web: {address: "http://a", basic: mine}}`))
		current, err := stranger.Resource(templatesResource).Namespace(namespace).Get(t.Context(), "plain", metav1.GetOptions{})
		require.NoError(t, err)
		obj.SetResourceVersion(current.GetResourceVersion())
		_, err = stranger.Resource(templatesResource).Namespace(namespace).Update(t.Context(), obj, metav1.UpdateOptions{})
		require.ErrorContains(t, err, fmt.Sprintf(refusal, namespace), "nor can it be had by an update")
		own := decoded(t, strings.Replace(templateOf("AnalysisTemplate", "own", "x"), "  source: x\n", "", 1))
		_, err = stranger.Resource(templatesResource).Namespace(namespace).Create(t.Context(), own, metav1.CreateOptions{})
		require.NoError(t, err, "as is the installation's Prometheus")
	})
	t.Run("as many as a source can name cost no more than the API server lets them", func(t *testing.T) {
		headers := ""
		for i := range 16 {
			headers += fmt.Sprintf("{name: h%d, secret: {name: mine, key: k}}, ", i)
		}
		require.NoError(t, create(reader, "most", `{prometheus: {address: "http://a", oauth2: {client: mine, tokenURL: "http://a"}, `+
			`tls: {ca: {name: mine, key: k}, certificate: mine}, headers: [`+headers+`]}}`))
	})
}

// TestAuthorMayCreateJobs: likewise the Jobs that the controller creates for it.
func TestAuthorMayCreateJobs(t *testing.T) {
	namespace := permit(t)
	templates := rbacv1.PolicyRule{APIGroups: []string{"crossfade.io"}, Resources: []string{"analysistemplates"}, Verbs: []string{"create"}}
	jobs := rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"create"}}
	manifest := strings.Replace(templateOf("AnalysisTemplate", "load", "{job: {spec: {template: {spec: {containers: [{name: a, image: a}]}}}}}"),
		`threshold: {query: a, success: "true"}`, "threshold: {}", 1)
	create := func(c dynamic.Interface, dry ...string) error {
		_, err := c.Resource(templatesResource).Namespace(namespace).Create(t.Context(), decoded(t, manifest), metav1.CreateOptions{DryRun: dry})
		return err
	}
	stranger, runner := granted(t, namespace, "stranger", templates), granted(t, namespace, "runner", templates, jobs)
	require.EventuallyWithT(t, func(now *assert.CollectT) {
		err := create(stranger, metav1.DryRunAll)
		require.True(now, apierrors.IsForbidden(err), "%v", err)
		require.ErrorContains(now, err, "spec.source.job: stranger may not create Jobs in this namespace, and so may not have them created; ask for the verb create on jobs.batch")
	}, patience, 100*time.Millisecond)
	require.NoError(t, create(runner))

	admin, err := dynamic.NewForConfig(config(t))
	require.NoError(t, err)
	_, err = admin.Resource(clusterTemplatesResource).Create(t.Context(), decoded(t, strings.Replace(manifest, "kind: Analysis", "kind: ClusterAnalysis", 1)), metav1.CreateOptions{})
	require.ErrorContains(t, err, "spec.source: a ClusterAnalysisTemplate runs no Jobs")
}

// TestAuthorOfAClusterTemplate: its Secrets are those of the controller's namespace.
func TestAuthorOfAClusterTemplate(t *testing.T) {
	namespace := permit(t)
	client, err := kubernetes.NewForConfig(config(t))
	require.NoError(t, err)
	name := namespace + "-templates" // which is of the whole cluster
	ctx := context.WithoutCancel(t.Context())
	_, err = client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"crossfade.io"}, Resources: []string{"clusteranalysistemplates"}, Verbs: []string{"create"}},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.RbacV1().ClusterRoles().Delete(ctx, name, metav1.DeleteOptions{}) })
	_, err = client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "guest"}, {APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "host"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.RbacV1().ClusterRoleBindings().Delete(ctx, name, metav1.DeleteOptions{}) })
	secrets := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}
	guest := granted(t, newNamespace(t), "guest", secrets) // of another namespace
	host := granted(t, namespace, "host", secrets)
	create := func(c dynamic.Interface) error {
		_, err := c.Resource(clusterTemplatesResource).Create(t.Context(), decoded(t, templateOf("ClusterAnalysisTemplate", name, "{datadog: {keys: mine}}")),
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	require.EventuallyWithT(t, func(now *assert.CollectT) {
		err := create(guest)
		require.ErrorContains(now, err, "spec.source: Secret mine of namespace "+namespace+": guest may not get it")
		require.NoError(now, create(host))
	}, patience, 100*time.Millisecond)
}
