package gatewayapi

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// traefik is the controller that compares rules in a way of its own (byTraefik).
const traefik = "traefik.io/gateway-controller"

// takeover says which rule would lose requests to a copy of another, and with them what it asks of them, such as a password;
// empty means that none would. What Render makes keeps to the order of the API within the route.
func (p Route) takeover(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if p.Format().GroupKind != routeKind {
		return ""
	}
	user, written, err := p.Arranged(live, owner, splits)
	if err != nil || !slices.ContainsFunc(written, func(w rules.Written) bool { return w.Owner != "" }) {
		return ""
	}
	before, after := p.contenders(unchanged(user), ""), p.contenders(written, "")
	routes := byAge(live)
	for _, parent := range featuresOf(live) {
		if parent.sums() {
			loser, winner, found := traefikOrder.taken(before, after, after, after)
			if !found {
				loser, winner, found = p.takenAt(live, routes, parent, traefikOrder, before, after)
			}
			if found {
				return fmt.Sprintf("%s: %s, so that a copy of %s would take requests from %s; take match, mirror and stickiness out, match by less, or give the route a Gateway of another controller",
					rules.Title(live), parent.adds(), winner.title, loser.title)
			}
		}
		if parent.controller == traefik {
			continue
		}
		if loser, winner, found := p.takenAt(live, routes, parent, apiOrder, before, after); found {
			return fmt.Sprintf("%s: a copy of %s would take requests from %s, as their paths are the same and that rule asks for no more than the copy; take match, mirror and stickiness out, or move that rule into this route",
				rules.Title(live), winner.title, loser.title)
		}
	}
	return ""
}

// takenAt finds what another route that is attached to a parent would lose.
func (p Route) takenAt(live trafficrouting.Objects, routes []*unstructured.Unstructured, at parent, by order, before, after []contender) (loser, winner contender, found bool) {
	place := slices.Index(routes, live.Route)
	ours := hostsAt(live.Route, at.ref, at.object, by.ports)
	for _, ground := range slices.Sorted(maps.Keys(ours)) {
		var others []contender
		for i, route := range routes {
			hosts := hostsAt(route, at.ref, at.object, by.ports)[ground]
			if i == place || len(hosts) == 0 || len(shared(ours[ground], hosts)) == 0 {
				continue
			}
			theirs := p.contenders(unchanged(p.Rules(route)), rules.Title(trafficrouting.Objects{Route: route}))
			others = append(others, placed(theirs, i, hosts)...)
		}
		was, is := placed(before, place, ours[ground]), placed(after, place, ours[ground])
		if loser, winner, found = by.taken(slices.Concat(was, others), slices.Concat(is, others), is, others); found {
			return loser, winner, true
		}
	}
	return contender{}, contender{}, false
}

// placed are the contenders of a route among others, with its hostnames.
func placed(of []contender, route int, hosts []string) []contender {
	out := slices.Clone(of)
	for i := range out {
		out[i].route, out[i].hosts = route, hosts
	}
	return out
}

// unchanged are the user's rules as they are.
func unchanged(user []rules.Rule) []rules.Written {
	var out []rules.Written
	for i, rule := range user {
		out = append(out, rules.Written{Rule: rule, Source: i})
	}
	return out
}

// contenders are the matches of rules, which are the route's own where no other one is named.
func (p Route) contenders(written []rules.Written, of string) []contender {
	var out []contender
	for i, w := range written {
		for _, match := range p.Matches(w.Rule) {
			at := pathOfMatch(match)
			title := fmt.Sprintf("rule %d (%s %s)", w.Source+1, at.kind, at.value)
			if of == "" {
				title = "its " + title
			} else {
				title += " of " + of
			}
			out = append(out, contender{match: match, path: at, rule: i, of: len(written), source: w.Source, title: title})
		}
	}
	return out
}

// sums says whether a parent adds up what a rule asks for, or may do so.
func (p parent) sums() bool {
	return p.ref.GroupKind == gatewayKind && (p.controller == traefik || p.controller == "")
}

// adds tells people so.
func (p parent) adds() string {
	if p.controller == traefik {
		return p.title + " is Traefik's, which adds up all that a rule asks for"
	}
	return p.title + " could not be read and may be Traefik's, which adds up all that a rule asks for"
}
