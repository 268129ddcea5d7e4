package gatewayapi

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Limits of the API on one match (HTTPRouteMatch).
const (
	maxConditions  = 16
	maxHeaderValue = 4096
	maxQueryValue  = 1024
)

// errContradiction says that no request can meet both a rule's match and ours.
var errContradiction = errors.New("no request can meet both")

// headerValue is what the experimental channel's schema admits as a header's value.
var headerValue = regexp.MustCompile(`^[!-~]+([\t ]?[!-~]+)*$`)

// condition is one header or query parameter that must have a value.
type condition struct {
	field string // headers or queryParams
	name  string
	value string
	regex bool
	// typed is the user's own expression, of which value is the anchored form.
	typed string
}

// alternative is one match of ours, read.
type alternative struct {
	method     string // empty means any
	conditions []condition
}

func alternativeOf(m v1alpha1.Match) (alternative, error) {
	conditions, err := conditionsOf(m)
	return alternative{method: ptr.Deref(m.Method, ""), conditions: conditions}, err
}

// conjoin returns a rule's match with all that ours asks as well, so that it wins wherever both match.
// It returns errContradiction if no request meets both, and another error if that cannot be said in one
// match.
func (a alternative) conjoin(match object) (object, error) {
	out := shallow(match)
	if a.method != "" {
		if method, ok := out["method"].(string); ok && method != a.method {
			return nil, errContradiction
		}
		out["method"] = a.method
	}
	for _, c := range a.conditions {
		items, err := c.addTo(objects(out[c.field]))
		if err != nil {
			return nil, err
		}
		if len(items) > maxConditions {
			return nil, fmt.Errorf("a match would have %d %s and %d is the most; use fewer", len(items), c.field, maxConditions)
		}
		out[c.field] = list(items)
	}
	return out, nil
}

// conditionsOf returns what a match asks of headers and query parameters.
func conditionsOf(m v1alpha1.Match) ([]condition, error) {
	var out []condition
	for _, h := range m.Headers {
		c, err := conditionOf("headers", h)
		if err != nil {
			return nil, err
		}
		if len(c.value) > maxHeaderValue || !headerValue.MatchString(c.value) {
			return nil, fmt.Errorf("match header %s: %q cannot be a header's value (visible ASCII, single spaces, at most %d characters); change it", h.Name, c.value, maxHeaderValue)
		}
		out = append(out, c)
	}
	for _, cookie := range m.Cookies {
		pattern, err := cookiePattern(cookie)
		if err != nil {
			return nil, err
		}
		if len(pattern) > maxHeaderValue || !headerValue.MatchString(pattern) {
			return nil, fmt.Errorf("match cookie %s: its value must be visible ASCII with single spaces, and at most %d characters as a regular expression; change it", cookie.Name, maxHeaderValue)
		}
		out = append(out, condition{field: "headers", name: "Cookie", value: pattern, regex: true, typed: pattern})
	}
	for _, q := range m.QueryParams {
		c, err := conditionOf("queryParams", q)
		if err != nil {
			return nil, err
		}
		if len(c.value) > maxQueryValue {
			return nil, fmt.Errorf("match query parameter %s: its value has %d characters and %d is the most; shorten it", q.Name, len(c.value), maxQueryValue)
		}
		out = append(out, c)
	}
	return out, nil
}

func conditionOf(field string, v v1alpha1.ValueMatch) (condition, error) {
	if v.Exact != nil {
		return condition{field: field, name: v.Name, value: *v.Exact}, nil
	}
	if v.Regex == nil {
		return condition{}, fmt.Errorf("match %s: says neither exact nor regex; add one", v.Name)
	}
	pattern, err := wholePattern(*v.Regex)
	if err != nil {
		return condition{}, fmt.Errorf("match %s: %w", v.Name, err)
	}
	return condition{field: field, name: v.Name, value: pattern, regex: true, typed: *v.Regex}, nil
}

// addTo adds the condition to a match's own of its field. A name can stand there only once: of several
// the first counts, so a second one has to be folded into it.
func (c condition) addTo(items []object) ([]object, error) {
	kind := "Exact"
	if c.regex {
		kind = "RegularExpression"
	}
	added := object{"type": kind, "name": c.name, "value": c.value}
	for i, item := range items {
		if !c.sameName(item) {
			continue
		}
		replace, err := c.meet(item)
		if err != nil || !replace {
			return items, err
		}
		out := append([]object(nil), items...)
		out[i] = added
		return out, nil
	}
	return append(append([]object(nil), items...), added), nil
}

// sameName compares as the API does: names of headers whatever their case.
func (c condition) sameName(item object) bool {
	name, _ := item["name"].(string)
	return name == c.name || c.field == "headers" && strings.EqualFold(name, c.name)
}

// meet says what becomes of a condition of the same name that the match has already: it stays if it
// implies ours, and is replaced by ours if ours implies it.
func (c condition) meet(item object) (replace bool, err error) {
	value, _ := item["value"].(string)
	regex := item["type"] == "RegularExpression"
	switch {
	case regex == c.regex && value == c.value:
		return false, nil
	case regex && c.regex && value == c.typed:
		return true, nil // ours is the same expression, anchored
	case !regex && !c.regex:
		return false, errContradiction
	case !regex:
		if expressionOf(c.value).matched(value) {
			return false, nil
		}
		return false, errContradiction
	case !c.regex:
		// Gateways differ: some search for the expression, some match the whole value. Where both agree,
		// so do we.
		switch theirs := expressionOf(value); {
		case theirs.matched(c.value):
			return true, nil
		case theirs.search != nil && !theirs.found(c.value):
			return false, errContradiction
		}
	}
	return false, c.ambiguous(value)
}

// expression is a regular expression as gateways read it: some search for it, some match the whole
// value. Both are nil if it cannot be read.
type expression struct{ search, whole *regexp.Regexp }

func expressionOf(expr string) expression {
	search, err := regexp.Compile(expr)
	if err != nil {
		return expression{}
	}
	whole, err := regexp.Compile("^(?:" + expr + ")$")
	if err != nil {
		return expression{}
	}
	return expression{search, whole}
}

func (e expression) found(value string) bool { return e.search != nil && e.search.MatchString(value) }

func (e expression) matched(value string) bool { return e.whole != nil && e.whole.MatchString(value) }

func (c condition) ambiguous(value string) error {
	field := map[string]string{"headers": "header", "queryParams": "query parameter"}[c.field]
	return fmt.Errorf("a rule matches %s %s by the regular expression %q already, and a match can name it only once; match by another name", field, c.name, value)
}
