// Package providers lists the kinds of route that Crossfade can split. The next one is a package beside this one, an entry
// with its permission here, and its name in the rule of v1alpha1.RouteRef.
package providers

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
)

// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes;grpcroutes;tcproutes;tlsroutes,verbs=get;list;watch;patch

// Entry is one kind of route.
type Entry struct {
	Kind schema.GroupKind
	// Resource is its name in rules of admission. Its version is * where v1 may not be served.
	Resource schema.GroupVersionResource
	Provider trafficrouting.Provider
	// Shares is what is shared, for people: requests, calls or connections.
	Shares string
	// Shown is where releases by this kind were seen to lose no request, for people.
	Shown string
}

var all = []Entry{
	entry("HTTPRoute", "v1", "httproutes", gatewayapi.HTTPRoute(), "requests", "Traefik"),
	entry("GRPCRoute", "*", "grpcroutes", gatewayapi.GRPCRoute(), "calls", "Traefik"),
	entry("TCPRoute", "*", "tcproutes", gatewayapi.TCPRoute(), "connections", "the API's schema alone"),
	entry("TLSRoute", "*", "tlsroutes", gatewayapi.TLSRoute(), "connections", "Traefik, TLS passed through"),
}

func entry(kind, version, resource string, provider gatewayapi.Route, shares, shown string) Entry {
	return Entry{
		Kind:     schema.GroupKind{Group: gatewayapi.Group, Kind: kind},
		Resource: schema.GroupVersionResource{Group: gatewayapi.Group, Version: version, Resource: resource},
		Provider: provider, Shares: shares, Shown: shown,
	}
}

// List has every kind.
func List() []Entry { return slices.Clone(all) }

// Registry finds the provider of each kind.
func Registry() trafficrouting.Registry {
	known := map[schema.GroupKind]trafficrouting.Provider{}
	for _, entry := range all {
		known[entry.Kind] = entry.Provider
	}
	return trafficrouting.NewRegistry(known)
}

// Resources lists them as rules of admission name them.
func Resources() []schema.GroupVersionResource {
	resources := make([]schema.GroupVersionResource, len(all))
	for i, entry := range all {
		resources[i] = entry.Resource
	}
	return resources
}
