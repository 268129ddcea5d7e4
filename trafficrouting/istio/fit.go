package istio

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/policies"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// delegated says whether a VirtualService is one that others delegate to. Istio merges each of its rules with the root's,
// and leaves out one whose match is at odds with that (mergeHTTPRoute in pilot/pkg/model/virtualservice.go).
func delegated(route *unstructured.Unstructured) bool {
	hosts, _, _ := unstructured.NestedStringSlice(route.Object, "spec", "hosts")
	return len(hosts) == 0
}

// unclear says why copies of what DestinationRules say of a Service would not say the same of its canary Service.
func (p VirtualService) unclear(live trafficrouting.Objects, owner trafficrouting.Owner, service string) string {
	of := policies.DestinationRule.Of(live, owner, service)
	for _, name := range p.subsets(live, trafficrouting.NameOn(live.Route, owner.Namespace, service)) {
		if subsetOf(of, name) == nil {
			return fmt.Sprintf("it sends to subset %s of Service %s, which no DestinationRule for that Service in its namespace has; add it to one there", name, service)
		}
	}
	return ""
}

// Misfit says why new pods would get nothing: a subset of the Service that doesn't pick them is empty once they are all
// that there are; and proxies of callers leave a Service without an address of its own to whom the caller has asked for.
func (p VirtualService) Misfit(live trafficrouting.Objects, service *unstructured.Unstructured, podLabels map[string]string) string {
	if live.Route == nil || service == nil {
		return ""
	}
	named := trafficrouting.NameOn(live.Route, service.GetNamespace(), service.GetName())
	if !p.Names(live, named) {
		return ""
	}
	if ip, _, _ := unstructured.NestedString(service.Object, "spec", "clusterIP"); ip == "None" && meshed(live.Route) {
		return fmt.Sprintf("Service %s is headless, and proxies of the mesh then leave each request at the pod that its caller chose; give it a cluster IP, or take mesh out of the gateways of %s", service.GetName(), rules.Title(live))
	}
	of := policies.DestinationRule.Of(live, trafficrouting.Owner{}, service.GetName())
	for _, name := range p.subsets(live, named) {
		labels, _, _ := unstructured.NestedStringMap(subsetOf(of, name), "labels")
		for key, value := range labels {
			if podLabels[key] != value {
				return fmt.Sprintf("subset %s of Service %s picks pods by label %s=%s, which the new template does not have; pick by labels that all versions have", name, service.GetName(), key, value)
			}
		}
	}
	return ""
}

// meshed says whether a VirtualService is for callers in the mesh, as one without gateways is.
func meshed(route *unstructured.Unstructured) bool {
	gateways, _, _ := unstructured.NestedStringSlice(route.Object, "spec", "gateways")
	return len(gateways) == 0 || slices.Contains(gateways, "mesh")
}

// subsets are those of a Service that the rules send to, sorted.
func (p VirtualService) subsets(live trafficrouting.Objects, service string) []string {
	var out []string
	for _, rule := range p.Rules(live.Route) {
		for _, ref := range p.Refs(rule) {
			destination, _ := ref["destination"].(rules.Object)
			subset, _ := destination["subset"].(string)
			if name, ok := p.Service(ref, live.Route.GetNamespace()); ok && name == service && subset != "" {
				out = append(out, subset)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// subsetOf finds a subset by name; nil if there is none.
func subsetOf(of []*unstructured.Unstructured, name string) rules.Object {
	for _, obj := range of {
		list, _, _ := unstructured.NestedSlice(obj.Object, "spec", "subsets")
		for _, subset := range rules.Objects(list) {
			if subset["name"] == name {
				return subset
			}
		}
	}
	return nil
}
