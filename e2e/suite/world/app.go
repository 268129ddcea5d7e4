package world

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/app/identity"
)

// AppName is the name of every object of a sample app.
const AppName = "app"

// App describes a sample app as its manifests in Git do.
type App struct {
	Namespace string
	// Host is the host name by which the gateway knows the app.
	Host string
	// Version is what its answers name.
	Version  string
	Replicas int
	// Flags of the sample app beside its version.
	Flags []string
	// Image is another image than the sample app's; empty means that.
	Image string
	// Spread puts the pods of each version onto all nodes that take pods, evenly.
	Spread bool
	// Node is the only one that the pods may run on; empty means any.
	Node string
	// Scraped has the cluster's Prometheus, if there is one, scrape the pods.
	Scraped bool
	// CPU is the processor time that each pod requests; empty means none.
	CPU string
	// Kind is that of its route; empty means HTTPRoute. By a GRPCRoute it is called by gRPC, by a TLSRoute over TLS.
	Kind string
	// RoutesIn is the namespace of its HTTPRoute, where a ReferenceGrant permits it; empty means its own.
	RoutesIn string
	// Among are the namespaces of the apps, itself one of them, that have one HTTPRoute together in RoutesIn, each by a path of
	// its own; empty means that it has its routes for itself.
	Among []string
	// Meshed makes the Service itself the parent of its route, which those follow then who call the Service.
	Meshed bool
	// BehindTLS has the gateway call its pods over TLS, as a BackendTLSPolicy says.
	BehindTLS bool
	// TCPPort is that of the gateway's listener which its TCPRoute has for itself.
	TCPPort int
	// Beside are the kinds of further routes, for another host.
	Beside []string
	// Guarded has the gateway ask for a password, as its route says of each of two rules.
	Guarded bool
	// Subset is what its VirtualService calls its pods, and its DestinationRule; empty means neither does.
	Subset string
}

// way is how an app is called.
type way struct {
	scheme, targetPort string
	port               int
	listener           string // of the gateway; empty means all that take the route
	mesh               bool   // callers find their own way, by the Service's name
}

// meshPort is that of the Service for callers who find their own way: it may have another one for a gateway's.
const meshPort = 81

// ways are by the kind of the app's route.
var ways = map[string]way{
	"HTTPRoute": {scheme: "http", targetPort: "http", port: 80},
	"GRPCRoute": {scheme: "grpc", targetPort: "grpc", port: 80},
	"TLSRoute":  {scheme: "https", targetPort: "https", port: 443, listener: "tls"},
	"TCPRoute":  {scheme: "http", targetPort: "http"},
	"Ingress":   {scheme: "http", targetPort: "http", port: 80},

	"IngressRoute":   {scheme: "http", targetPort: "http", port: 80},
	"TraefikService": {scheme: "http", targetPort: "http", port: 80},

	"VirtualService": {scheme: "grpc", targetPort: "grpc", port: meshPort, mesh: true},
}

// way panics on a kind that no way is known for: the kinds are this package's own.
func (a App) way() way {
	known, ok := ways[cmp.Or(a.Kind, "HTTPRoute")]
	if !ok {
		panic("no way is known to call an app through a " + a.Kind)
	}
	if a.Kind == "TCPRoute" {
		known.port, known.listener = a.TCPPort, fmt.Sprintf("tcp-%d", a.TCPPort)
	}
	switch {
	case a.Meshed:
		return ways["VirtualService"]
	case a.BehindTLS:
		known.targetPort = "https"
	}
	return known
}

// Port is that of its Service, and of the gateway.
func (a App) Port() int { return a.way().port }

// TargetPort is the name of the one of its container.
func (a App) TargetPort() string { return a.way().targetPort }

// Listener is the one of the gateway that its route is for.
func (a App) Listener() string { return a.way().listener }

// meshed says whether its callers find their own way instead of asking a gateway.
func (a App) meshed() bool { return a.way().mesh }

// MeshURL is how those call it who find their own way.
func (a App) MeshURL() string {
	return fmt.Sprintf("xds://%s.%s.svc.cluster.local:%d", AppName, a.Namespace, meshPort)
}

// Ports are those of its Service.
func (a App) Ports() []ServicePort {
	ports := []ServicePort{{"web", a.Port(), a.TargetPort()}}
	if a.meshed() {
		ports[0].Name = "grpc" // by which Istio knows the protocol
	} else if slices.Contains(a.Beside, "VirtualService") {
		ports = append(ports, ServicePort{"grpc", meshPort, "grpc"})
	}
	return ports
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name   string
	Port   int
	Target string
}

// URL calls it at an address. That of the gateway stands for the mesh where there is one instead.
func (a App) URL(address string) string {
	if a.meshed() && address == GatewayAddress {
		return a.MeshURL()
	}
	scheme := a.way().scheme
	if a.BehindTLS && address != GatewayAddress {
		scheme = "https"
	}
	path := ""
	if len(a.Among) > 0 {
		path = "/" + a.Namespace
	}
	return fmt.Sprintf("%s://%s:%d%s", scheme, address, a.Port(), path)
}

// Certificate is what its pods show behind TLS.
func (a App) Certificate() (string, error) { return identity.PEM() }

// Deployment is the app's manifest.
func (a App) Deployment() *unstructured.Unstructured { return a.render(deployment) }

// Service is the app's manifest.
func (a App) Service() *unstructured.Unstructured { return a.render(service) }

// Route is the app's manifest.
func (a App) Route() *unstructured.Unstructured {
	switch {
	case a.Meshed:
		return a.render(meshRoute)
	case cmp.Or(a.Kind, "HTTPRoute") == "HTTPRoute":
		return a.render(route)
	case a.Kind == "Ingress":
		return a.render(ingress)
	case a.Kind == "VirtualService":
		return a.render(virtualService)
	case a.Kind == "IngressRoute":
		return a.render(ingressRoute)
	case a.Kind == "TraefikService":
		return a.render(traefikService)
	}
	return a.render(otherRoute)
}

// Routes are all its routes' manifests.
func (a App) Routes() []*unstructured.Unstructured {
	routes := []*unstructured.Unstructured{a.Route()}
	for _, kind := range a.Beside {
		other := a
		other.Kind, other.Host = kind, a.BesideHost()
		routes = append(routes, other.Route())
	}
	return routes
}

// Policies are the manifests of what says more of how its Service is called, or its route.
func (a App) Policies() []*unstructured.Unstructured {
	switch {
	case a.Guarded && a.Kind == "Ingress":
		return []*unstructured.Unstructured{a.render(password)}
	case a.Guarded:
		return []*unstructured.Unstructured{a.render(password), a.render(middleware)}
	case a.RoutesIn != "":
		return []*unstructured.Unstructured{a.render(referenceGrant)}
	case a.Kind == "TraefikService":
		return []*unstructured.Unstructured{a.render(ingressRoute)}
	case a.BehindTLS:
		return []*unstructured.Unstructured{a.render(trusted), a.render(backendTLSPolicy)}
	case a.Subset != "":
		return []*unstructured.Unstructured{a.render(destinationRule)}
	}
	return nil
}

// BesideHost is the host of its further routes.
func (a App) BesideHost() string { return "beside." + a.Host }

func (a App) routeRefs() []v1alpha1.RouteRef {
	var refs []v1alpha1.RouteRef
	for _, route := range a.Routes() {
		ref := v1alpha1.RouteRef{Group: route.GroupVersionKind().Group, Kind: route.GetKind(), Name: AppName}
		if ref.Kind == "Ingress" {
			traefik := v1alpha1.FlavorTraefik
			ref.Flavor = &traefik
		}
		if a.RoutesIn != "" {
			ref.Namespace = &a.RoutesIn
		}
		refs = append(refs, ref)
	}
	return refs
}

// Rollout is the policy for the app. The times are short, but Traefik takes in a change up to 2 s late, and later on a busy
// machine.
func (a App) Rollout(steps ...v1alpha1.Step) *v1alpha1.Rollout {
	timing := v1alpha1.Timing{Settle: Seconds(4), Drain: Seconds(3), CollapseAfter: Seconds(3)}
	if a.meshed() || slices.Contains(a.Beside, "VirtualService") {
		timing.Settle = nil // istiod may wait for 10 s while pods of other apps come and go: what users get by default
	}
	return &v1alpha1.Rollout{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Rollout"},
		ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: AppName},
		Spec: v1alpha1.RolloutSpec{
			WorkloadRef: v1alpha1.WorkloadRef{Kind: "Deployment", Name: AppName},
			ServiceRefs: []v1alpha1.ServiceRef{{Name: AppName}},
			RouteRefs:   a.routeRefs(),
			Strategy:    v1alpha1.Strategy{Steps: steps},
			Timing:      timing,
		},
	}
}

// Weighted is a step that gives the canary a share of the requests, in percent.
func Weighted(name string, percent int32, hold *v1alpha1.Hold) v1alpha1.Step {
	weight := intstr.FromInt32(percent)
	return v1alpha1.Step{Name: name, Weight: &weight, Hold: hold}
}

// Seconds is a length of time as the API has it.
func Seconds(count int) *v1alpha1.Duration {
	return &v1alpha1.Duration{Duration: metav1.Duration{Duration: time.Duration(count) * time.Second}}
}
