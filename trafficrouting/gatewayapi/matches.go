package gatewayapi

import (
	"fmt"
	"regexp"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Limits of the API on one match (HTTPRouteMatch).
const (
	maxConditions  = 16
	maxHeaderValue = 4096
	maxQueryValue  = 1024
)

// headerValue is what the experimental channel's schema admits as a header's value.
var headerValue = regexp.MustCompile(`^[!-~]+([\t ]?[!-~]+)*$`)

// tooLong says what of a match the API's schema does not admit, and the mend; empty means nothing.
func tooLong(m v1alpha1.Match) string {
	read, err := rules.ReadMatch(m)
	if err != nil {
		return err.Error()
	}
	for i, c := range read.Conditions {
		switch fits := len(c.Value) <= maxHeaderValue && headerValue.MatchString(c.Value); {
		case c.Field == rules.QueryParams && len(c.Value) > maxQueryValue:
			return fmt.Sprintf("match query parameter %s: its value has %d characters and %d is the most; shorten it", c.Name, len(c.Value), maxQueryValue)
		case c.Field == rules.QueryParams || fits:
		case i < len(m.Headers):
			return fmt.Sprintf("match header %s: %q cannot be a header's value (visible ASCII, single spaces, at most %d characters); change it", c.Name, c.Value, maxHeaderValue)
		default:
			return fmt.Sprintf("match cookie %s: its value must be visible ASCII with single spaces, and at most %d characters as a regular expression; change it", m.Cookies[i-len(m.Headers)].Name, maxHeaderValue)
		}
	}
	return ""
}

// Conjoin returns a rule's match with all that ours asks as well, so that it wins wherever both match.
func (grammar) Conjoin(a rules.Alternative, match rules.Object) (rules.Object, error) {
	out := rules.Shallow(match)
	if a.Method != "" {
		if method, ok := out["method"].(string); ok && method != a.Method {
			return nil, rules.ErrContradiction
		}
		out["method"] = a.Method
	}
	for _, c := range a.Conditions {
		items, err := addTo(rules.Objects(out[c.Field]), c)
		if err != nil {
			return nil, err
		}
		if len(items) > maxConditions {
			return nil, fmt.Errorf("a match would have %d %s and %d is the most; use fewer", len(items), c.Field, maxConditions)
		}
		out[c.Field] = rules.Items(items)
	}
	return out, nil
}

// addTo adds a condition to a match's own of its field. A name can stand there only once: of several
// the first counts, so a second one has to be folded into it.
func addTo(items []rules.Object, c rules.Condition) ([]rules.Object, error) {
	kind := "Exact"
	if c.Regex {
		kind = "RegularExpression"
	}
	added := rules.Object{"type": kind, "name": c.Name, "value": c.Value}
	for i, item := range items {
		if name, _ := item["name"].(string); !c.Named(name) {
			continue
		}
		value, _ := item["value"].(string)
		replace, err := c.Meet(value, item["type"] == "RegularExpression")
		if err != nil || !replace {
			return items, err
		}
		out := append([]rules.Object(nil), items...)
		out[i] = added
		return out, nil
	}
	return append(append([]rules.Object(nil), items...), added), nil
}
