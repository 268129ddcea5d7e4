package rollout

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// away is a mapper that can't ask the API server.
type away struct{ meta.RESTMapper }

var errAway = errors.New("connection refused")

func (away) RESTMapping(schema.GroupKind, ...string) (*meta.RESTMapping, error) { return nil, errAway }

// TestTemplateKinds: Helm upgrades no CRDs, so a controller may find those of an older version.
func TestTemplateKinds(t *testing.T) {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion})
	mapper.Add(v1alpha1.GroupVersion.WithKind("AnalysisTemplate"), meta.RESTScopeNamespace)
	r := &Reconciler{Mapper: mapper}
	_, err := r.templateKinds()
	require.EqualError(t, err, "the API server has no ClusterAnalysisTemplate; apply the CRDs of this version first: "+
		"kubectl apply --server-side -f charts/crossfade/crds")

	letsGo := &Reconciler{Mapper: mapper, LetGo: true}
	none, err := letsGo.templateKinds()
	require.NoError(t, err, "an uninstall needs none")
	require.Empty(t, none)

	mapper.Add(v1alpha1.GroupVersion.WithKind(clusterTemplate), meta.RESTScopeRoot)
	both, err := r.templateKinds()
	require.NoError(t, err)
	require.Len(t, both, 2)

	_, err = (&Reconciler{Mapper: away{mapper}}).templateKinds()
	require.ErrorIs(t, err, errAway)
}
