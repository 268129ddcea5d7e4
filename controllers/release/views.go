package release

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/lens"
	"crossfade.io/crossfade/trafficrouting"
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

// follow has the Release reconciled when one of the objects that it names, or what belongs to them,
// changes.
func (r *Reconciler) follow(views map[string]View, release *v1alpha1.Release, providers trafficrouting.Registry) {
	policy, own := release.Spec.Policy, release.Namespace
	subjects := map[string][]lens.Subject{}
	add := func(namespace string, kind schema.GroupKind, name string) {
		subjects[namespace] = append(subjects[namespace], lens.Subject{Kind: kind, Name: name})
	}
	add(own, schema.GroupKind{Group: policy.WorkloadRef.Group, Kind: policy.WorkloadRef.Kind}, policy.WorkloadRef.Name)
	for _, s := range policy.ServiceRefs {
		add(own, serviceKind.GroupKind(), s.Name)
		add(own, serviceKind.GroupKind(), trafficrouting.CanaryOf(s.Name))
	}
	for _, ref := range policy.RouteRefs {
		add(namespaceOf(ref, release), schema.GroupKind{Group: ref.Group, Kind: ref.Kind}, ref.Name)
		if provider, ok := providers.For(ref); ok {
			for _, kind := range provider.Beside() {
				add(own, kind, "")
			}
		}
	}
	request := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(release)}
	for namespace, view := range views {
		view.Follow(release, subjects[namespace], func(changed client.Object) {
			if changed == nil || !r.fresh.echo(changed, request.NamespacedName) {
				r.enqueue(request)
			}
		})
	}
}

// views opens the namespaces that a Release is about: its own, and those of its routes.
func (r *Reconciler) views(ctx context.Context, release *v1alpha1.Release) (map[string]View, error) {
	views := map[string]View{release.Namespace: nil}
	for _, ref := range release.Spec.Policy.RouteRefs {
		views[namespaceOf(ref, release)] = nil
	}
	for namespace := range views {
		view, err := r.Views.Open(ctx, namespace)
		if err != nil {
			return nil, err
		}
		views[namespace] = view
	}
	return views, nil
}

// namespaceOf is where a route of a Release is.
func namespaceOf(ref v1alpha1.RouteRef, release *v1alpha1.Release) string {
	return ptr.Deref(ref.Namespace, release.Namespace)
}
