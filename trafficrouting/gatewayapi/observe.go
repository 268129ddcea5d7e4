package gatewayapi

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Observe says what is in effect. The best that a route tells is Accepted: every parent's
// controller has resolved this generation. Whether its proxies follow is a matter of settling.
func (p Route) Observe(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) trafficrouting.Observed {
	out, written := p.Compare(live, owner, splits, p.Render)
	if !written {
		return out
	}
	if lacking := lackingParent(live.Route); lacking != "" {
		out.Message = rules.Title(live) + ": " + lacking
		return out
	}
	out.Evidence, out.InEffect = trafficrouting.EvidenceAccepted, true
	return out
}

// lackingParent says which parent has not accepted the route's current generation, and what it says
// instead; empty means that all have. A route's controller writes one entry for each parent that it
// serves; both conditions must be of this generation (RouteParentStatus). PartiallyInvalid means that
// some rules were dropped or that an older generation is served.
func lackingParent(route *unstructured.Unstructured) string {
	parents, _, _ := unstructured.NestedSlice(route.Object, "status", "parents")
	if len(parents) == 0 {
		return "no parent has taken notice of it yet; check that its parentRefs name a Gateway that exists"
	}
	for _, parent := range rules.Objects(parents) {
		name := parentName(parent)
		conditions := map[string]rules.Object{}
		for _, c := range rules.Objects(parent["conditions"]) {
			if kind, ok := c["type"].(string); ok {
				conditions[kind] = c
			}
		}
		for _, kind := range []string{"Accepted", "ResolvedRefs"} {
			c, ok := conditions[kind]
			if !ok {
				return fmt.Sprintf("parent %s has no condition %s yet", name, kind)
			}
			if at, _ := rules.Integer(c["observedGeneration"]); at != route.GetGeneration() {
				return fmt.Sprintf("parent %s has %s for generation %d, not yet for %d", name, kind, at, route.GetGeneration())
			}
			if c["status"] != "True" {
				return fmt.Sprintf("parent %s has %s=%v%s", name, kind, c["status"], detail(c))
			}
		}
		if c, ok := conditions["PartiallyInvalid"]; ok && c["status"] == "True" {
			return fmt.Sprintf("parent %s has PartiallyInvalid=True%s", name, detail(c))
		}
	}
	return ""
}

// parentName names a parent as people would look for it.
func parentName(parent rules.Object) string {
	ref, _ := parent["parentRef"].(rules.Object)
	var parts []string
	for _, field := range []string{"namespace", "name", "sectionName"} {
		if text, ok := ref[field].(string); ok && text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "/")
}

// detail quotes a condition's reason and message.
func detail(c rules.Object) string {
	reason, _ := c["reason"].(string)
	message, _ := c["message"].(string)
	switch {
	case reason == "" && message == "":
		return ""
	case message == "":
		return " (" + reason + ")"
	}
	return fmt.Sprintf(" (%s: %s)", reason, message)
}
