package routekind_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/routekind"
	"crossfade.io/crossfade/trafficrouting"
)

// TestDescriptionInUse: of several Releases that split a route, the newest one's description guards it.
func TestDescriptionInUse(t *testing.T) {
	former := text(t, func(spec *v1alpha1.RouteKindSpec) { spec.Mirror = nil })
	latest := text(t, func(*v1alpha1.RouteKindSpec) {})
	release := func(name, route, kind string, second int64) client.Object {
		out := &v1alpha1.Release{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, Labels: map[string]string{v1alpha1.LabelActive: "true"}, CreationTimestamp: metav1.Time{Time: time.Unix(second, 0)},
		}}
		out.Spec.Policy.RouteRefs = []v1alpha1.RouteRef{{Group: "traefik.io", Kind: "IngressRoute", Name: route}}
		out.Spec.RouteKinds = []string{kind}
		return out
	}
	for name, of := range map[string]struct {
		releases []client.Object
		mirrors  bool
	}{
		"the newest is last by name":  {[]client.Object{release("a", "shop", former, 1), release("b", "shop", latest, 2)}, true},
		"the newest is first by name": {[]client.Object{release("a", "shop", former, 2), release("b", "shop", latest, 1)}, false},
		"both of one second":          {[]client.Object{release("b", "shop", former, 1), release("a", "shop", latest, 1)}, true},
		"the newest splits another":   {[]client.Object{release("a", "shop", former, 1), release("b", "other", latest, 2)}, false},
	} {
		scheme := runtime.NewScheme()
		require.NoError(t, v1alpha1.AddToScheme(scheme))
		inUse := routekind.InUse{Releases: fake.NewClientBuilder().WithScheme(scheme).WithObjects(of.releases...).Build()}
		kind := schema.GroupKind{Group: "traefik.io", Kind: "IngressRoute"}
		provider, err := inUse.Provider(t.Context(), kind, types.NamespacedName{Namespace: "shop", Name: "shop"})
		require.NoError(t, err, name)
		require.Equal(t, of.mirrors, provider.Capabilities(trafficrouting.Objects{}).Mirror, name)
		provider, err = inUse.Provider(t.Context(), kind, types.NamespacedName{Namespace: "shop", Name: "absent"})
		require.NoError(t, err, name)
		require.Nil(t, provider, name)
	}
}
