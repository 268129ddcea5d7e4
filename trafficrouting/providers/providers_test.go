package providers_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

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
	registry := providers.Registry()
	for i, listed := range providers.List() {
		require.Subset(t, granted[listed.Resource.GroupResource().String()], []string{"get", "list", "watch", "patch"}, listed.Kind.String())
		require.Equal(t, strings.ToLower(listed.Kind.Kind)+"s", listed.Resource.Resource, "permission is asked for by the kind's plural")
		require.Contains(t, strings.Join(strings.Fields(string(crd)), " "), "'"+listed.Kind.Kind+"'")
		found, ok := registry.For(listed.Kind.Group, listed.Kind.Kind)
		require.True(t, ok)
		require.Equal(t, listed.Provider, found)
		require.Equal(t, listed.Resource, providers.Resources()[i])
	}
}
