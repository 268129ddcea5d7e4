package gatewayapi

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Extended features by the names that GatewayClasses publish (pkg/features of sigs.k8s.io/gateway-api v1.6.3). Weights of
// connections and regular expressions have none, and whether a kind of route is served at all is told by its status.
const (
	methodMatching         = "HTTPRouteMethodMatching"
	queryParamMatching     = "HTTPRouteQueryParamMatching"
	requestHeadersFeature  = "HTTPRouteBackendRequestHeaderModification"
	responseHeadersFeature = "HTTPRouteResponseHeaderModification"
	mirrorFeature          = "HTTPRouteRequestMirror"
	mirrorPercentFeature   = "HTTPRouteRequestPercentageMirror"
)

var (
	gatewayKind = schema.GroupKind{Group: Group, Kind: "Gateway"}
	classKind   = schema.GroupKind{Group: Group, Kind: "GatewayClass"}
)

// features are what each parent of a route can do beyond the core of the API, by the word of its GatewayClass
// (GatewayClassStatus.supportedFeatures). Nothing is known of a mesh, of a class that publishes none, and of any once a
// release is under way.
type features []parent

type parent struct {
	// title names it in messages: its class where there is one.
	title string
	// published are its features; nil where it is not known.
	published map[string]bool
}

// Needs are the Gateways of the route, then their classes, and what permits it to send to other namespaces.
func (p Route) Needs(live trafficrouting.Objects) []trafficrouting.Reference {
	out := p.grantsOf(live.Route)
	for _, gateway := range gatewaysOf(live.Route) {
		out = append(out, gateway)
		if class, ok := classOf(live, gateway); ok {
			out = append(out, class)
		}
	}
	return out
}

// featuresOf reads what was found of the Gateways and their classes.
func featuresOf(live trafficrouting.Objects) features {
	var out features
	for _, ref := range parentRefsOf(live.Route) {
		gateway, ok := gatewayOf(ref, live.Route.GetNamespace())
		if !ok {
			name, _ := ref["name"].(string)
			out = append(out, parent{title: fmt.Sprintf("%v %s", ref["kind"], name)})
			continue
		}
		class, ok := classOf(live, gateway)
		if !ok {
			out = append(out, parent{title: "the class of Gateway " + gateway.Namespace + "/" + gateway.Name})
			continue
		}
		out = append(out, parent{title: "GatewayClass " + class.Name, published: publishedBy(found(live, class))})
	}
	return out
}

// has says whether every parent is known to support a feature.
func (f features) has(feature string) bool {
	return len(f) > 0 && !slices.ContainsFunc(f, func(p parent) bool { return !p.published[feature] })
}

// lacks names the first parent that is known not to support a feature; empty means that none is.
func (f features) lacks(feature string) string {
	for _, p := range f {
		if p.published != nil && !p.published[feature] {
			return p.title
		}
	}
	return ""
}

// refusal says that a parent does not support what a step wants, and the mend.
func refusal(live trafficrouting.Objects, want, feature, parent, mend string) string {
	return fmt.Sprintf("%s: %s needs the feature %s, which %s does not name in status.supportedFeatures; %s, or give the route a Gateway whose class names it",
		rules.Title(live), want, feature, parent, mend)
}

// unsupported says which match of the splits a parent is known not to follow, and the mend; empty means none. It would
// drop the rule, or answer 500 by it (HTTPRouteMatch.method, queryParams).
func (f features) unsupported(live trafficrouting.Objects, splits []trafficrouting.Split) string {
	const mend = "match by header"
	for _, s := range splits {
		for _, rule := range s.Rules {
			for _, m := range rule.AnyOf {
				if parent := f.lacks(methodMatching); m.Method != nil && parent != "" {
					return refusal(live, "the match by method "+*m.Method, methodMatching, parent, mend)
				}
				if parent := f.lacks(queryParamMatching); len(m.QueryParams) > 0 && parent != "" {
					return refusal(live, "the match by query parameter "+m.QueryParams[0].Name, queryParamMatching, parent, mend)
				}
			}
		}
	}
	return ""
}

func parentRefsOf(route *unstructured.Unstructured) []rules.Object {
	if route == nil {
		return nil
	}
	refs, _, _ := unstructured.NestedSlice(route.Object, "spec", "parentRefs")
	return rules.Objects(refs)
}

func gatewaysOf(route *unstructured.Unstructured) []trafficrouting.Reference {
	var out []trafficrouting.Reference
	for _, ref := range parentRefsOf(route) {
		if gateway, ok := gatewayOf(ref, route.GetNamespace()); ok {
			out = append(out, gateway)
		}
	}
	return out
}

// gatewayOf returns the Gateway that a parentRef names, and whether it names one; the defaults are those of
// ParentReference.
func gatewayOf(ref rules.Object, namespace string) (trafficrouting.Reference, bool) {
	text := func(field, otherwise string) string {
		value, ok := ref[field].(string)
		if !ok {
			return otherwise
		}
		return value
	}
	kind := schema.GroupKind{Group: text("group", Group), Kind: text("kind", gatewayKind.Kind)}
	return trafficrouting.Reference{GroupKind: kind, Namespace: cmp.Or(text("namespace", namespace), namespace), Name: text("name", "")}, kind == gatewayKind
}

// classOf returns the class of a Gateway that was found.
func classOf(live trafficrouting.Objects, gateway trafficrouting.Reference) (trafficrouting.Reference, bool) {
	obj := found(live, gateway)
	if obj == nil {
		return trafficrouting.Reference{}, false
	}
	name, _, _ := unstructured.NestedString(obj.Object, "spec", "gatewayClassName")
	return trafficrouting.Reference{GroupKind: classKind, Name: name}, name != ""
}

// found returns what a reference is to; nil if it was not read or does not exist.
func found(live trafficrouting.Objects, ref trafficrouting.Reference) *unstructured.Unstructured {
	for _, obj := range live.About {
		if trafficrouting.ReferenceTo(obj) == ref {
			return obj
		}
	}
	return nil
}

// publishedBy returns the features that a class names; nil if it names none.
func publishedBy(class *unstructured.Unstructured) map[string]bool {
	if class == nil {
		return nil
	}
	items, _, _ := unstructured.NestedSlice(class.Object, "status", "supportedFeatures")
	var out map[string]bool
	for _, item := range rules.Objects(items) {
		if name, ok := item["name"].(string); ok {
			if out == nil {
				out = map[string]bool{}
			}
			out[name] = true
		}
	}
	return out
}
