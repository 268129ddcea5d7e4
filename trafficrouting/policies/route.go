package policies

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Route is one beside which the user's policies are copied for the canary Service. The user's own are never written.
type Route struct {
	rules.Route
	// Kinds that a data plane of this kind of route may go by.
	Kinds []Kind
}

// follows says whether the controllers of the route go by a kind. Those that say so in its status are known.
func follows(live trafficrouting.Objects, kind Kind) bool {
	if kind.controllers == "" || live.Route == nil {
		return true
	}
	parents, _, _ := unstructured.NestedSlice(live.Route.Object, "status", "parents")
	return len(parents) == 0 || slices.ContainsFunc(rules.Objects(parents), func(parent rules.Object) bool {
		controller, _ := parent["controllerName"].(string)
		return strings.HasPrefix(controller, kind.controllers)
	})
}

// Render is that of a Provider.
type Render = func(trafficrouting.Objects, trafficrouting.Owner, []trafficrouting.Split) (trafficrouting.Objects, error)

// Beside are the kinds of policies.
func (r Route) Beside() []schema.GroupKind {
	var out []schema.GroupKind
	for _, kind := range r.Kinds {
		out = append(out, kind.GroupKind)
	}
	return out
}

// Render writes the owner's part, and the copies before anything is sent to the canary Service. They are there for as long
// as the canary Service is a backend, if only of nothing.
func (r Route) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	if len(splits) == 0 {
		return r.Strip(live, owner)
	}
	out, err := r.Route.Render(live, owner, splits)
	if err != nil {
		return trafficrouting.Objects{}, err
	}
	out.Beside = r.others(live, owner, splits)
	for _, s := range splits {
		for _, share := range s.Shares {
			if share.Backend == s.Base {
				continue
			}
			copies, err := r.copies(live, owner, trafficrouting.Neutral(splits), s.Base.Service, share.Backend.Service)
			if err != nil {
				return trafficrouting.Objects{}, fmt.Errorf("split %s: %w", rules.Title(live), err)
			}
			out.Beside = append(out.Beside, copies...)
		}
	}
	return out, nil
}

// Strip takes the owner's part out, and leaves the copies.
func (r Route) Strip(live trafficrouting.Objects, owner trafficrouting.Owner) (trafficrouting.Objects, error) {
	out, err := r.Route.Strip(live, owner)
	if err != nil {
		return trafficrouting.Objects{}, err
	}
	out.Beside = live.Beside
	return out, nil
}

// Leftovers are the copies.
func (r Route) Leftovers(live trafficrouting.Objects, owner trafficrouting.Owner) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, obj := range live.Beside {
		if r.copied(obj, owner) {
			out = append(out, obj)
		}
	}
	return out
}

// Check says why the route cannot carry the splits, or why copies would not say the same of a canary Service.
func (r Route) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if reason := r.Route.Check(trafficrouting.Objects{Route: live.Route}, owner, splits); reason != "" {
		return reason
	}
	for _, s := range splits {
		if reason := r.unclear(live, owner, s.Base.Service); reason != "" {
			return rules.Title(live) + ": " + reason
		}
	}
	if _, err := r.Render(live, owner, splits); err != nil {
		return err.Error()
	}
	return ""
}

// unclear says why copies of policies would not do: several of one kind are for the same, or one forbids it.
func (r Route) unclear(live trafficrouting.Objects, owner trafficrouting.Owner, service string) string {
	for _, kind := range r.Kinds {
		if !follows(live, kind) {
			continue
		}
		names := map[target][]string{}
		for _, obj := range kind.Of(live, owner, service) {
			if kind.forbids != nil {
				if reason := kind.forbids(obj, service); reason != "" {
					return reason
				}
			}
			for _, t := range kind.of(obj) {
				if names[t] = append(names[t], obj.GetName()); t.service == service && len(names[t]) > 1 {
					return fmt.Sprintf("%s %s are both for Service %s, and the older one counts, which copies cannot be told by; join them into one",
						kind.Kind, strings.Join(names[t], " and "), service)
				}
			}
		}
	}
	return ""
}

// Compare says how far the live objects are what a Render of this Route, or of one made of it, makes of the splits, and
// whether they are that.
func (r Route) Compare(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split, render Render) (out trafficrouting.Observed, written bool) {
	if live.Route == nil {
		out.Message = r.Refusal(live)
		return out, false
	}
	out.CanaryPPM = r.CanaryPPM(live.Route, owner, splits)
	want, err := render(live, owner, splits)
	if err != nil {
		out.Drifted, out.Message = true, err.Error()
		return out, false
	}
	if changes := live.Changes(want); len(changes) > 0 {
		obj := changes[0].Live
		if obj == nil {
			obj = changes[0].Want
		}
		out.Drifted, out.Rendered = true, &want
		out.Message = fmt.Sprintf("%s %s/%s is not as Crossfade would write it", obj.GetKind(), obj.GetNamespace(), obj.GetName())
		return out, false
	}
	out.Evidence = trafficrouting.EvidenceWritten
	return out, true
}
