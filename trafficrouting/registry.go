package trafficrouting

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Maker makes the Provider for routes of one kind that are named like this.
type Maker func(v1alpha1.RouteRef) Provider

// Registry finds the Provider of a kind of route. It is built once, by cmd, which alone knows which
// providers there are; the zero value knows none.
type Registry struct {
	providers map[schema.GroupKind]Maker
}

// NewRegistry returns a Registry of these providers.
func NewRegistry(providers map[schema.GroupKind]Maker) Registry {
	return Registry{providers: maps.Clone(providers)}
}

// With returns a Registry that knows these kinds as well. Where both know one, this Registry's Provider stays.
func (r Registry) With(others map[schema.GroupKind]Provider) Registry {
	all := make(map[schema.GroupKind]Maker, len(r.providers)+len(others))
	for kind, provider := range others {
		all[kind] = func(v1alpha1.RouteRef) Provider { return provider }
	}
	maps.Copy(all, r.providers)
	return Registry{all}
}

// For returns the Provider of a route that is named like this, and whether there is one; of its rules it splits those that
// the reference names, if it names any. A reference of group and kind
// alone gives one that guards.
func (r Registry) For(ref v1alpha1.RouteRef) (Provider, bool) {
	maker, ok := r.providers[schema.GroupKind{Group: ref.Group, Kind: ref.Kind}]
	if !ok {
		return nil, false
	}
	if len(ref.Rules) > 0 {
		return named{maker(ref), ref.Rules}, true
	}
	return maker(ref), true
}

// Supported lists the kinds as Kind.group, sorted, for messages.
func (r Registry) Supported() []string {
	names := make([]string, 0, len(r.providers))
	for gk := range r.providers {
		names = append(names, gk.String())
	}
	slices.Sort(names)
	return names
}
