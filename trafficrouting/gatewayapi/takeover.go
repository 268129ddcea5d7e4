package gatewayapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// traefik is the controller that compares rules in a way of its own (byTraefik).
const traefik = "traefik.io/gateway-controller"

// gatewayGroups is what the groups of Gateways and ListenerSets begin with, of kinds that are tried out too.
const gatewayGroups = "gateway.networking."

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
	routes := byAge(live)
	f := field{Route: p, routes: routes, place: slices.Index(routes, live.Route), was: p.contenders(unchanged(user), ""), is: p.contenders(written, ""), of: map[int][]contender{}}
	looked := map[trafficrouting.Reference]bool{}
	for _, at := range featuresOf(live) {
		if looked[at.ref] {
			continue
		}
		looked[at.ref] = true
		if at.sums() {
			c := contest{traefikOrder.crowd(f.was), traefikOrder.crowd(f.is), traefikOrder.crowd(nil)}
			loser, winner := c.taken(c.is)
			if loser == nil {
				loser, winner = f.taken(at, traefikOrder)
			}
			if loser != nil {
				return fmt.Sprintf("%s: %s, so that a copy of %s would take requests from %s; take match, mirror and stickiness out, match by less, or give the route a Gateway of another controller%s",
					rules.Title(live), at.adds(), winner, loser, orNamed(loser, winner))
			}
		}
		if at.controller == traefik {
			continue
		}
		if loser, winner := f.taken(at, apiOrder); loser != nil {
			return fmt.Sprintf("%s: a copy of %s would take requests from %s, as their paths are the same and that rule asks for no more than the copy; take match, mirror and stickiness out, or move that rule into this route%s",
				rules.Title(live), winner, loser, orNamed(loser, winner))
		}
	}
	return ""
}

// orNamed is a mend for a route that is at a listener of another one's only as it names none.
func orNamed(loser, winner *contender) string {
	if loser.section == "" || winner.section != "" {
		return ""
	}
	return ", or name the listener by sectionName"
}

// field are a route, by its place, and those that may be at the same parents, the oldest first.
type field struct {
	Route
	routes []*unstructured.Unstructured
	place  int
	// was and is are the contenders of the route before and after a change, of those of the others, as far as they were asked for.
	was, is []contender
	of      map[int][]contender
}

// others are the contenders of another route.
func (f field) others(i int) []contender {
	if _, known := f.of[i]; !known {
		f.of[i] = f.contenders(unchanged(f.Rules(f.routes[i])), rules.Title(trafficrouting.Objects{Route: f.routes[i]}))
	}
	return f.of[i]
}

// taken finds what another route that is attached to a parent would lose; nil if none would.
func (f field) taken(at parent, by order) (loser, winner *contender) {
	listeners, seats, theirs := listenersOf(at.object), []seat(nil), map[string][]rivalSeat{}
	for i, route := range f.routes {
		for _, s := range seatsAt(route, at, listeners, by.ports) {
			if i == f.place {
				seats = append(seats, s)
			} else {
				theirs[s.ground] = append(theirs[s.ground], rivalSeat{s, i})
			}
		}
	}
	looked := map[string]bool{}
	for i, ground := range seats {
		here := func(s seat) bool { return s.ground == ground.ground && s.port == ground.port }
		if slices.ContainsFunc(seats[:i], here) {
			continue
		}
		ours := slices.DeleteFunc(slices.Clone(seats), func(s seat) bool { return !here(s) })
		found, alike := against(ours, theirs[ground.ground])
		if looked[alike] {
			continue
		}
		looked[alike] = true
		var rest []contender
		for _, s := range found {
			rest = append(rest, placed(f.others(s.route), s.route, s.seat)...)
		}
		var was, is []contender
		for _, s := range ours {
			was, is = append(was, placed(f.was, f.place, s)...), append(is, placed(f.is, f.place, s)...)
		}
		c := contest{by.crowd(was), by.crowd(is), by.crowd(by.thinned(rest))}
		if loser, winner = c.taken(c.rest); loser != nil {
			return loser, winner
		}
	}
	return nil, nil
}

// rivalSeat is one of a route, by its place.
type rivalSeat struct {
	seat
	route int
}

// against returns those of other routes that may be asked for what comes to seats of the route, and a text that is the same where
// all of it is: listeners are often alike.
func against(ours []seat, theirs []rivalSeat) (found []rivalSeat, alike string) {
	var text strings.Builder
	for _, s := range ours {
		s.write(&text)
	}
	for _, s := range theirs {
		if s.meets(ours[0]) && slices.ContainsFunc(ours, func(o seat) bool { return overlap(o.hosts, s.hosts) }) {
			found = append(found, s)
			text.WriteString(strconv.Itoa(s.route))
			s.write(&text)
		}
	}
	return found, text.String()
}

// write tells what counts of a seat beside its ground.
func (s seat) write(to *strings.Builder) {
	for _, host := range s.hosts {
		to.WriteString(" ")
		to.WriteString(host)
	}
	to.WriteString("/")
	to.WriteString(s.section)
	to.WriteString("\n")
}

// placed are the contenders of a route among others, as they are in one of its seats.
func placed(of []contender, route int, s seat) []contender {
	out := slices.Clone(of)
	for i := range out {
		out[i].route, out[i].hosts, out[i].section = route, s.hosts, s.section
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

// contenders are the matches of rules, which are those of the route that is looked at where no other one is named.
func (p Route) contenders(written []rules.Written, title string) []contender {
	var out []contender
	for i, w := range written {
		for _, match := range p.Matches(w.Rule) {
			c := claim{match: match, asks: fmt.Sprint(match), path: pathOfMatch(match), terms: termsOf(match), rule: i, of: len(written), source: w.Source, title: title}
			c.headers, c.params = len(rules.Objects(match["headers"])), len(rules.Objects(match["queryParams"]))
			if match["method"] != nil {
				c.method = 1
			}
			out = append(out, contender{claim: &c})
		}
	}
	return out
}

// sums says whether a parent adds up what a rule asks for, or may do so.
func (p parent) sums() bool {
	return strings.HasPrefix(p.ref.Group, gatewayGroups) && (p.controller == traefik || p.controller == "")
}

// adds tells people so.
func (p parent) adds() string {
	if p.controller == traefik {
		return p.title + " is Traefik's, which adds up all that a rule asks for"
	}
	return p.title + " could not be read and may be Traefik's, which adds up all that a rule asks for"
}
