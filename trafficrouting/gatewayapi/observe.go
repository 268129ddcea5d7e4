package gatewayapi

import (
	"fmt"
	"slices"
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
// serves (RouteParentStatus), and one that is gone leaves its own behind. So what counts are entries of
// parents that the route still names; a parent without any may be one that nobody serves.
func lackingParent(route *unstructured.Unstructured) string {
	all, _, _ := unstructured.NestedSlice(route.Object, "status", "parents")
	entries, noticed := rules.Objects(all), false
	for _, ref := range parentRefsOf(route) {
		var of []rules.Object
		for _, entry := range entries {
			if said, _ := entry["parentRef"].(rules.Object); sameParent(ref, said, route.GetNamespace()) {
				of = append(of, entry)
			}
		}
		noticed = noticed || len(of) > 0
		if _, ok := gatewayOf(ref, route.GetNamespace()); ok {
			of = byItsController(of, route.GetGeneration())
		}
		for _, entry := range of {
			if lacking := lackingEntry(entry, route.GetGeneration()); lacking != "" {
				return lacking
			}
		}
	}
	if !noticed {
		return "no parent has taken notice of it yet; check that its parentRefs name a Gateway that exists"
	}
	return ""
}

// sameParent says whether an entry is of a parentRef. Some controllers name a listener that the
// parentRef does not, or the other way round; a field that one of them leaves out says nothing.
func sameParent(ref, said rules.Object, namespace string) bool {
	if parentOf(ref, namespace) != parentOf(said, namespace) {
		return false
	}
	for _, field := range []string{"sectionName", "port"} {
		if a, b := ref[field], said[field]; a != nil && b != nil && fmt.Sprint(a) != fmt.Sprint(b) {
			return false
		}
	}
	return true
}

// byItsController leaves out what others wrote for a Gateway, which has one controller, by its class: where one is at this
// generation, those that are not had the Gateway before.
func byItsController(entries []rules.Object, generation int64) []rules.Object {
	current := map[any]bool{}
	for _, entry := range entries {
		for _, c := range rules.Objects(entry["conditions"]) {
			if at, _ := rules.Integer(c["observedGeneration"]); at == generation {
				current[entry["controllerName"]] = true
			}
		}
	}
	if len(current) == 0 {
		return entries
	}
	return slices.DeleteFunc(entries, func(entry rules.Object) bool { return !current[entry["controllerName"]] })
}

// lackingEntry says what is missing in the entry of one parent: both conditions must be of this
// generation. PartiallyInvalid means that some rules were dropped or that an older generation is served.
func lackingEntry(entry rules.Object, generation int64) string {
	name := parentName(entry)
	conditions := map[string]rules.Object{}
	for _, c := range rules.Objects(entry["conditions"]) {
		if kind, ok := c["type"].(string); ok {
			conditions[kind] = c
		}
	}
	for _, kind := range []string{"Accepted", "ResolvedRefs"} {
		c, ok := conditions[kind]
		if !ok {
			return fmt.Sprintf("parent %s has no condition %s yet", name, kind)
		}
		if at, _ := rules.Integer(c["observedGeneration"]); at != generation {
			return fmt.Sprintf("parent %s has %s for generation %d, not yet for %d", name, kind, at, generation)
		}
		if c["status"] != "True" {
			return fmt.Sprintf("parent %s has %s=%v%s", name, kind, c["status"], detail(c))
		}
	}
	if c, ok := conditions["PartiallyInvalid"]; ok && c["status"] == "True" {
		return fmt.Sprintf("parent %s has PartiallyInvalid=True%s", name, detail(c))
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
