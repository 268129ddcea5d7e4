package gatewayapi

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

var (
	routeKind   = schema.GroupKind{Group: Group, Kind: httpGrammar.kind}
	serviceKind = schema.GroupKind{Kind: "Service"}
)

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
		case slices.ContainsFunc(listenersOf(obj), listener.elsewhere):
			return []trafficrouting.Reference{{GroupKind: routeKind}}
		default:
			out = append(out, trafficrouting.Reference{GroupKind: routeKind, Namespace: of.Namespace})
		}
	}
	return out
}

// byAge returns the route and its rivals as the API orders them where rules ask for as much: the oldest first, then by name.
func byAge(live trafficrouting.Objects) []*unstructured.Unstructured {
	type aged struct {
		*unstructured.Unstructured
		ref  trafficrouting.Reference
		made time.Time
	}
	routes, known := []aged{}, map[trafficrouting.Reference]bool{}
	for _, obj := range append([]*unstructured.Unstructured{live.Route}, live.About...) {
		if ref := trafficrouting.ReferenceTo(obj); ref.GroupKind == routeKind && !known[ref] {
			routes, known[ref] = append(routes, aged{obj, ref, obj.GetCreationTimestamp().Time}), true
		}
	}
	slices.SortStableFunc(routes, func(a, b aged) int {
		return cmp.Or(a.made.Compare(b.made), cmp.Compare(a.ref.Namespace, b.ref.Namespace), cmp.Compare(a.ref.Name, b.ref.Name))
	})
	var out []*unstructured.Unstructured
	for _, route := range routes {
		out = append(out, route.Unstructured)
	}
	return out
}

// seat is where a route competes for requests that come to a parent.
type seat struct {
	// ground is the listener of a Gateway, or its port; empty where the parent was not read.
	ground string
	// port of a parent that was not read, as of a Service in a mesh; 0 is all.
	port int64
	// section is the listener that the route names; empty if it names none.
	section string
	hosts   []string
}

// meets says whether requests may come to both.
func (s seat) meets(other seat) bool {
	return s.ground == other.ground && (s.port == other.port || s.port == 0 || other.port == 0)
}

// seatsAt returns those of a route, one for each listener that takes it. Hostnames mean nothing in a mesh.
func seatsAt(route *unstructured.Unstructured, at parent, listeners []listener, byPort bool) []seat {
	var out []seat
	for _, ref := range parentRefsOf(route) {
		if parentOf(ref, route.GetNamespace()) != at.ref || rejected(route, ref) {
			continue
		}
		names, _, _ := unstructured.NestedStringSlice(route.Object, "spec", "hostnames")
		if len(names) == 0 || at.ref.GroupKind == serviceKind {
			names = []string{""}
		}
		section := text(ref, "sectionName")
		port, some := rules.Integer(ref["port"])
		if at.object == nil {
			out = append(out, seat{port: port, section: section, hosts: names})
			continue
		}
		for _, l := range listeners {
			if section != "" && section != l.name || some && port != l.port || !l.takes(route, at.object) {
				continue
			}
			ground := l.name
			if byPort {
				ground = strconv.FormatInt(l.port, 10)
			}
			if hosts := shared([]string{l.host}, names); len(hosts) > 0 {
				out = append(out, seat{ground: ground, section: section, hosts: hosts})
			}
		}
	}
	return out
}

// listener is one of a Gateway.
type listener struct {
	name, host string
	port       int64
	// from says of which namespaces it takes routes: its own alone where nothing is said.
	from string
}

func listenersOf(gateway *unstructured.Unstructured) []listener {
	if gateway == nil {
		return nil
	}
	items, _, _ := unstructured.NestedFieldNoCopy(gateway.Object, "spec", "listeners")
	var out []listener
	for _, l := range rules.Objects(items) {
		port, _ := rules.Integer(l["port"])
		from, _, _ := unstructured.NestedString(l, "allowedRoutes", "namespaces", "from")
		out = append(out, listener{name: text(l, "name"), host: text(l, "hostname"), port: port, from: from})
	}
	return out
}

// elsewhere says whether it takes routes of other namespaces.
func (l listener) elsewhere() bool { return l.from == "All" || l.from == "Selector" }

// takes says whether a route is of a namespace that the listener takes, or may be: labels of namespaces are not known.
func (l listener) takes(route, gateway *unstructured.Unstructured) bool {
	return l.elsewhere() || l.from != "None" && route.GetNamespace() == gateway.GetNamespace()
}

// rejected says whether a route's status has that its parent does not take it, as one that it does not allow.
func rejected(route *unstructured.Unstructured, ref rules.Object) bool {
	parents, _, _ := unstructured.NestedFieldNoCopy(route.Object, "status", "parents")
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
