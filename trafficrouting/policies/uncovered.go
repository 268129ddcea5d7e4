package policies

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting/rules"
)

// Uncopied are kinds of policy that name what they are for, and that are not copied: their controllers' ways with a second
// one were not looked into. A release past one that matters would take it off a part of the requests.
var Uncopied = []schema.GroupKind{
	{Group: "application-networking.k8s.aws", Kind: "TargetGroupPolicy"},
	{Group: "gateway.envoyproxy.io", Kind: "BackendTrafficPolicy"},
	{Group: "gateway.envoyproxy.io", Kind: "EnvoyExtensionPolicy"},
	{Group: "gateway.envoyproxy.io", Kind: "SecurityPolicy"},
	{Group: "gateway.k8s.aws", Kind: "TargetGroupConfiguration"},
	{Group: "gateway.kgateway.dev", Kind: "BackendConfigPolicy"},
	{Group: "gateway.kgateway.dev", Kind: "TrafficPolicy"},
	{Group: "gateway.nginx.org", Kind: "UpstreamSettingsPolicy"},
	{Group: "kuadrant.io", Kind: "AuthPolicy"},
	{Group: "kuadrant.io", Kind: "RateLimitPolicy"},
	{Group: "networking.gke.io", Kind: "GCPSessionAffinityPolicy"},
	{Group: "security.istio.io", Kind: "AuthorizationPolicy"},
	{Group: "security.istio.io", Kind: "RequestAuthentication"},
}

// Uncovered says in one sentence which policies would not be in force for a canary Service of one of the Services, which are
// in this namespace, or, if there are to be such, for copies of rules of the route, and the mend; empty means none.
func Uncovered(policies []*unstructured.Unstructured, route *unstructured.Unstructured, namespace string, services []string, copies bool) string {
	var ofServices, ofRules []string
	for _, obj := range policies {
		name := obj.GetKind() + " " + obj.GetName()
		for _, ref := range references(obj) {
			section, _ := ref["sectionName"].(string)
			switch {
			case obj.GetNamespace() == namespace && slices.Contains(services, serviceIn(ref)):
				ofServices = append(ofServices, name)
			case copies && section != "" && obj.GetNamespace() == route.GetNamespace() && ref["kind"] == route.GetKind() && ref["name"] == route.GetName():
				ofRules = append(ofRules, name)
			}
		}
	}
	switch {
	case len(ofServices) > 0:
		return fmt.Sprintf("%s would not be in force for the canary Service of the Service that it names; attach it to the route or to pods instead, if its kind can be", list(ofServices))
	case len(ofRules) > 0:
		return fmt.Sprintf("%s would not be in force for copies of the rule of %s %s that it names, which match, mirror and stickiness take; attach it to the whole route, or take these out of the steps",
			list(ofRules), route.GetKind(), route.GetName())
	}
	return ""
}

// references are what a policy is for, whatever of the usual fields says so.
func references(obj *unstructured.Unstructured) []rules.Object {
	spec, _ := obj.Object["spec"].(rules.Object)
	out := rules.Objects(spec["targetRefs"])
	for _, field := range []string{"targetRef", "targetReference"} {
		if ref, ok := spec[field].(rules.Object); ok {
			out = append(out, ref)
		}
	}
	return out
}

// list names each once, in order.
func list(names []string) string {
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
