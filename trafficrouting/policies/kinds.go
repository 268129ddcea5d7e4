// Package policies has what is said of a user's Service said of its canary Service too. Load balancing, TLS towards the pods
// and outlier detection stand in objects of their own that name the Service; a canary Service that none of them names
// would be called in another way, or not at all.
package policies

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting/rules"
)

// Kind is one kind of policy that is copied.
type Kind struct {
	schema.GroupKind

	// targets are what of Services of the policy's namespace it is for.
	targets func(spec rules.Object, namespace string) []target
	// aim turns a copied spec from the user's Service to the canary Service alone.
	aim func(spec rules.Object, base, canary string)
	// controllers that alone go by it, by the beginning of their names; empty means any.
	controllers string
	// forbids says in one sentence why a Service cannot be split under such a policy, and the mend; nil is nothing.
	forbids func(obj *unstructured.Unstructured, service string) string
}

// target is a Service, or one port of it by name.
type target struct{ service, section string }

// The kinds. Those of Gateway API list what they are for, and the oldest of several for the same counts
// (BackendTLSPolicySpec.targetRefs); of it sigs.k8s.io/gateway-api v1.6.3 is meant, of Istio 1.31.
var (
	BackendTLS      = Kind{GroupKind: schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: "BackendTLSPolicy"}, targets: targetRefs, aim: aimRefs}
	BackendTraffic  = Kind{GroupKind: schema.GroupKind{Group: "gateway.networking.x-k8s.io", Kind: "XBackendTrafficPolicy"}, targets: targetRefs, aim: aimRefs}
	DestinationRule = Kind{GroupKind: schema.GroupKind{Group: "networking.istio.io", Kind: "DestinationRule"}, targets: hostTarget, aim: aimHost, controllers: "istio.io/", forbids: passesThrough}
)

// GKE's, which name one Service each (docs of GKE Gateway; their CRDs are networking.gke.io/v1).
var (
	GCPBackend  = Kind{GroupKind: schema.GroupKind{Group: "networking.gke.io", Kind: "GCPBackendPolicy"}, targets: targetRef, aim: aimRef, controllers: "networking.gke.io/"}
	HealthCheck = Kind{GroupKind: schema.GroupKind{Group: "networking.gke.io", Kind: "HealthCheckPolicy"}, targets: targetRef, aim: aimRef, controllers: "networking.gke.io/"}
)

// targetRefs are the Services that the field of this name lists.
func targetRefs(spec rules.Object, _ string) []target {
	var out []target
	for _, ref := range rules.Objects(spec["targetRefs"]) {
		if service := serviceIn(ref); service != "" {
			section, _ := ref["sectionName"].(string)
			out = append(out, target{service, section})
		}
	}
	return out
}

// serviceIn returns the name of the Service that a reference is to; empty if it is to something else.
func serviceIn(ref rules.Object) string {
	group, _ := ref["group"].(string)
	name, _ := ref["name"].(string)
	if group != "" || ref["kind"] != "Service" {
		return ""
	}
	return name
}

func aimRefs(spec rules.Object, base, canary string) {
	var aimed []rules.Object
	for _, ref := range rules.Objects(spec["targetRefs"]) {
		if serviceIn(ref) == base {
			ref["name"] = canary
			aimed = append(aimed, ref)
		}
	}
	spec["targetRefs"] = rules.Items(aimed)
}

func targetRef(spec rules.Object, _ string) []target {
	ref, _ := spec["targetRef"].(rules.Object)
	if service := serviceIn(ref); service != "" {
		return []target{{service: service}}
	}
	return nil
}

func aimRef(spec rules.Object, _, canary string) {
	if ref, ok := spec["targetRef"].(rules.Object); ok {
		ref["name"] = canary
	}
}

func hostTarget(spec rules.Object, namespace string) []target {
	host, _ := spec["host"].(string)
	if service, ok := ServiceOf(host, namespace); ok {
		return []target{{service: service}}
	}
	return nil
}

// aimHost keeps a DestinationRule's subsets without labels: the canary's pods are of one version, whatever the user's
// subset picks from.
func aimHost(spec rules.Object, _, canary string) {
	host, _ := spec["host"].(string)
	spec["host"] = OnHost(host, canary)
	for _, subset := range rules.Objects(spec["subsets"]) {
		delete(subset, "labels")
	}
}

// passesThrough: callers keep the address that they asked for, be it those of a port or a subset alone.
func passesThrough(obj *unstructured.Unstructured, service string) string {
	spec, _ := obj.Object["spec"].(rules.Object)
	for _, of := range append([]rules.Object{spec}, rules.Objects(spec["subsets"])...) {
		policy, _ := of["trafficPolicy"].(rules.Object)
		for _, level := range append([]rules.Object{policy}, rules.Objects(policy["portLevelSettings"])...) {
			if balancer, _ := level["loadBalancer"].(rules.Object); balancer["simple"] == "PASSTHROUGH" {
				return fmt.Sprintf("DestinationRule %s has callers keep the address that they asked for (loadBalancer.simple: PASSTHROUGH), so that Service %s cannot be split; use another load balancer", obj.GetName(), service)
			}
		}
	}
	return ""
}

func (k Kind) of(obj *unstructured.Unstructured) []target {
	spec, _ := obj.Object["spec"].(rules.Object)
	return k.targets(spec, obj.GetNamespace())
}

// names says whether a policy is for the Service.
func (k Kind) names(obj *unstructured.Unstructured, service string) bool {
	for _, t := range k.of(obj) {
		if t.service == service {
			return true
		}
	}
	return false
}
