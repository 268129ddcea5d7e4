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
	// controller of the class; empty where it is not known.
	controller string
	ref        trafficrouting.Reference
	// object is nil where it was not read.
	object *unstructured.Unstructured
}

// Needs are the Gateways of the route, then their classes and the other routes there, and what permits it to send to other
// namespaces.
func (p Route) Needs(live trafficrouting.Objects) []trafficrouting.Reference {
	out := p.grantsOf(live.Route)
	for _, gateway := range gatewaysOf(live.Route) {
		out = append(out, gateway)
		if class, ok := classOf(live, gateway); ok {
			out = append(out, class)
		}
	}
	return append(out, p.rivals(live)...)
}

// featuresOf reads what was found of the Gateways and their classes.
func featuresOf(live trafficrouting.Objects) features {
	var out features
	for _, ref := range parentRefsOf(live.Route) {
		gateway, ok := gatewayOf(ref, live.Route.GetNamespace())
		if !ok {
			name, _ := ref["name"].(string)
			out = append(out, parent{title: fmt.Sprintf("%v %s", ref["kind"], name), ref: gateway, object: found(live, gateway)})
			continue
		}
		class, ok := classOf(live, gateway)
		if !ok {
			out = append(out, parent{title: "the class of Gateway " + gateway.Namespace + "/" + gateway.Name, ref: gateway, object: found(live, gateway)})
			continue
		}
		of := found(live, class)
		out = append(out, parent{title: "GatewayClass " + class.Name, published: publishedBy(of), controller: controllerOf(of), ref: gateway, object: found(live, gateway)})
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

// unpublished names the first parent that does not say that it supports a feature; empty means that there is none.
func (f features) unpublished(feature string) string {
	for _, p := range f {
		if !p.published[feature] {
			return p.title
		}
	}
	return ""
}

// unfiltered says what splits do to requests that a parent does not say it does, and the mend; empty means nothing. It
// would answer 500 by a rule with such a filter (HTTPRouteFilter). several says that the route has rules of several backends.
func (f features) unfiltered(live trafficrouting.Objects, splits []trafficrouting.Split, several bool) string {
	for _, s := range splits {
		weighted := trafficrouting.MatchRule{To: s.Shares}
		changes := slices.ContainsFunc(s.Shares, func(share trafficrouting.Share) bool { return share.Headers != nil })
		for _, rule := range append([]trafficrouting.MatchRule{weighted}, s.Rules...) {
			if reason := f.unkept(s, rule); reason != "" {
				return rules.Title(live) + ": " + reason
			}
			for _, want := range wanted(rule, several || changes) {
				if parent := f.unpublished(want.feature); parent != "" {
					return refusal(live, want.what, want.feature, parent, want.mend)
				}
			}
		}
	}
	return ""
}

// unkept says why users cannot be kept at stable: Traefik calls a Service in one way, that of the last rule that sends to
// it, whatever other rules change on theirs (loadService in its provider of v3.7.5).
func (f features) unkept(s trafficrouting.Split, rule trafficrouting.MatchRule) string {
	keeps := slices.ContainsFunc(rule.To, func(share trafficrouting.Share) bool { return share.Backend == s.Base && share.Headers != nil })
	for _, p := range f {
		if keeps && p.controller == traefik {
			return p.title + " is Traefik's, which can set no cookie for a share of the user's own Service; take stable out of stickiness"
		}
	}
	return ""
}

// filtering is something that a rule does to requests.
type filtering struct{ what, feature, mend string }

// wanted are what a rule needs beyond the core: headers that are changed for all that the rule gets are of that.
func wanted(rule trafficrouting.MatchRule, several bool) []filtering {
	var out []filtering
	for _, share := range rule.To {
		if share.Headers == nil {
			continue
		}
		if share.Headers.Request != nil && (several || share.PPM < trafficrouting.Whole) {
			out = append(out, filtering{"to change headers of a share of requests", requestHeadersFeature, "give requestHeaders to steps with match and no weight"})
		}
		if share.Headers.SetCookie != "" {
			out = append(out, filtering{"to set cookies for a share of requests", responseHeadersFeature, "take stickiness out"},
				filtering{"to set cookies for a share of requests", requestHeadersFeature, "take stickiness out"})
		}
	}
	if rule.Mirror != nil {
		out = append(out, filtering{"a mirror", mirrorFeature, "take mirror out of the step"})
		if rule.Mirror.PPM < trafficrouting.Whole {
			out = append(out, filtering{"a mirror of a part of the requests", mirrorPercentFeature, "take percent out of the mirror"})
		}
	}
	return out
}

// unsupported says which match of the splits a parent is known not to follow, and the mend; empty means none. It would
// drop the rule, or answer 500 by it (HTTPRouteMatch.method, queryParams).
func (f features) unsupported(live trafficrouting.Objects, splits []trafficrouting.Split) string {
	for _, s := range splits {
		for _, rule := range s.Rules {
			mend := "match by header"
			if rule.Mirror != nil {
				mend = "say requests: All, or take mirror out of the step"
			}
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
	refs, _, _ := unstructured.NestedFieldNoCopy(route.Object, "spec", "parentRefs")
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

// gatewayOf returns the Gateway that a parentRef names, and whether it names one.
func gatewayOf(ref rules.Object, namespace string) (trafficrouting.Reference, bool) {
	out := parentOf(ref, namespace)
	return out, out.GroupKind == gatewayKind
}

// parentOf returns what a parentRef names; the defaults are those of ParentReference.
func parentOf(ref rules.Object, namespace string) trafficrouting.Reference {
	text := func(field, otherwise string) string {
		value, ok := ref[field].(string)
		if !ok {
			return otherwise
		}
		return value
	}
	kind := schema.GroupKind{Group: text("group", Group), Kind: text("kind", gatewayKind.Kind)}
	return trafficrouting.Reference{GroupKind: kind, Namespace: cmp.Or(text("namespace", namespace), namespace), Name: text("name", "")}
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

func controllerOf(class *unstructured.Unstructured) string {
	if class == nil {
		return ""
	}
	name, _, _ := unstructured.NestedString(class.Object, "spec", "controllerName")
	return name
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
