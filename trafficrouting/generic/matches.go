package generic

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Refuses says what of a match this kind cannot tell apart, and the mend; empty means nothing.
func (d dialect) Refuses(m v1alpha1.Match) string {
	kind := rules.Route{Dialect: d}.Article()
	if len(d.by) == 0 {
		return kind + " cannot tell requests apart, by its RouteKind; take match out of the step"
	}
	lacking := func(of []v1alpha1.ValueMatch, exact, regex v1alpha1.MatchBy) bool {
		return slices.ContainsFunc(of, func(v v1alpha1.ValueMatch) bool {
			return v.Exact != nil && !d.tells(exact) || v.Regex != nil && !d.tells(regex)
		})
	}
	for _, part := range []struct {
		lacks bool
		what  string
	}{
		{lacking(m.Headers, v1alpha1.ByHeader, v1alpha1.ByHeaderRegex), "this header"},
		{lacking(m.Cookies, v1alpha1.ByCookie, v1alpha1.ByCookie), "cookie"},
		{lacking(m.QueryParams, v1alpha1.ByQueryParam, v1alpha1.ByQueryParamRegex), "this query parameter"},
		{m.Method != nil && !d.tells(v1alpha1.ByMethod), "HTTP method"},
		{len(m.SourceLabels) > 0, "labels of the caller"},
	} {
		if part.lacks {
			return fmt.Sprintf("%s cannot match by %s, by its RouteKind; match by one of %v", kind, part.what, d.by)
		}
	}
	if _, err := rules.ReadMatch(m); err != nil {
		return err.Error()
	}
	return ""
}

// asked is the key of a match under which all that was asked of it is kept, so that it is joined once with the user's.
const asked = "crossfade.io/asked"

// demand is all that is asked of the requests of one of the user's rules besides its own match.
type demand struct {
	Rule rules.Object
	All  rules.Alternative
}

// Conjoin returns a rule with all that ours asks in its match as well.
func (d dialect) Conjoin(a rules.Alternative, rule rules.Object) (rules.Object, error) {
	sum, ok := rule[asked].(demand)
	if !ok {
		sum.Rule = rule
	}
	all, err := both(sum.All, a)
	if err != nil {
		return nil, err
	}
	sum.All = all
	field := d.format.Lists[0].Match
	vars := map[string]any{
		"rule": sum.Rule, "match": sum.Rule[field], "method": all.Method,
		"headers": conditions(all, rules.Headers), "queryParams": conditions(all, rules.QueryParams),
	}
	if reason, err := d.refuses.text(vars); err != nil || reason != "" {
		return nil, cmp.Or(err, errors.New(reason))
	}
	if d.excludes != nil {
		if excluded, err := value[bool](d.excludes, vars); err != nil || excluded {
			return nil, cmp.Or(err, rules.ErrContradiction)
		}
	}
	out := rules.Shallow(sum.Rule)
	if out[field], err = d.joined.json(vars); err != nil {
		return nil, err
	}
	out[asked] = sum
	return out, nil
}

// both returns what asks all of two, each thing once and in a fixed order. Names of headers are in lower case.
func both(a, b rules.Alternative) (rules.Alternative, error) {
	if a.Method != "" && b.Method != "" && a.Method != b.Method {
		return rules.Alternative{}, rules.ErrContradiction
	}
	out := rules.Alternative{Method: cmp.Or(a.Method, b.Method)}
	for _, c := range slices.Concat(a.Conditions, b.Conditions) {
		if c.Field == rules.Headers {
			c.Name = strings.ToLower(c.Name)
		}
		met := false
		for _, other := range out.Conditions {
			if excluding(other, c) {
				return rules.Alternative{}, rules.ErrContradiction
			}
			met = met || compare(other, c) == 0
		}
		if !met {
			out.Conditions = append(out.Conditions, c)
		}
	}
	slices.SortFunc(out.Conditions, compare)
	return out, nil
}

// compare orders conditions by what they say.
func compare(a, b rules.Condition) int {
	kind := func(c rules.Condition) string { return fmt.Sprint(c.Field, c.Regex) }
	return cmp.Or(cmp.Compare(kind(a), kind(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
}

// excluding says that no request can meet both: one value is not another.
func excluding(a, b rules.Condition) bool {
	return a.Field == b.Field && a.Name == b.Name && !a.Regex && !b.Regex && a.Value != b.Value
}

// conditions are those of a field, as expressions see them.
func conditions(a rules.Alternative, field string) []any {
	out := []any{}
	for _, c := range a.Conditions {
		if c.Field == field {
			out = append(out, map[string]any{"name": c.Name, "value": c.Value, "regex": c.Regex})
		}
	}
	return out
}
