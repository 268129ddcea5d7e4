package gatewayapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
)

func render(t testing.TB, route *unstructured.Unstructured, owner trafficrouting.Owner, splits ...trafficrouting.Split) *unstructured.Unstructured {
	t.Helper()
	out, err := gatewayapi.HTTPRoute{}.Render(trafficrouting.Objects{Route: route}, owner, splits)
	require.NoError(t, err)
	require.NoError(t, admit(out.Route))
	return out.Route
}

func strip(t testing.TB, route *unstructured.Unstructured, owner trafficrouting.Owner) *unstructured.Unstructured {
	t.Helper()
	out, err := gatewayapi.HTTPRoute{}.Strip(trafficrouting.Objects{Route: route}, owner)
	require.NoError(t, err)
	return out.Route
}

func withParents(route *unstructured.Unstructured, parents string) *unstructured.Unstructured {
	var list []any
	if err := yaml.Unmarshal([]byte(parents), &list); err != nil {
		panic(err)
	}
	out := route.DeepCopy()
	out.Object["status"] = map[string]any{"parents": list}
	return out
}
