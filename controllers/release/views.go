package release

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/controllers/lens"
)

// Views opens what the shell reads of a namespace.
type Views interface {
	// Open returns the View of a namespace. It blocks until one that was not open has its first reading; an
	// error may be retried.
	Open(ctx context.Context, namespace string) (View, error)
	// Leave ends the following of a Release and returns its UID; empty if it followed nothing.
	Leave(release types.NamespacedName) types.UID
}

// View reads the objects of one namespace, as of a moment ago. What it returns is shared: it must not be changed.
type View interface {
	client.Reader
	// Follow has wake called whenever one of the subjects changes, with what it is then, nil if it is gone, until
	// the Release leaves. To follow again replaces what was followed.
	Follow(release client.Object, subjects []lens.Subject, wake func(changed client.Object))
	// KindOf returns the served version of a kind of route or of what stands beside one; an error that meta.IsNoMatchError knows tells that
	// there is none.
	KindOf(ctx context.Context, kind schema.GroupKind) (schema.GroupVersionKind, error)
}

// Through returns the Views that lenses give.
func Through(lenses *lens.Lenses) Views { return lensViews{lenses} }

type lensViews struct{ *lens.Lenses }

// Open is the Lenses'.
func (v lensViews) Open(ctx context.Context, namespace string) (View, error) {
	opened, err := v.Lenses.Open(ctx, namespace)
	if err != nil {
		return nil, err
	}
	return opened, nil
}
