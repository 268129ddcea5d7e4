// Package providers lists the kinds of route that Crossfade can split. The next one is a package beside this one, an entry
// with its permission here, and its name in the rule of v1alpha1.RouteRef.
package providers

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/istio"
	"crossfade.io/crossfade/trafficrouting/nginx"
)

// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes;grpcroutes;tcproutes;tlsroutes,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=gateways;gatewayclasses,verbs=get
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=referencegrants,verbs=list
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=backendtlspolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=gateway.networking.x-k8s.io,resources=xbackendtrafficpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.gke.io,resources=gcpbackendpolicies;healthcheckpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.istio.io,resources=virtualservices,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=networking.istio.io,resources=destinationrules,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=get;list;watch;create;patch;delete

// Entry is one kind of route.
type Entry struct {
	Kind schema.GroupKind
	// Resource is its name in rules of admission. Its version is * where v1 may not be served.
	Resource schema.GroupVersionResource
	// Make makes its Provider.
	Make trafficrouting.Maker
	// Guarded: Crossfade writes into the user's route, so that others' updates of it are guarded.
	Guarded bool
	// Flavors that a reference may say, each with what it can do; one that is empty where the kind has none.
	Flavors []Flavor
	// Shares is what is shared, for people: requests, calls or connections.
	Shares string
	// Evidence is what tells that a change is in effect, for people.
	Evidence string
}

// Flavor is one way to serve a kind of route.
type Flavor struct {
	Name v1alpha1.Flavor
	// Shown is where releases by this kind were seen to lose no request, for people.
	Shown string
}

var all = []Entry{
	entry("HTTPRoute", "v1", "httproutes", gatewayapi.HTTPRoute(), "requests", "Traefik; istiod, with proxyless gRPC as its data plane"),
	entry("GRPCRoute", "*", "grpcroutes", gatewayapi.GRPCRoute(), "calls", "Traefik; istiod, with proxyless gRPC as its data plane"),
	entry("TCPRoute", "*", "tcproutes", gatewayapi.TCPRoute(), "connections", "Traefik, by the CRD of the experimental channel, which it reads"),
	entry("TLSRoute", "*", "tlsroutes", gatewayapi.TLSRoute(), "connections", "Traefik, TLS passed through"),
	{
		Kind:     istio.Kind,
		Resource: schema.GroupVersionResource{Group: istio.Group, Version: "*", Resource: "virtualservices"},
		Make:     func(v1alpha1.RouteRef) trafficrouting.Provider { return istio.New() },
		Guarded:  true, Flavors: []Flavor{{Shown: "istiod, with proxyless gRPC as its data plane; rules of tls and tcp on the CRD's schema and a model alone"}},
		Shares: "requests; by its rules of tls and tcp, connections", Evidence: "none: a VirtualService's status says nothing of proxies; [probes](probes.md)",
	},
	{
		Kind:     nginx.Kind,
		Resource: schema.GroupVersionResource{Group: nginx.Kind.Group, Version: "v1", Resource: "ingresses"},
		Make:     func(ref v1alpha1.RouteRef) trafficrouting.Provider { return nginx.For(ref) },
		Flavors: []Flavor{
			{v1alpha1.FlavorIngressNginx, "the API's schema and a model of the controller alone"},
			{v1alpha1.FlavorTraefik, "Traefik"},
			{v1alpha1.FlavorHigress, "the API's schema and a model of the controller alone"},
		},
		Shares: "requests", Evidence: "none: an Ingress has no status for it; [probes](probes.md)",
	},
}

func entry(kind, version, resource string, provider gatewayapi.Route, shares, shown string) Entry {
	return Entry{
		Kind:     schema.GroupKind{Group: gatewayapi.Group, Kind: kind},
		Resource: schema.GroupVersionResource{Group: gatewayapi.Group, Version: version, Resource: resource},
		Make:     func(v1alpha1.RouteRef) trafficrouting.Provider { return provider },
		Guarded:  true, Flavors: []Flavor{{Shown: shown}}, Shares: shares,
		Evidence: "`Accepted` and `ResolvedRefs` of every parent that is served, at the route's generation",
	}
}

// List has every kind.
func List() []Entry { return slices.Clone(all) }

// Registry finds the provider of each kind.
func Registry() trafficrouting.Registry {
	known := map[schema.GroupKind]trafficrouting.Maker{}
	for _, entry := range all {
		known[entry.Kind] = entry.Make
	}
	return trafficrouting.NewRegistry(known)
}

// Guarded lists the kinds whose updates by others are guarded, as rules of admission name them.
func Guarded() []schema.GroupVersionResource {
	var resources []schema.GroupVersionResource
	for _, entry := range all {
		if entry.Guarded {
			resources = append(resources, entry.Resource)
		}
	}
	return resources
}
