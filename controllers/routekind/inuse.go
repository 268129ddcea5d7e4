package routekind

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// InUse finds the descriptions that Releases in flight go by.
type InUse struct {
	// Releases reads them, from a cache.
	Releases client.Reader
	kinds    Kinds
}

// Provider returns the Provider of the description by which a Release splits a route; nil if none in flight does. Of several it
// is the newest Release's: its description is the latest, and can most likely say what all of them have in the route. Where it
// cannot, the update is refused.
func (u *InUse) Provider(ctx context.Context, kind schema.GroupKind, route types.NamespacedName) (trafficrouting.Provider, error) {
	var releases v1alpha1.ReleaseList
	if err := u.Releases.List(ctx, &releases, client.MatchingLabels{v1alpha1.LabelActive: "true"}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the Releases in flight: %w", err)
	}
	slices.SortFunc(releases.Items, newestFirst)
	for _, release := range releases.Items {
		if !splits(release, kind, route) {
			continue
		}
		for _, text := range release.Spec.RouteKinds {
			described, provider, err := u.kinds.Provider(text)
			if described == kind {
				return provider, err
			}
		}
	}
	return nil, nil
}

func newestFirst(a, b v1alpha1.Release) int {
	return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
}

func splits(release v1alpha1.Release, kind schema.GroupKind, route types.NamespacedName) bool {
	return slices.ContainsFunc(release.Spec.Policy.RouteRefs, func(ref v1alpha1.RouteRef) bool {
		return ref.Group == kind.Group && ref.Kind == kind.Kind && ref.Name == route.Name &&
			ptr.Deref(ref.Namespace, release.Namespace) == route.Namespace
	})
}
