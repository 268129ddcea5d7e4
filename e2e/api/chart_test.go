package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/e2e/cluster"
)

// chart renders the chart with values as JSON under analysis, into the namespace sys.
func chart(t *testing.T, analysis string) ([]*unstructured.Unstructured, error) {
	t.Helper()
	root, err := cluster.FindCheckout(".")
	require.NoError(t, err)
	tool := exec.CommandContext(t.Context(), filepath.Join(root, "hack/tool.sh"), "helm")
	tool.Stderr = os.Stderr
	helm, err := tool.Output()
	require.NoError(t, err)
	var said strings.Builder
	render := exec.CommandContext(t.Context(), strings.TrimSpace(string(helm)), "template", "crossfade", filepath.Join(root, "charts/crossfade"),
		"--namespace", "sys", "--set-json", "analysis="+analysis)
	render.Stderr = &said
	out, err := render.Output()
	if err != nil {
		return nil, chartError(said.String())
	}
	var objects []*unstructured.Unstructured
	for _, text := range strings.Split(string(out), "\n---\n") {
		obj := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(text), &obj.Object))
		if obj.Object != nil {
			objects = append(objects, obj)
		}
	}
	return objects, nil
}

// chartError is what Helm says.
type chartError string

func (e chartError) Error() string { return string(e) }

// roles are the rules that the chart gives the controller, by namespace and name, and checks that each is bound.
func roles(t *testing.T, objects []*unstructured.Unstructured) map[string][]rbacv1.PolicyRule {
	t.Helper()
	rules, bound := map[string][]rbacv1.PolicyRule{}, map[string]bool{}
	for _, obj := range objects {
		key := obj.GetNamespace() + "/" + obj.GetName()
		if !strings.HasPrefix(obj.GetName(), "crossfade-analysis") && obj.GetName() != "crossfade" {
			continue
		}
		switch obj.GetKind() {
		case "Role", "ClusterRole":
			var role rbacv1.Role
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, &role))
			rules[key] = append(rules[key], role.Rules...)
		case "RoleBinding", "ClusterRoleBinding":
			var binding rbacv1.RoleBinding
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, &binding))
			require.Equal(t, []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "sys", Name: "crossfade"}}, binding.Subjects)
			require.Equal(t, obj.GetName(), binding.RoleRef.Name)
			bound[key] = true
		}
	}
	for key := range rules {
		require.True(t, bound[key], "%s is not bound", key)
	}
	return rules
}

// TestChartOfAnalysis: what the analysis may is granted by namespace, and nowhere for all.
func TestChartOfAnalysis(t *testing.T) {
	secrets := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}}
	jobs := []rbacv1.PolicyRule{{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"create", "get", "delete"}}}
	objects, err := chart(t, `{"prometheus": {"address": "http://prometheus.monitoring.svc:9090"}, "secrets": ["shop", "pay"], "jobs": ["shop"], "allow": ["10.0.0.0/8", "fd00::1/128"],
		"deny": ["0.0.0.0/0", "::/0"]}`)
	require.NoError(t, err)
	rules := roles(t, objects)
	own, cluster := rules["sys/crossfade"], rules["/crossfade"]
	require.NotEmpty(t, own)
	require.NotEmpty(t, cluster)
	delete(rules, "sys/crossfade")
	delete(rules, "/crossfade")
	require.Equal(t, map[string][]rbacv1.PolicyRule{
		"shop/crossfade-analysis-secrets": secrets, "pay/crossfade-analysis-secrets": secrets, "shop/crossfade-analysis-jobs": jobs,
	}, rules)
	for _, rule := range cluster {
		require.NotContains(t, rule.Resources, "secrets")
		require.NotContains(t, rule.Resources, "jobs")
		require.NotContains(t, rule.Resources, "*")
	}
	reads := func(rule rbacv1.PolicyRule) bool {
		return slices.Contains(rule.Resources, "secrets") && slices.Contains(rule.Verbs, "get") && len(rule.ResourceNames) == 0
	}
	require.True(t, slices.ContainsFunc(own, reads), "Secrets of ClusterAnalysisTemplates are those of the controller's namespace")

	args := func(objects []*unstructured.Unstructured) []string {
		for _, obj := range objects {
			if obj.GetKind() != "Deployment" {
				continue
			}
			var deployment appsv1.Deployment
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, &deployment))
			return deployment.Spec.Template.Spec.Containers[0].Args
		}
		return nil
	}
	require.Contains(t, args(objects), "--prometheus-address=http://prometheus.monitoring.svc:9090")
	require.Contains(t, args(objects), "--analysis-allow=10.0.0.0/8,fd00::1/128")
	require.Contains(t, args(objects), "--analysis-deny=0.0.0.0/0,::/0")

	t.Run("without values nothing is granted", func(t *testing.T) {
		objects, err := chart(t, "{}")
		require.NoError(t, err)
		require.Len(t, roles(t, objects), 2)
		require.NotContains(t, strings.Join(args(objects), " "), "prometheus-address")
	})
	for values, want := range map[string]string{
		`{"secrets": ["*"]}`:                                             "/analysis/secrets/0",
		`{"jobs": ["a", "a"]}`:                                           "/analysis/jobs",
		`{"allow": ["10.0.0.1"]}`:                                        "/analysis/allow/0",
		`{"deny": ["10.0.0.1"]}`:                                         "/analysis/deny/0",
		`{"prometheus": {"address": "prometheus:9090"}}`:                 "/analysis/prometheus/address",
		`{"prometheus": {"address": "http://user:password@prometheus"}}`: "/analysis/prometheus/address",
		`{"secret": ["a"]}`:                                              "'secret' not allowed",
	} {
		t.Run(values, func(t *testing.T) {
			_, err := chart(t, values)
			require.ErrorContains(t, err, want)
		})
	}
}
