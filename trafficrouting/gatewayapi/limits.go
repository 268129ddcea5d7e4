package gatewayapi

import (
	"fmt"

	"crossfade.io/crossfade/trafficrouting/rules"
)

// Limits of the API on a route (HTTPRouteSpec.rules, GRPCRouteSpec.rules).
const (
	maxRules         = 16
	maxMatchesOfRule = 64
	maxMatches       = 128
)

// OneMatch says whether a rule can have only one match: the API admits ReplacePrefixMatch, in a
// filter of the rule or of a backendRef, beside exactly one PathPrefix match.
func (grammar) OneMatch(rule rules.Object) bool {
	filters := rules.Objects(rule["filters"])
	for _, ref := range rules.Objects(rule["backendRefs"]) {
		filters = append(filters, rules.Objects(ref["filters"])...)
	}
	for _, filter := range filters {
		for _, kind := range []string{"urlRewrite", "requestRedirect"} {
			action, _ := filter[kind].(rules.Object)
			path, _ := action["path"].(rules.Object)
			if path["type"] == "ReplacePrefixMatch" {
				return true
			}
		}
	}
	return false
}

// Exceeds says in one sentence which limit of the API the rules exceed; empty means none.
func (grammar) Exceeds(written []rules.Rule) string {
	if len(written) > maxRules {
		return fmt.Sprintf("it would have %d rules and %d is the most; use fewer match entries or split the route", len(written), maxRules)
	}
	total := 0
	for i, rule := range written {
		n := max(1, len(rules.Objects(rule.Body["matches"])))
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
