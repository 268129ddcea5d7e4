package rules

import (
	"fmt"
	"maps"
	"slices"

	"crossfade.io/crossfade/trafficrouting"
)

// alter returns a copy of a rule with the headers and mirrors of its variant.
func (c *composer) alter(rule Rule, w weighing, v variant) (Object, error) {
	body, refs := rule.Body, slices.Clone(w.refs)
	weights := c.Weights(rule)
	for i, headers := range w.headers {
		if headers == nil {
			continue
		}
		alone := true
		for j, weight := range weights {
			alone = alone && (j == i || weight == 0)
		}
		var err error
		if body, refs[i], err = c.Change(body, refs[i], alone, *headers); err != nil {
			return nil, err
		}
	}
	if len(refs) > 0 {
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
		if body, err = c.Mirror(body, c.Renamed(ref, mirror.To.Service), mirror.PPM); err != nil {
			return nil, err
		}
	}
	return body, nil
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

// unalterable says why the kind cannot carry what splits ask beside shares and matches; empty means that it can.
func (r Route) unalterable(splits []trafficrouting.Split) string {
	reason := r.Alters()
	if reason == "" {
		return ""
	}
	for _, s := range splits {
		for _, rule := range s.Rules {
			if rule.Mirror != nil || slices.ContainsFunc(rule.To, func(share trafficrouting.Share) bool { return share.Headers != nil }) {
				return reason
			}
		}
	}
	return ""
}
