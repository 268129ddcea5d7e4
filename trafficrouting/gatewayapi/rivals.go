package gatewayapi

import (
	"cmp"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

var routeKind = schema.GroupKind{Group: Group, Kind: httpGrammar.kind}

// rivals are the HTTPRoutes that may be attached where the route is. A Gateway says whether it takes routes of other
// namespaces than its own (AllowedRoutes.namespaces).
func (p Route) rivals(live trafficrouting.Objects) []trafficrouting.Reference {
	if p.Format().GroupKind != routeKind {
		return nil
	}
	var out []trafficrouting.Reference
	for _, ref := range parentRefsOf(live.Route) {
		of, gateway := gatewayOf(ref, live.Route.GetNamespace())
		switch obj := found(live, of); {
		case !gateway:
			out = append(out, trafficrouting.Reference{GroupKind: routeKind, Namespace: of.Namespace}, trafficrouting.Reference{GroupKind: routeKind, Namespace: live.Route.GetNamespace()})
		case obj == nil:
		case slices.ContainsFunc(listenersOf(obj), func(l rules.Object) bool {
			from, _, _ := unstructured.NestedString(l, "allowedRoutes", "namespaces", "from")
			return from == "All" || from == "Selector"
		}):
			return []trafficrouting.Reference{{GroupKind: routeKind}}
		default:
			out = append(out, trafficrouting.Reference{GroupKind: routeKind, Namespace: of.Namespace})
		}
	}
	return out
}

// byAge returns the route and its rivals as the API orders them where rules ask for as much: the oldest first, then by name.
func byAge(live trafficrouting.Objects) []*unstructured.Unstructured {
	routes, known := []*unstructured.Unstructured{live.Route}, map[trafficrouting.Reference]bool{trafficrouting.ReferenceTo(live.Route): true}
	for _, obj := range live.About {
		if ref := trafficrouting.ReferenceTo(obj); ref.GroupKind == routeKind && !known[ref] {
			routes, known[ref] = append(routes, obj), true
		}
	}
	slices.SortStableFunc(routes, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
			cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return routes
}

// hostsAt returns the hostnames by which a route gets requests from a parent, by where rules compete for them: at each
// listener of a Gateway, or at each of its ports, or in a mesh. The parent's object is nil where it was not read.
func hostsAt(route *unstructured.Unstructured, parent trafficrouting.Reference, obj *unstructured.Unstructured, byPort bool) map[string][]string {
	out := map[string][]string{}
	for _, ref := range parentRefsOf(route) {
		of, gateway := gatewayOf(ref, route.GetNamespace())
		if of != parent || rejected(route, ref) {
			continue
		}
		names, _, _ := unstructured.NestedStringSlice(route.Object, "spec", "hostnames")
		if len(names) == 0 || !gateway {
			names = []string{""}
		}
		if obj == nil {
			out[""] = append(out[""], names...)
			continue
		}
		for _, l := range listenersOf(obj) {
			port, _ := rules.Integer(l["port"])
			wanted, some := rules.Integer(ref["port"])
			if section := text(ref, "sectionName"); section != "" && section != text(l, "name") || some && wanted != port {
				continue
			}
			at := text(l, "name")
			if byPort {
				at = strconv.FormatInt(port, 10)
			}
			if hosts := shared([]string{text(l, "hostname")}, names); len(hosts) > 0 {
				out[at] = append(out[at], hosts...)
			}
		}
	}
	return out
}

func listenersOf(gateway *unstructured.Unstructured) []rules.Object {
	items, _, _ := unstructured.NestedSlice(gateway.Object, "spec", "listeners")
	return rules.Objects(items)
}

// rejected says whether a route's status has that its parent does not take it, as one that it does not allow.
func rejected(route *unstructured.Unstructured, ref rules.Object) bool {
	parents, _, _ := unstructured.NestedSlice(route.Object, "status", "parents")
	for _, parent := range rules.Objects(parents) {
		of, _ := parent["parentRef"].(rules.Object)
		named, _ := gatewayOf(of, route.GetNamespace())
		asked, _ := gatewayOf(ref, route.GetNamespace())
		port, _ := rules.Integer(of["port"])
		wanted, _ := rules.Integer(ref["port"])
		if named != asked || text(of, "sectionName") != text(ref, "sectionName") || port != wanted {
			continue
		}
		for _, c := range rules.Objects(parent["conditions"]) {
			at, _ := rules.Integer(c["observedGeneration"])
			if c["type"] == "Accepted" && c["status"] == "False" && at == route.GetGeneration() {
				return true
			}
		}
	}
	return false
}
