package istio

import (
	"fmt"
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Alters is nothing: proxies can do all of it.
func (dialect) Alters(trafficrouting.Split) string { return "" }

// Change changes headers of what goes to one destination (HTTPRouteDestination.headers).
func (dialect) Change(rule, ref rules.Object, _ bool, headers trafficrouting.Headers) (rules.Object, rules.Object, error) {
	ref = rules.Shallow(ref)
	theirs, _ := ref["headers"].(rules.Object)
	out := rules.Shallow(theirs)
	for field, m := range map[string]*v1alpha1.HeaderModifier{
		"request": headers.Request, "response": setCookie(headers.SetCookie),
	} {
		if m == nil {
			continue
		}
		operations, _ := out[field].(rules.Object)
		changed, err := overlaid(operations, *m)
		if err != nil {
			return nil, nil, err
		}
		out[field] = changed
	}
	ref["headers"] = out
	return rule, ref, nil
}

// Unchange takes the headers out of a destination's, and what is empty then.
func (dialect) Unchange(ref rules.Object, headers trafficrouting.Headers) rules.Object {
	out := rules.Shallow(ref)
	theirs, _ := ref["headers"].(rules.Object)
	left := rules.Shallow(theirs)
	for field, m := range map[string]*v1alpha1.HeaderModifier{
		"request": headers.Request, "response": setCookie(headers.SetCookie),
	} {
		if operations, ok := left[field].(rules.Object); ok && m != nil {
			if operations = less(operations, *m); len(operations) > 0 {
				left[field] = operations
			} else {
				delete(left, field)
			}
		}
	}
	if delete(out, "headers"); len(left) > 0 {
		out["headers"] = left
	}
	return out
}

// less returns operations on headers without those on the ones that a modifier names.
func less(operations rules.Object, m v1alpha1.HeaderModifier) rules.Object {
	names := trafficrouting.Named(&m)
	out := rules.Shallow(operations)
	for _, field := range []string{"set", "add"} {
		values := rules.Object{}
		was, _ := operations[field].(rules.Object)
		for name, value := range was {
			if !slices.ContainsFunc(names, named(name)) {
				values[name] = value
			}
		}
		if delete(out, field); len(values) > 0 {
			out[field] = values
		}
	}
	list, _ := operations["remove"].([]any)
	kept := slices.DeleteFunc(slices.Clone(list), func(item any) bool {
		name, _ := item.(string)
		return slices.ContainsFunc(names, named(name))
	})
	if delete(out, "remove"); len(kept) > 0 {
		out["remove"] = kept
	}
	return out
}

func setCookie(value string) *v1alpha1.HeaderModifier {
	if value == "" {
		return nil
	}
	return &v1alpha1.HeaderModifier{Add: []v1alpha1.Header{{Name: "Set-Cookie", Value: value}}}
}

// overlaid returns operations on headers that do what the others do but for the headers that ours name.
func overlaid(theirs rules.Object, m v1alpha1.HeaderModifier) (rules.Object, error) {
	out := rules.Shallow(theirs)
	for field, news := range map[string][]v1alpha1.Header{"set": m.Set, "add": m.Add} {
		values := rules.Object{}
		was, _ := theirs[field].(rules.Object)
		for name, value := range was {
			switch {
			case slices.ContainsFunc(m.Remove, named(name)), slices.ContainsFunc(m.Set, sets(name)):
			case field == "add" && slices.ContainsFunc(m.Add, sets(name)):
				return nil, fmt.Errorf("a destination of its own adds the header %s already, and can add it only once; set it, or take it out there", name)
			default:
				values[name] = value
			}
		}
		for _, h := range news {
			values[strings.ToLower(h.Name)] = h.Value // Istio asks for lower case
		}
		if delete(out, field); len(values) > 0 {
			out[field] = values
		}
	}
	var removed []any
	list, _ := theirs["remove"].([]any)
	for _, item := range list {
		if name, _ := item.(string); !slices.ContainsFunc(m.Remove, named(name)) && !slices.ContainsFunc(m.Set, sets(name)) {
			removed = append(removed, item)
		}
	}
	for _, name := range m.Remove {
		removed = append(removed, strings.ToLower(name))
	}
	if delete(out, "remove"); len(removed) > 0 {
		out["remove"] = removed
	}
	return out, nil
}

func named(name string) func(string) bool {
	return func(other string) bool { return strings.EqualFold(name, other) }
}

func sets(name string) func(v1alpha1.Header) bool {
	return func(h v1alpha1.Header) bool { return strings.EqualFold(name, h.Name) }
}

// Mirror adds a destination to a rule's mirrors, among which the one of the older field then stands (HTTPRoute.mirrors and
// mirror exclude each other).
func (dialect) Mirror(rule, ref rules.Object, m trafficrouting.Mirror) (rules.Object, error) {
	out := rules.Shallow(rule)
	mirrors := rules.Objects(rule["mirrors"])
	if mirror, ok := rule["mirror"].(rules.Object); ok {
		theirs := rules.Object{"destination": mirror}
		if percentage, ok := rule["mirrorPercentage"].(rules.Object); ok {
			theirs["percentage"] = percentage
		} else if percent, ok := rule["mirrorPercent"]; ok {
			theirs["percentage"] = rules.Object{"value": percent}
		}
		mirrors = append([]rules.Object{theirs}, mirrors...)
		for _, field := range []string{"mirror", "mirrorPercentage", "mirrorPercent"} {
			delete(out, field)
		}
	}
	ours := rules.Object{"destination": ref["destination"]}
	if m.PPM < trafficrouting.Whole {
		ours["percentage"] = rules.Object{"value": float64(m.PPM) / 10_000}
	}
	out["mirrors"] = rules.Items(append(slices.Clone(mirrors), ours))
	return out, nil
}
