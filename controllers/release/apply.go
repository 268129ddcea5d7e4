package release

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/controllers/apply"
	"crossfade.io/crossfade/intent"
)

// apply sends one write and notes what it made, so that the next decision waits for the caches.
func (r *Reconciler) apply(ctx context.Context, w intent.Write) error {
	obj, err := apply.Send(ctx, r.Client, w)
	if err != nil {
		r.count(string(w.Verb), w.Kind.Kind, err)
		return err
	}
	switch w.Verb {
	case intent.Create:
		r.fresh.created(obj)
	case intent.Delete:
		r.fresh.deleted(obj)
	case intent.Patch, intent.Scale:
		r.fresh.wrote(obj)
	}
	return nil
}

// failed counts a refused write of a Release and names it.
func (r *Reconciler) failed(verb string, release client.Object, err error) error {
	r.count(verb, "Release", err)
	return fmt.Errorf("%s Release %s: %w", verb, client.ObjectKeyFromObject(release), err)
}

func (r *Reconciler) count(verb, kind string, err error) {
	r.Metrics.apiErrors.WithLabelValues(verb, kind, string(apierrors.ReasonForError(err))).Inc()
}
