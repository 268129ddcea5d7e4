package providers_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providers"
)

// TestEveryKindIsAllowed: what is listed may be read and written by the controller, and named in a Rollout.
func TestEveryKindIsAllowed(t *testing.T) {
	text, err := os.ReadFile("../../charts/crossfade/files/rbac/role.yaml")
	require.NoError(t, err)
	granted := map[string][]string{}
	for _, document := range strings.Split(string(text), "\n---\n") {
		var role rbacv1.ClusterRole
		require.NoError(t, yaml.Unmarshal([]byte(document), &role))
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					granted[resource+"."+group] = append(granted[resource+"."+group], rule.Verbs...)
				}
			}
		}
	}
	crd, err := os.ReadFile("../../charts/crossfade/crds/crossfade.io_rollouts.yaml")
	require.NoError(t, err)
	registry, guarded := providers.Registry(), providers.Guarded()
	for _, listed := range providers.List() {
		verbs := []string{"get", "list", "watch"}
		if listed.Guarded {
			verbs = append(verbs, "patch")
			require.Equal(t, listed.Resource, guarded[0])
			guarded = guarded[1:]
		}
		require.Subset(t, granted[listed.Resource.GroupResource().String()], verbs, listed.Kind.String())
		require.Contains(t, []string{"s", "es"}, strings.TrimPrefix(listed.Resource.Resource, strings.ToLower(listed.Kind.Kind)), "permission is asked for by the kind's plural")
		require.Contains(t, strings.Join(strings.Fields(string(crd)), " "), "'"+listed.Kind.Kind+"'")
		for _, flavor := range listed.Flavors {
			found, ok := registry.For(v1alpha1.RouteRef{Group: listed.Kind.Group, Kind: listed.Kind.Kind, Flavor: &flavor.Name})
			require.True(t, ok)
			require.NotContains(t, found.Capabilities(trafficrouting.Objects{}).Refusal, "flavor")
		}
	}
	require.Empty(t, guarded)
}
