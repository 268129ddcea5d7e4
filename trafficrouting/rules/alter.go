package rules

import (
	"fmt"
	"maps"
	"slices"

	"crossfade.io/crossfade/trafficrouting"
)

// alter returns one of the user's rules, or a copy, with the headers and mirrors of its variant. Connections have none.
func (c *composer) alter(rule Rule, w weighing, v variant) (Object, error) {
	body, refs := rule.Body, slices.Clone(w.refs)
	if !c.Format().Lists[rule.List].looksInto() {
		return body, nil
	}
	altered := false
	for i, headers := range w.headers {
		if headers == nil {
			continue
		}
		altered = true
		var err error
		if body, refs[i], err = c.Change(body, refs[i], c.alone(rule, i), *headers); err != nil {
			return nil, err
		}
	}
	if altered {
		body = c.with(Rule{List: rule.List, Body: body}, refs).Body
	}
	for _, base := range slices.Sorted(maps.Keys(v.mirrors)) {
		mirror := v.mirrors[base]
		if mirror == nil || !c.names(rule, base, c.namespace) {
			continue
		}
		ref, err := c.mirrored(rule, base)
		if err != nil {
			return nil, err
		}
		if ref == nil {
			continue
		}
		if body, err = c.Mirror(body, c.Renamed(ref, bare(mirror.To.Service)), *mirror); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// alone says whether a backend gets all requests of a rule, and is not one whose headers are changed in other rules too:
// there are gateways to which a Service is called in one way, whichever rule sends to it.
func (c *composer) alone(rule Rule, ref int) bool {
	weights := c.Weights(rule)
	for i, weight := range weights {
		if i != ref && (weight > 0 || weights[ref] == 0) {
			return false
		}
	}
	name, _ := c.Service(c.Refs(rule)[ref], c.namespace)
	for _, s := range c.splits {
		if slices.ContainsFunc(s.Shares, func(share trafficrouting.Share) bool { return share.Backend.Service == name && share.Headers != nil }) {
			return false
		}
	}
	return true
}

// mirrored returns the backend of a rule that gets all its requests, of which copies can be sent elsewhere; nil if none
// gets any.
func (c *composer) mirrored(rule Rule, base string) (Object, error) {
	var only Object
	served := 0
	weights := c.Weights(rule)
	for i, ref := range c.Refs(rule) {
		if weights[i] == 0 {
			continue
		}
		served++
		if name, ok := c.Service(ref, c.namespace); ok && name == base {
			only = ref
		}
	}
	if only != nil && served > 1 {
		return nil, fmt.Errorf("it sends elsewhere than to one port of Service %s, and a mirror copies all that a rule gets; split the rule or take mirror out of the step", base)
	}
	return only, nil
}

// unlooked says which Service's requests no rule looks into, though they are to be changed; empty means none.
func (c *composer) unlooked(user []Rule) string {
	for _, s := range c.splits {
		changed := slices.ContainsFunc(s.Shares, func(share trafficrouting.Share) bool { return share.Headers != nil })
		takes := func(rule Rule) bool { return c.takes(rule, s, c.namespace) }
		looks := func(rule Rule) bool { return c.Format().Lists[rule.List].looksInto() && takes(rule) }
		if changed && slices.ContainsFunc(user, takes) && !slices.ContainsFunc(user, looks) {
			return s.Base.Service
		}
	}
	return ""
}

// unalterable says why the kind cannot carry what splits ask beside shares and matches; empty means that it can.
func (r Route) unalterable(splits []trafficrouting.Split) string {
	for _, s := range splits {
		if reason := r.Alters(s); s.Alters() && reason != "" {
			return reason
		}
	}
	return ""
}
