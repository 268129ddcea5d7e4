package istio

import (
	"errors"
	"regexp"
	"strings"

	"crossfade.io/crossfade/trafficrouting/rules"
)

// sourceLabels is the field of a match that holds labels which the proxy must have that asks.
const sourceLabels = "sourceLabels"

// Conjoin returns a rule's match with all that ours asks as well. Fields of a match must all hold, and expressions match the
// whole value (HTTPMatchRequest, StringMatch).
func (dialect) Conjoin(a rules.Alternative, match rules.Object) (rules.Object, error) {
	out := rules.Shallow(match)
	if a.Method != "" {
		theirs, _ := out["method"].(rules.Object)
		met, err := meet(rules.Condition{Name: "method", Value: a.Method}, theirs)
		if err != nil {
			return nil, err
		}
		out["method"] = met
	}
	if len(a.SourceLabels) > 0 {
		if gateways, _ := match["gateways"].([]any); len(gateways) > 0 { // sourceMatchHTTP in pilot/pkg/networking/core/route
			return nil, errors.New("it has gateways in its match, and Istio then looks at no labels of callers; take gateways out of that match, or sourceLabels out of the step")
		}
		theirs, _ := out[sourceLabels].(rules.Object)
		labels := rules.Shallow(theirs)
		for key, value := range a.SourceLabels {
			if has, ok := labels[key]; ok && has != string(value) {
				return nil, rules.ErrContradiction
			}
			labels[key] = string(value)
		}
		out[sourceLabels] = labels
	}
	for _, c := range a.Conditions {
		if c.Field == rules.Headers && excludes(match, c) {
			return nil, rules.ErrContradiction
		}
		field, _ := out[c.Field].(rules.Object)
		field = rules.Shallow(field)
		key := c.Name
		if c.Field == rules.Headers {
			key = strings.ToLower(c.Name) // Istio asks for lower case
		}
		for name := range field {
			if c.Named(name) {
				key = name
			}
		}
		theirs, _ := field[key].(rules.Object)
		met, err := meet(c, theirs)
		if err != nil {
			return nil, err
		}
		field[key] = met
		out[c.Field] = field
	}
	return out, nil
}

// excludes says whether a match wants just those without the header of a condition, or without its value.
func excludes(match rules.Object, c rules.Condition) bool {
	without, _ := match["withoutHeaders"].(rules.Object)
	for name, unwanted := range without {
		value, _ := unwanted.(rules.Object)
		if c.Named(name) && (len(value) == 0 || !c.Regex && value["exact"] == c.Value) {
			return true
		}
	}
	return false
}

// meet returns the StringMatch of what meets both; without a value, theirs only asks that there is one.
func meet(c rules.Condition, theirs rules.Object) (rules.Object, error) {
	ours := rules.Object{"exact": c.Value}
	if c.Regex {
		ours = rules.Object{"regex": c.Value}
	}
	replace, err := true, error(nil)
	if exact, ok := theirs["exact"].(string); ok {
		replace, err = c.Meet(exact, false)
	} else if prefix, ok := theirs["prefix"].(string); ok {
		replace, err = c.Meet("^"+regexp.QuoteMeta(prefix)+".*$", true)
	} else if expr, ok := theirs["regex"].(string); ok {
		replace, err = c.Meet(expr, true)
		if whole := rules.ExpressionOf(expr); err != nil && !c.Regex && !whole.Matched(c.Value) {
			err = rules.ErrContradiction
		}
	}
	if err != nil {
		return nil, err
	}
	if replace {
		return ours, nil
	}
	return theirs, nil
}
