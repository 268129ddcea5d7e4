package gatewayapi

import (
	"fmt"
	"slices"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// traefik is the controller that compares rules in a way of its own (byTraefik).
const traefik = "traefik.io/gateway-controller"

// takeover says which rule would lose requests to a copy of another, and with them what it asks of them, such as a password;
// empty means that none would. What Render makes keeps to the order of the API within the route.
func (p Route) takeover(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if !p.grammar().headers || p.grammar().calls {
		return ""
	}
	user, written, err := p.Arranged(live, owner, splits)
	if err != nil || !slices.ContainsFunc(written, func(w rules.Written) bool { return w.Owner != "" }) {
		return ""
	}
	before, after := p.contenders(user, nil), p.contenders(nil, written)
	for _, parent := range featuresOf(live) {
		if !parent.sums() {
			continue
		}
		if loser, winner, found := ranking(byTraefik).taken(before, after, after, after); found {
			return fmt.Sprintf("%s: %s %s, so that a copy of its %s would take requests from its %s; take match, mirror and stickiness out, match by less, or give the route a Gateway of another controller",
				rules.Title(live), parent.title, parent.adds(), winner.title, loser.title)
		}
	}
	return ""
}

// contenders are the matches of the user's rules, or of what they become.
func (p Route) contenders(user []rules.Rule, written []rules.Written) []contender {
	for i, rule := range user {
		written = append(written, rules.Written{Rule: rule, Source: i})
	}
	var out []contender
	for i, w := range written {
		for _, match := range p.Matches(w.Rule) {
			at := pathOfMatch(match)
			out = append(out, contender{
				match: match, path: at, rule: i, of: len(written), source: w.Source,
				title: fmt.Sprintf("rule %d (%s %s)", w.Source+1, at.kind, at.value),
			})
		}
	}
	return out
}

// sums says whether a parent adds up what a rule asks for, or may do so.
func (p parent) sums() bool { return p.gateway && (p.controller == traefik || p.controller == "") }

// adds tells people so.
func (p parent) adds() string {
	if p.controller == traefik {
		return "is Traefik's, which adds up all that a rule asks for"
	}
	return "could not be read and may be Traefik's, which adds up all that a rule asks for"
}
