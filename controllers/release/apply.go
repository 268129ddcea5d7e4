package release

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/controllers/apply"
	"crossfade.io/crossfade/intent"
)

// send sends the writes in their order. What is refused keeps nothing back but its own group.
func (r *Reconciler) send(ctx context.Context, writes []intent.Write) error {
	var refused []error
	stuck := map[string]bool{}
	for _, w := range writes {
		if len(refused) > 0 && (w.Group == "" || stuck[""] || stuck[w.Group]) {
			continue
		}
		if err := r.apply(ctx, w); err != nil {
			refused, stuck[w.Group] = append(refused, err), true
		}
	}
	return errors.Join(refused...)
}

// apply sends one write and notes what it made, so that the next decision is planned on it.
func (r *Reconciler) apply(ctx context.Context, w intent.Write) error {
	if w.Verb == intent.Patch {
		r.fresh.write(w.UID)
	}
	obj, err := apply.Send(ctx, r.Client, w)
	switch {
	case w.Verb == intent.Patch:
		if err != nil {
			obj = nil
		}
		for _, untold := range r.fresh.wrote(w.UID, obj) {
			r.enqueue(reconcile.Request{NamespacedName: untold})
		}
	case err != nil:
	case w.Verb == intent.Create:
		r.fresh.created(obj)
	case w.Verb == intent.Delete:
		r.fresh.deleted(obj)
	case w.Verb == intent.Scale:
		r.fresh.scaled(obj)
	}
	if err != nil {
		r.count(string(w.Verb), w.Kind.Kind, err)
	}
	return err
}

// answering are the kinds of object whose own controllers write a status for each new spec. Services, Ingresses, policies
// and the kinds of Istio have none that would tell.
var answering = map[schema.GroupKind]bool{
	DeploymentKind.GroupKind(): true, {Group: DeploymentKind.Group, Kind: "ReplicaSet"}: true,
	{Group: gatewayGroup, Kind: "HTTPRoute"}: true, {Group: gatewayGroup, Kind: "GRPCRoute"}: true,
	{Group: gatewayGroup, Kind: "TCPRoute"}: true, {Group: gatewayGroup, Kind: "TLSRoute"}: true,
}

const gatewayGroup = "gateway.networking.k8s.io"

// answers says whether an event will tell of a write: one that is no echo of it, or the answer of the
// object's own controller to a new spec.
func answers(w intent.Write) bool {
	return w.Verb != intent.Patch || w.ChangesSpec && answering[w.Kind.GroupKind()]
}

// failed counts a refused write of a Release and names it.
func (r *Reconciler) failed(verb string, release client.Object, err error) error {
	r.count(verb, "Release", err)
	return fmt.Errorf("%s Release %s: %w", verb, client.ObjectKeyFromObject(release), err)
}

func (r *Reconciler) count(verb, kind string, err error) {
	r.Metrics.apiErrors.WithLabelValues(verb, kind, string(apierrors.ReasonForError(err))).Inc()
}
