package gatewayapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// maxFilters is how many filters a rule or a backendRef can have, and maxChanges how many headers one modifier sets, adds
// or removes (HTTPRouteRule.filters, HTTPHeaderFilter).
const (
	maxFilters = 16
	maxChanges = 16
)

// The modifiers of headers, of which a rule and a backendRef can have one each (HTTPRouteFilterType).
const (
	ofRequest  = "RequestHeaderModifier"
	ofResponse = "ResponseHeaderModifier"
)

// Alters says whether the kind has filters for it.
func (g grammar) Alters(trafficrouting.Split) string {
	if !g.headers {
		return rules.Route{Dialect: g}.Article() + " shares connections and cannot change requests; take requestHeaders, mirror and stickiness out"
	}
	return ""
}

// Change puts changes of requests into the rule where they are for all that it gets, which every gateway does, and into
// the backendRef where they are not, or where it has changes of its own, which come later (RequestHeaderModifier of
// HTTPRouteRule.filters is core).
func (g grammar) Change(rule, ref rules.Object, alone bool, headers trafficrouting.Headers) (rules.Object, rules.Object, error) {
	if !g.weighs && (!alone || headers.SetCookie != "") {
		return nil, nil, fmt.Errorf("%s can change headers of all calls of a rule alone, and not by share; give requestHeaders to steps with match and no weight, and leave stickiness out", rules.Route{Dialect: g}.Article())
	}
	var err error
	if headers.Request != nil {
		target := &rule
		if !alone || modifierOf(ref, ofRequest) >= 0 {
			target = &ref
		}
		if *target, err = modified(*target, ofRequest, *headers.Request); err != nil {
			return nil, nil, err
		}
	}
	if headers.SetCookie != "" {
		ref, err = modified(ref, ofResponse, v1alpha1.HeaderModifier{Add: []v1alpha1.Header{{Name: "Set-Cookie", Value: headers.SetCookie}}})
	}
	return rule, ref, err
}

// Unchange takes the headers out of the backendRef's modifiers, and those that are empty then.
func (grammar) Unchange(ref rules.Object, headers trafficrouting.Headers) rules.Object {
	out := rules.Shallow(ref)
	var filters []rules.Object
	for _, filter := range rules.Objects(ref["filters"]) {
		kind, _ := filter["type"].(string)
		names := map[string]bool{}
		switch {
		case kind == ofRequest && headers.Request != nil:
			for _, name := range trafficrouting.Named(headers.Request) {
				names[strings.ToLower(name)] = true
			}
		case kind == ofResponse && headers.SetCookie != "":
			names["set-cookie"] = true
		}
		if len(names) == 0 {
			filters = append(filters, filter)
			continue
		}
		theirs, _ := filter[fieldOf(kind)].(rules.Object)
		if left := less(theirs, names); len(left) > 0 {
			filter = rules.Shallow(filter)
			filter[fieldOf(kind)] = left
			filters = append(filters, filter)
		}
	}
	if delete(out, "filters"); len(filters) > 0 {
		out["filters"] = rules.Items(filters)
	}
	return out
}

// less returns a modifier without what it does to these headers.
func less(modifier rules.Object, names map[string]bool) rules.Object {
	out := rules.Shallow(modifier)
	for _, field := range []string{"set", "add", "remove"} {
		items, _ := modifier[field].([]any)
		kept := slices.DeleteFunc(slices.Clone(items), func(item any) bool {
			name, _ := item.(string)
			if header, ok := item.(rules.Object); ok {
				name, _ = header["name"].(string)
			}
			return names[strings.ToLower(name)]
		})
		if delete(out, field); len(kept) > 0 {
			out[field] = kept
		}
	}
	return out
}

// fieldOf is where a filter of this type has what it does.
func fieldOf(kind string) string { return strings.ToLower(kind[:1]) + kind[1:] }

// Mirror appends a filter that copies requests; without percent it copies all (HTTPRequestMirrorFilter).
func (g grammar) Mirror(rule, ref rules.Object, m trafficrouting.Mirror) (rules.Object, error) {
	if !g.weighs {
		return nil, fmt.Errorf("no gateway says whether it mirrors the calls of %s; take mirror out of the step", rules.Route{Dialect: g}.Article())
	}
	to := rules.Shallow(ref)
	delete(to, "weight")
	delete(to, "filters")
	mirror := rules.Object{"backendRef": to}
	switch {
	case m.PPM%10_000 == 0 && m.PPM < trafficrouting.Whole:
		mirror["percent"] = int64(m.PPM / 10_000)
	case m.PPM < trafficrouting.Whole:
		mirror["fraction"] = rules.Object{"numerator": int64(m.PPM), "denominator": int64(trafficrouting.Whole)}
	}
	return filtered(rule, append(rules.Objects(rule["filters"]), rules.Object{"type": "RequestMirror", "requestMirror": mirror}))
}

// modified returns a rule or backendRef with these changes in its modifier, which it may have or get.
func modified(of rules.Object, kind string, m v1alpha1.HeaderModifier) (rules.Object, error) {
	field := fieldOf(kind)
	filters := rules.Objects(of["filters"])
	at := modifierOf(of, kind)
	if at < 0 {
		at = len(filters)
		filters = append(filters, rules.Object{"type": kind})
	}
	theirs, _ := filters[at][field].(rules.Object)
	changed, err := overlaid(theirs, m)
	if err != nil {
		return nil, err
	}
	filter := rules.Shallow(filters[at])
	filter[field] = changed
	filters = slices.Clone(filters)
	filters[at] = filter
	return filtered(of, filters)
}

// modifierOf is the index of such a filter; below 0 if there is none.
func modifierOf(of rules.Object, kind string) int {
	return slices.IndexFunc(rules.Objects(of["filters"]), func(f rules.Object) bool { return f["type"] == kind })
}

func filtered(of rules.Object, filters []rules.Object) (rules.Object, error) {
	if len(filters) > maxFilters {
		return nil, fmt.Errorf("it would have %d filters and %d is the most; use fewer", len(filters), maxFilters)
	}
	out := rules.Shallow(of)
	out["filters"] = rules.Items(filters)
	return out, nil
}

// overlaid returns a modifier that does what the other does but for the headers that ours names. What the user adds
// stays beside what we add, but a list can name a header only once.
func overlaid(theirs rules.Object, m v1alpha1.HeaderModifier) (rules.Object, error) {
	ours := map[string]bool{}
	for _, name := range m.Remove {
		ours[strings.ToLower(name)] = true
	}
	for _, h := range m.Set {
		ours[strings.ToLower(h.Name)] = true
	}
	added := map[string]bool{}
	for _, h := range m.Add {
		added[strings.ToLower(h.Name)] = true
	}
	out := rules.Shallow(theirs)
	for field, news := range map[string][]v1alpha1.Header{"set": m.Set, "add": m.Add} {
		var items []rules.Object
		for _, item := range rules.Objects(theirs[field]) {
			name, _ := item["name"].(string)
			switch key := strings.ToLower(name); {
			case ours[key]:
			case field == "add" && added[key]:
				return nil, fmt.Errorf("a filter of its own adds the header %s already, and can add it only once; set it, or take it out there", name)
			default:
				items = append(items, item)
			}
		}
		for _, h := range news {
			items = append(items, rules.Object{"name": h.Name, "value": h.Value})
		}
		if err := put(out, field, rules.Items(items)); err != nil {
			return nil, err
		}
	}
	var removed []any
	list, _ := theirs["remove"].([]any)
	for _, name := range list {
		if text, _ := name.(string); !ours[strings.ToLower(text)] {
			removed = append(removed, name)
		}
	}
	for _, name := range m.Remove {
		removed = append(removed, name)
	}
	return out, put(out, "remove", removed)
}

// put writes a list of changes; an empty one stays away.
func put(out rules.Object, field string, items []any) error {
	switch {
	case len(items) > maxChanges:
		return errors.New("a filter would " + field + fmt.Sprintf(" %d headers and %d is the most; use fewer", len(items), maxChanges))
	case len(items) == 0:
		delete(out, field)
	default:
		out[field] = items
	}
	return nil
}
