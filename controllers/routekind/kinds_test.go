package routekind_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/routekind"
	"crossfade.io/crossfade/trafficrouting"
)

// text is the description that comes with Crossfade as a Release keeps it, changed.
func text(t *testing.T, change func(*v1alpha1.RouteKindSpec)) string {
	t.Helper()
	manifest, err := os.ReadFile("../../charts/crossfade/files/routekinds/ingressroute.traefik.io.yaml")
	require.NoError(t, err)
	var kind v1alpha1.RouteKind
	require.NoError(t, yaml.UnmarshalStrict(manifest, &kind))
	change(&kind.Spec)
	out, err := json.Marshal(kind.Spec)
	require.NoError(t, err)
	return string(out)
}

func TestKindsOfARelease(t *testing.T) {
	var kinds routekind.Kinds
	ref := v1alpha1.RouteRef{Group: "traefik.io", Kind: "IngressRoute", Name: "shop"}
	whole := text(t, func(*v1alpha1.RouteKindSpec) {})
	known, err := kinds.With(trafficrouting.Registry{}, []string{whole})
	require.NoError(t, err)
	provider, ok := known.For(ref)
	require.True(t, ok)
	require.True(t, provider.Capabilities(trafficrouting.Objects{}).Method)

	weights := text(t, func(spec *v1alpha1.RouteKindSpec) { spec.Match = nil })
	other, err := kinds.With(trafficrouting.Registry{}, []string{weights})
	require.NoError(t, err)
	provider, _ = other.For(ref)
	require.False(t, provider.Capabilities(trafficrouting.Objects{}).Method, "each Release has its own")
	again, err := kinds.With(trafficrouting.Registry{}, []string{whole})
	require.NoError(t, err)
	provider, _ = again.For(ref)
	require.True(t, provider.Capabilities(trafficrouting.Objects{}).Method)

	plain, err := kinds.With(trafficrouting.Registry{}, nil)
	require.NoError(t, err)
	_, ok = plain.For(ref)
	require.False(t, ok)
}

func TestKindsThatCannotBeUsed(t *testing.T) {
	var kinds routekind.Kinds
	for range 2 { // remembered too
		kind, _, err := kinds.Provider(text(t, func(spec *v1alpha1.RouteKindSpec) { spec.Accepted = "route" + " +" }))
		require.ErrorContains(t, err, "RouteKind ingressroute.traefik.io cannot be used: spec.accepted: Syntax error")
		require.Equal(t, schema.GroupKind{Group: "traefik.io", Kind: "IngressRoute"}, kind)
	}
	_, err := kinds.With(trafficrouting.Registry{}, []string{"{"})
	require.ErrorContains(t, err, "decode a RouteKind")
}
