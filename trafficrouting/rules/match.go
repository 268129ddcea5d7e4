package rules

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// ErrContradiction says that no request can meet both a rule's match and ours.
var ErrContradiction = errors.New("no request can meet both")

// Fields of a match that hold conditions.
const (
	Headers     = "headers"
	QueryParams = "queryParams"
)

// Condition is one header or query parameter that must have a value.
type Condition struct {
	Field string // Headers or QueryParams
	Name  string
	// Value is exact, or a regular expression for the whole value, anchored.
	Value string
	Regex bool
	// typed is the user's own expression, of which Value is the anchored form.
	typed string
}

// Alternative is one match of ours, read. All must hold.
type Alternative struct {
	Method     string // empty means any
	Conditions []Condition
	// SourceLabels are labels that the caller must have; none means any caller.
	SourceLabels map[string]v1alpha1.LabelValue
}

// ReadMatch returns what a match asks of a request; a cookie is an expression on its header. It fails with a sentence
// that names what is wrong, and the mend.
func ReadMatch(m v1alpha1.Match) (Alternative, error) {
	out := Alternative{Method: ptr.Deref(m.Method, ""), SourceLabels: m.SourceLabels}
	for _, key := range slices.Sorted(maps.Keys(m.SourceLabels)) {
		if err := labelled(key, string(m.SourceLabels[key])); err != nil {
			return Alternative{}, err
		}
	}
	for _, h := range m.Headers {
		c, err := conditionOf(Headers, h)
		if err != nil {
			return Alternative{}, err
		}
		out.Conditions = append(out.Conditions, c)
	}
	for _, cookie := range m.Cookies {
		pattern, err := cookiePattern(cookie)
		if err != nil {
			return Alternative{}, err
		}
		out.Conditions = append(out.Conditions, Condition{Field: Headers, Name: "Cookie", Value: pattern, Regex: true, typed: pattern})
	}
	for _, q := range m.QueryParams {
		c, err := conditionOf(QueryParams, q)
		if err != nil {
			return Alternative{}, err
		}
		out.Conditions = append(out.Conditions, c)
	}
	return out, nil
}

// labelled says what is wrong with a label that a caller must have; a pod cannot have one that is wrong.
func labelled(key, value string) error {
	if wrong := validation.IsQualifiedName(key); len(wrong) > 0 {
		return fmt.Errorf("match sourceLabels: %q is no name of a label: %s", key, wrong[0])
	}
	if wrong := validation.IsValidLabelValue(value); len(wrong) > 0 {
		return fmt.Errorf("match sourceLabels: %q is no value of label %s: %s", value, key, wrong[0])
	}
	return nil
}

func conditionOf(field string, v v1alpha1.ValueMatch) (Condition, error) {
	if v.Exact != nil {
		return Condition{Field: field, Name: v.Name, Value: *v.Exact}, nil
	}
	if v.Regex == nil {
		return Condition{}, fmt.Errorf("match %s: says neither exact nor regex; add one", v.Name)
	}
	pattern, err := wholePattern(*v.Regex)
	if err != nil {
		return Condition{}, fmt.Errorf("match %s: %w", v.Name, err)
	}
	return Condition{Field: field, Name: v.Name, Value: pattern, Regex: true, typed: *v.Regex}, nil
}

// Named compares as gateways do: names of headers whatever their case.
func (c Condition) Named(name string) bool {
	return name == c.Name || c.Field == Headers && strings.EqualFold(name, c.Name)
}

// Meet says what becomes of a value, or an expression, that a match asks of the same name already: it stays if it
// implies ours, and is replaced by ours if ours implies it. It returns ErrContradiction if nothing meets both.
func (c Condition) Meet(value string, regex bool) (replace bool, err error) {
	switch {
	case regex == c.Regex && value == c.Value:
		return false, nil
	case regex && c.Regex && value == c.typed:
		return true, nil // ours is the same expression, anchored
	case !regex && !c.Regex:
		return false, ErrContradiction
	case !regex:
		if ExpressionOf(c.Value).Matched(value) {
			return false, nil
		}
		return false, ErrContradiction
	case !c.Regex:
		// Gateways differ: some search for the expression, some match the whole value. Where both agree,
		// so do we.
		switch theirs := ExpressionOf(value); {
		case theirs.Matched(c.Value):
			return true, nil
		case theirs.search != nil && !theirs.found(c.Value):
			return false, ErrContradiction
		}
	}
	return false, c.ambiguous(value)
}

// bothCookies says that a request may have both of two cookies, and one match cannot ask for them.
type bothCookies struct{ error }

// Expression is a regular expression as gateways read it: some search for it, some match the whole
// value. It matches nothing if it cannot be read.
type Expression struct{ search, whole *regexp.Regexp }

// ExpressionOf reads an expression.
func ExpressionOf(expr string) Expression {
	search, err := regexp.Compile(expr)
	if err != nil {
		return Expression{}
	}
	whole, err := regexp.Compile("^(?:" + expr + ")$")
	if err != nil {
		return Expression{}
	}
	return Expression{search, whole}
}

func (e Expression) found(value string) bool { return e.search != nil && e.search.MatchString(value) }

// Matched says whether the expression matches the whole value.
func (e Expression) Matched(value string) bool { return e.whole != nil && e.whole.MatchString(value) }

func (c Condition) ambiguous(value string) error {
	field := map[string]string{Headers: "header", QueryParams: "query parameter"}[c.Field]
	if ofCookie(c.Value) && ofCookie(value) {
		return bothCookies{errors.New("requests would have to be told by two cookies at once, of a match, of stickiness or of two Rollouts, and one match cannot ask for both; leave one out, or match by a header")}
	}
	return fmt.Errorf("a rule matches %s %s by the regular expression %q already, and a match can name it only once; match by another name", field, c.Name, value)
}
