package gatewayapi

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

var grantKind = schema.GroupKind{Group: Group, Kind: "ReferenceGrant"}

// grantsOf are the ReferenceGrants of the other namespaces whose Services the route names.
func (p Route) grantsOf(route *unstructured.Unstructured) []trafficrouting.Reference {
	if route == nil {
		return nil
	}
	var out []trafficrouting.Reference
	for _, rule := range p.Rules(route) {
		for _, ref := range p.Refs(rule) {
			service, ok := p.Service(ref, route.GetNamespace())
			if namespace, _, elsewhere := strings.Cut(service, "/"); ok && elsewhere {
				out = append(out, trafficrouting.Reference{GroupKind: grantKind, Namespace: namespace})
			}
		}
	}
	return out
}

// ungranted says to which Service of another namespace the route may not send, and the mend; empty means none. A gateway
// answers 500 for requests to one (HTTPRouteRule.backendRefs).
func ungranted(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if trafficrouting.NameOn(live.Route, owner.Namespace, "") == "" {
		return ""
	}
	for _, s := range splits {
		for _, share := range s.Shares {
			if !granted(live, owner.Namespace, share.Backend.Service) {
				return fmt.Sprintf("%s may not send to Service %s/%s, as no ReferenceGrant there permits it; add one from kind %s of group %s and namespace %s to that Service, or to all (kind Service without a name)",
					rules.Title(live), owner.Namespace, share.Backend.Service, live.Route.GetKind(), Group, live.Route.GetNamespace())
			}
		}
	}
	return ""
}

// granted says whether a ReferenceGrant of the Service's namespace permits it: one of from and one of to must fit
// (ReferenceGrantSpec).
func granted(live trafficrouting.Objects, namespace, service string) bool {
	from := func(ref rules.Object) bool {
		return ref["group"] == Group && ref["kind"] == live.Route.GetKind() && ref["namespace"] == live.Route.GetNamespace()
	}
	to := func(ref rules.Object) bool {
		name, named := ref["name"].(string)
		return ref["group"] == "" && ref["kind"] == "Service" && (!named || name == service)
	}
	return slices.ContainsFunc(live.About, func(obj *unstructured.Unstructured) bool {
		spec, _ := obj.Object["spec"].(rules.Object)
		return obj.GroupVersionKind().GroupKind() == grantKind && obj.GetNamespace() == namespace &&
			slices.ContainsFunc(rules.Objects(spec["from"]), from) && slices.ContainsFunc(rules.Objects(spec["to"]), to)
	})
}
