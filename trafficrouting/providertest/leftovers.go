package providertest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// Ended returns what is left of a release in the end: what Strip gives, without the leftovers.
func Ended(t testing.TB, p trafficrouting.Provider, live trafficrouting.Objects, owner trafficrouting.Owner) trafficrouting.Objects {
	t.Helper()
	out, err := p.Strip(live, owner)
	require.NoError(t, err)
	left := p.Leftovers(live, owner)
	require.Equal(t, left, p.Leftovers(out, owner), "what goes later is still there")
	kept := trafficrouting.Objects{Route: out.Route}
	for _, obj := range out.Beside {
		if !slices.Contains(left, obj) {
			kept.Beside = append(kept.Beside, obj)
		}
	}
	return kept
}

// Needed returns live without the owners' leftovers that fresh, which was rendered on the user's objects, does not have: an
// earlier split needed them.
func Needed(p trafficrouting.Provider, fresh, live trafficrouting.Objects, owners ...trafficrouting.Owner) trafficrouting.Objects {
	there := map[trafficrouting.Reference]bool{}
	for _, obj := range fresh.Beside {
		there[trafficrouting.ReferenceTo(obj)] = true
	}
	out := live
	for _, owner := range owners {
		left := p.Leftovers(live, owner)
		out.Beside = slices.DeleteFunc(slices.Clone(out.Beside), func(obj *unstructured.Unstructured) bool {
			return slices.Contains(left, obj) && !there[trafficrouting.ReferenceTo(obj)]
		})
	}
	return out
}
