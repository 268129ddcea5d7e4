package gatewayapi

import (
	"errors"
	"fmt"

	"crossfade.io/crossfade/trafficrouting"
)

// Limits of the API on a route (HTTPRouteSpec.rules, GRPCRouteSpec.rules).
const (
	maxRules         = 16
	maxMatchesOfRule = 64
	maxMatches       = 128
)

// layer is one match rule of one split: the requests that it takes, and where they go.
type layer struct {
	owner string
	base  string
	anyOf []alternative
	to    []trafficrouting.Share
}

// layersOf returns the match rules of an owner. The first one decides, so it comes last: what is laid
// over the others wins.
func layersOf(owner string, splits []trafficrouting.Split) ([]layer, error) {
	var out []layer
	for _, s := range splits {
		for i := len(s.Rules) - 1; i >= 0; i-- {
			l := layer{owner: owner, base: s.Base.Service, to: s.Rules[i].To}
			for _, m := range s.Rules[i].AnyOf {
				read, err := alternativeOf(m)
				if err != nil {
					return nil, err
				}
				l.anyOf = append(l.anyOf, read)
			}
			out = append(out, l)
		}
	}
	return out, nil
}

// variant is one of the user's rules, or a copy of it for the requests that some layers take.
type variant struct {
	matches []object
	to      assignment
	// owner of the layer that was laid last. Empty for the user's rule itself.
	owner  string
	source int
}

// block returns one of the user's rules with its copies before it, in the order in which they win.
func (c *composer) block(source int, rule object) ([]variant, error) {
	out := []variant{{matches: c.matchesOf(rule), to: c.shares, source: source}}
	for i, l := range c.layers {
		if !c.shielded[source] && !names(rule, l.base, c.namespace) {
			continue
		}
		var next []variant
		for _, v := range out {
			copied, err := l.copyOf(v)
			if err != nil {
				return nil, fmt.Errorf("rule %d: %w", source+1, err)
			}
			if len(copied.matches) > 0 && names(rule, l.base, c.namespace) {
				c.met[i] = true
			}
			next = append(next, copied, v)
		}
		out = reachable(next)
		if len(out) > maxRules {
			return nil, fmt.Errorf("rule %d would need %d copies and a route can have %d rules; use fewer match entries", source+1, len(out)-1, maxRules)
		}
	}
	return out, nil
}

// copyOf returns the copy of a variant for the layer's requests. It has no matches if no request meets
// both.
func (l layer) copyOf(v variant) (variant, error) {
	out := variant{to: assignment{}, owner: l.owner, source: v.source}
	for service, shares := range v.to {
		out.to[service] = shares
	}
	out.to[l.base] = l.to
	for _, match := range v.matches {
		for _, a := range l.anyOf {
			joined, err := a.conjoin(match)
			if errors.Is(err, errContradiction) {
				continue
			}
			if err != nil {
				return variant{}, err
			}
			out.matches = append(out.matches, joined)
		}
	}
	return out, nil
}

// reachable drops from the copies every match that stands in an earlier one already, which always wins,
// and the copies that are left without any.
func reachable(variants []variant) []variant {
	seen := map[string]bool{}
	var out []variant
	for _, v := range variants {
		if v.owner == "" {
			out = append(out, v)
			continue
		}
		var matches []object
		for _, match := range v.matches {
			if text, err := compact(match); err == nil && !seen[text] {
				seen[text] = true
				matches = append(matches, match)
			}
		}
		if len(matches) > 0 {
			v.matches = matches
			out = append(out, v)
		}
	}
	return out
}

// onePerRule says whether a rule can have only one match: the API admits ReplacePrefixMatch, in a
// filter of the rule or of a backendRef, beside exactly one PathPrefix match.
func onePerRule(rule object) bool {
	filters := objects(rule["filters"])
	for _, ref := range refsOf(rule) {
		filters = append(filters, objects(ref["filters"])...)
	}
	for _, filter := range filters {
		for _, kind := range []string{"urlRewrite", "requestRedirect"} {
			action, _ := filter[kind].(object)
			path, _ := action["path"].(object)
			if path["type"] == "ReplacePrefixMatch" {
				return true
			}
		}
	}
	return false
}

// spread returns the variants with one match in each copy.
func spread(variants []variant) []variant {
	var out []variant
	for _, v := range variants {
		if v.owner == "" {
			out = append(out, v)
			continue
		}
		for _, match := range v.matches {
			single := v
			single.matches = []object{match}
			out = append(out, single)
		}
	}
	return out
}

// overLimit says in one sentence which limit of the API the rules exceed; empty means none.
func overLimit(rules []object) string {
	if len(rules) > maxRules {
		return fmt.Sprintf("it would have %d rules and %d is the most; use fewer match entries or split the route", len(rules), maxRules)
	}
	total := 0
	for i, rule := range rules {
		n := max(1, len(objects(rule["matches"])))
		if n > maxMatchesOfRule {
			return fmt.Sprintf("its rule %d would have %d matches and %d is the most; use fewer match entries", i+1, n, maxMatchesOfRule)
		}
		total += n
	}
	if total > maxMatches {
		return fmt.Sprintf("it would have %d matches in all its rules and %d is the most; use fewer match entries", total, maxMatches)
	}
	return ""
}
