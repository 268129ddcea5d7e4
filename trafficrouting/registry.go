package trafficrouting

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Registry finds the Provider of a kind of route. It is built once, by cmd, which alone knows which
// providers there are; the zero value knows none.
type Registry struct {
	providers map[schema.GroupKind]Provider
}

// NewRegistry returns a Registry of these providers.
func NewRegistry(providers map[schema.GroupKind]Provider) Registry {
	known := make(map[schema.GroupKind]Provider, len(providers))
	for gk, p := range providers {
		known[gk] = p
	}
	return Registry{providers: known}
}

// For returns the Provider of a kind, and whether there is one.
func (r Registry) For(group, kind string) (Provider, bool) {
	p, ok := r.providers[schema.GroupKind{Group: group, Kind: kind}]
	return p, ok
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
