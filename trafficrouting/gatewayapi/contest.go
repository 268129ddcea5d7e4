package gatewayapi

import (
	"fmt"
	"slices"
	"strings"

	"crossfade.io/crossfade/trafficrouting/rules"
)

// claim is what a match of a rule asks for.
type claim struct {
	match rules.Object
	path  path
	// asks tells the match from others; of headers, of query parameters and of methods it asks for so many.
	asks                    string
	headers, params, method int
	terms                   []term
	// rule is the index of the rule in its route, of so many.
	rule, of int
	// source is the rule of the user's that it stands for.
	source int
	// title of its route in messages; empty for the one that is looked at.
	title string
}

// contender is a match of a rule that may take requests from a Gateway.
type contender struct {
	*claim
	// hosts of its route there, at one listener; none means that only rules of one route are compared.
	hosts []string
	// section is the listener that its route names there; empty if it names none.
	section string
	// route tells its route from others: the smaller comes first.
	route int
}

// String names the rule in messages.
func (c *contender) String() string {
	rule := fmt.Sprintf("rule %d (%s %s)", c.source+1, c.path.kind, c.path.value)
	if c.title == "" {
		return "its " + rule
	}
	return rule + " of " + c.title
}

// same says whether both stand for one rule of the user's.
func (c *contender) same(other *contender) bool {
	return c.route == other.route && c.source == other.source
}

// rank is a place in an order: the larger comes first, each number before the next. Equal ones have no order.
type rank [9]int

func (r rank) below(other rank) bool { return slices.Compare(r[:], other[:]) < 0 }

// order is what a controller goes by where several rules take a request.
type order struct {
	rank func(c *contender, host string) rank
	// ports: rules of all listeners of a port are compared.
	ports bool
}

var apiOrder, traefikOrder = order{rank: bySpec}, order{rank: byTraefik, ports: true}

// bySpec is the order of the API (HTTPRouteSpec.hostnames, HTTPRouteRule.matches).
func bySpec(c *contender, host string) rank {
	out := rank{0, 0, c.path.order(), len(c.path.value), c.method, c.headers, c.params, -c.route, -c.rule}
	for _, own := range c.hosts {
		if !covers(own, host) {
			continue
		}
		exact := 0
		if own == host && !strings.HasPrefix(own, "*") {
			exact = 1
		}
		if exact > out[0] || exact == out[0] && len(own) > out[1] {
			out[0], out[1] = exact, len(own)
		}
	}
	return out
}

// byTraefik is the sum that Traefik makes of all that a rule and its route ask for at a listener (buildMatchRule and
// loadHTTPRoute in its provider of v3.7.5).
func byTraefik(c *contender, _ string) rank {
	sum := c.of - c.rule + 1000*c.method + 100*c.headers + 10*c.params
	switch {
	case c.path.kind == exactPath:
		sum += 100_000
	case c.path.kind == prefixPath && c.path.value == "/":
		sum++
	default:
		sum += 10_000 + 100*len(c.path.value)
	}
	longest := 0
	for _, host := range c.hosts {
		longest = max(longest, len(host))
	}
	return rank{sum + longest}
}

// request is a kind of request that two matches take.
type request struct {
	point
	host string
	// paths are those of the two; it has both.
	paths [2]path
}

// meets says whether a contender for the request's hostname takes it.
func (r request) meets(c *contender) bool {
	return (c.path.takes(r.paths[0]) || c.path.takes(r.paths[1])) && r.has(c.match, c.terms)
}

// contest is about requests that go to another rule after a change than before: was and is are a route before and after it,
// rest are the others, which stay.
type contest struct{ was, is, rest *crowd }

// taken finds a request that may go to another rule after the change than before, of those that these take.
func (c contest) taken(from *crowd) (loser, winner *contender) {
	read, rankOf := map[string]rules.Expression{}, c.is.order.rank
	for i := range c.is.all {
		w := &c.is.all[i]
		for _, l := range from.sharing(w) {
			if w.same(l) || !w.path.overlaps(l.path) {
				continue
			}
			hosts := slices.DeleteFunc(shared(w.hosts, l.hosts), func(host string) bool { return rankOf(w, host).below(rankOf(l, host)) })
			if len(hosts) == 0 {
				continue
			}
			p, ok := meeting(w.match, l.match, read)
			if !ok {
				continue
			}
			for _, host := range hosts {
				r := request{point: p, host: host, paths: [2]path{w.path, l.path}}
				if best, _ := leaders(r, c.is, c.rest); rankOf(w, host).below(best) {
					continue
				}
				if _, took := leaders(r, c.was, c.rest); len(took) > 0 && !slices.ContainsFunc(took, w.same) {
					return took[len(took)-1], w
				}
			}
		}
	}
	return nil, nil
}
