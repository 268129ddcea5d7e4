// Package webhook does to foreign updates what package admission says, for API servers that cannot do it by
// themselves, and guards routes, which no policy can. It decides on what it is sent alone, and for kinds of route that are
// described on the description in use: no requests, no clock.
package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/admission"
	"crossfade.io/crossfade/trafficrouting"
)

// Described finds the Provider of the description by which a route of that kind is split; nil if nobody splits it.
type Described interface {
	Provider(ctx context.Context, kind schema.GroupKind, route types.NamespacedName) (trafficrouting.Provider, error)
}

// Handlers returns what to serve at which path. Of the options only Ignored counts: whom to ask about what is in
// the configuration that the API server has. It fails on tables that the API server would refuse too.
func Handlers(o admission.Options, providers trafficrouting.Registry, described Described) (map[string]http.Handler, error) {
	handlers := map[string]http.Handler{admission.RoutesPath: &ctrlwebhook.Admission{Handler: routes{providers, described}}}
	policies := admission.Policies(o)
	for i, t := range admission.Tables(o.Ignored) {
		e, err := compile(policies[i])
		if err != nil {
			return nil, err
		}
		handlers[t.Path()] = &ctrlwebhook.Admission{Handler: e}
	}
	return handlers, nil
}

// Handle applies a table.
func (e *evaluator) Handle(ctx context.Context, r ctrladmission.Request) ctrladmission.Response {
	stored, written, err := objects(r)
	if err != nil {
		return ctrladmission.Errored(http.StatusBadRequest, err)
	}
	out, err := e.mutate(ctx, &r.AdmissionRequest, stored, written)
	if err != nil {
		return ctrladmission.Errored(http.StatusInternalServerError, err)
	}
	return patched(r, out)
}

// routes guards routes of all kinds.
type routes struct {
	providers trafficrouting.Registry
	described Described
}

// Handle keeps the parts of a route. One of a described kind that no Release in flight splits, as far as is known here, is
// let through: who splits it puts right what that does.
func (h routes) Handle(ctx context.Context, r ctrladmission.Request) ctrladmission.Response {
	provider, ok := h.providers.For(v1alpha1.RouteRef{Group: r.Kind.Group, Kind: r.Kind.Kind})
	if !ok {
		var err error
		kind := schema.GroupKind{Group: r.Kind.Group, Kind: r.Kind.Kind}
		if provider, err = h.described.Provider(ctx, kind, types.NamespacedName{Namespace: r.Namespace, Name: r.Name}); err != nil {
			return ctrladmission.Errored(http.StatusInternalServerError, err)
		}
		if provider == nil {
			return ctrladmission.Allowed("")
		}
	}
	stored, written, err := objects(r)
	if err != nil {
		return ctrladmission.Errored(http.StatusBadRequest, err)
	}
	out, err := provider.Guard(trafficrouting.Objects{Route: stored}, trafficrouting.Objects{Route: written})
	if err != nil {
		return ctrladmission.Denied(err.Error())
	}
	return patched(r, out.Route)
}

func objects(r ctrladmission.Request) (stored, written *unstructured.Unstructured, err error) {
	stored, written = &unstructured.Unstructured{}, &unstructured.Unstructured{}
	if err := stored.UnmarshalJSON(r.OldObject.Raw); err != nil {
		return nil, nil, fmt.Errorf("read the stored object: %w", err)
	}
	if err := written.UnmarshalJSON(r.Object.Raw); err != nil {
		return nil, nil, fmt.Errorf("read the written object: %w", err)
	}
	return stored, written, nil
}

func patched(r ctrladmission.Request, out *unstructured.Unstructured) ctrladmission.Response {
	raw, err := json.Marshal(out)
	if err != nil {
		return ctrladmission.Errored(http.StatusInternalServerError, fmt.Errorf("encode the object: %w", err))
	}
	return ctrladmission.PatchResponseFromRaw(r.Object.Raw, raw)
}
