package gatewayapi

import (
	"regexp"
	"slices"
	"strings"

	"crossfade.io/crossfade/trafficrouting/rules"
)

// contender is a match of a rule that may take requests from a Gateway.
type contender struct {
	match rules.Object
	path  path
	// hosts of its route there; none means that only rules of one route are compared.
	hosts []string
	// route tells its route from others: the smaller comes first. rule is the index of its rule there, of so many.
	route, rule, of int
	// source is the rule of the user's that it stands for, in messages named by title.
	source int
	title  string
}

// order is what a controller goes by where several rules take a request.
type order struct {
	// rank of a rule: the larger comes first, each number before the next. Equal ones have no order.
	rank func(c contender, host string) []int
	// ports: rules of all listeners of a port are compared.
	ports bool
}

var apiOrder, traefikOrder = order{rank: bySpec}, order{rank: byTraefik, ports: true}

// bySpec is the order of the API (HTTPRouteSpec.hostnames, HTTPRouteRule.matches).
func bySpec(c contender, host string) []int {
	out := make([]int, 2, 10)
	for _, own := range c.hosts {
		exact := 0
		if own == host && !strings.HasPrefix(own, "*") {
			exact = 1
		}
		if place := []int{exact, len(own)}; covers(own, host) && slices.Compare(place, out) > 0 {
			copy(out, place)
		}
	}
	method := 0
	if c.match["method"] != nil {
		method = 1
	}
	return append(out, c.path.order(), len(c.path.value), method, len(rules.Objects(c.match["headers"])),
		len(rules.Objects(c.match["queryParams"])), -c.route, -c.rule)
}

// byTraefik is the sum that Traefik makes of all that a rule and its route ask for (buildMatchRule and loadHTTPRoute in its
// provider of v3.7.5).
func byTraefik(c contender, _ string) []int {
	sum := c.of - c.rule
	switch {
	case c.path.kind == exactPath:
		sum += 100_000
	case c.path.kind == prefixPath && c.path.value == "/":
		sum++
	default:
		sum += 10_000 + 100*len(c.path.value)
	}
	if c.match["method"] != nil {
		sum += 1000
	}
	longest := 0
	for _, host := range c.hosts {
		longest = max(longest, len(host))
	}
	return []int{sum + longest + 100*len(rules.Objects(c.match["headers"])) + 10*len(rules.Objects(c.match["queryParams"]))}
}

// request is a kind of request that two matches take.
type request struct {
	point
	host string
	// paths are those of the two; it has both.
	paths [2]path
}

func (r request) meets(c contender) bool {
	hosted := len(c.hosts) == 0 || slices.ContainsFunc(c.hosts, func(own string) bool { return covers(own, r.host) })
	return hosted && (c.path.takes(r.paths[0]) || c.path.takes(r.paths[1])) && r.asked(c.match)
}

// best is the highest rank of those that take a request; nil if none does.
func (o order) best(of []contender, r request) []int {
	var best []int
	for _, c := range of {
		if !r.meets(c) {
			continue
		}
		if place := o.rank(c, r.host); best == nil || slices.Compare(place, best) > 0 {
			best = place
		}
	}
	return best
}

// taken finds a request that may go to another rule after a change than before: it compares each of the changed rules with
// each of others.
func (o order) taken(before, after, changed, others []contender) (loser, winner contender, found bool) {
	read := map[string]rules.Expression{}
	for _, w := range changed {
		for _, l := range others {
			if w.same(l) || !w.path.overlaps(l.path) {
				continue
			}
			p, ok := meeting(w.match, l.match, read)
			if !ok {
				continue
			}
			for _, host := range shared(w.hosts, l.hosts) {
				r := request{point: p, host: host, paths: [2]path{w.path, l.path}}
				place := o.rank(w, host)
				if slices.Compare(place, o.rank(l, host)) < 0 || slices.Compare(place, o.best(after, r)) < 0 {
					continue
				}
				if loser, found := o.lost(before, r, w); found {
					return loser, w, true
				}
			}
		}
	}
	return contender{}, contender{}, false
}

// lost finds who took a request, if that was not the winner already, or may have been.
func (o order) lost(before []contender, r request, winner contender) (loser contender, found bool) {
	best := o.best(before, r)
	for _, c := range before {
		if !r.meets(c) || !slices.Equal(o.rank(c, r.host), best) {
			continue
		}
		if winner.same(c) {
			return contender{}, false
		}
		loser, found = c, true
	}
	return loser, found
}

// same says whether both stand for one rule of the user's.
func (c contender) same(other contender) bool {
	return c.route == other.route && c.source == other.source
}

const (
	exactPath  = "Exact"
	prefixPath = "PathPrefix"
)

// path is what a match asks of a request's path.
type path struct {
	kind, value string
	// expr of a regular expression; nil where it is none, or of another dialect.
	expr *regexp.Regexp
}

func pathOfMatch(match rules.Object) path {
	kind, value, _ := strings.Cut(pathOf(match), " ")
	p := path{kind: kind, value: value}
	if kind != exactPath && kind != prefixPath {
		p.expr, _ = regexp.Compile(value)
	}
	return p
}

// order is 1 for what comes before prefixes of any length.
func (p path) order() int {
	if p.kind == exactPath {
		return 1
	}
	return 0
}

// takes says whether the match takes every request of another path.
func (p path) takes(other path) bool {
	switch {
	case p.kind == other.kind && p.value == other.value:
		return true
	case p.kind == prefixPath && (other.kind == prefixPath || other.kind == exactPath):
		prefix := strings.TrimSuffix(p.value, "/")
		return strings.TrimSuffix(other.value, "/") == prefix || strings.HasPrefix(other.value, prefix+"/")
	case p.kind == prefixPath:
		return p.value == "/"
	case p.kind != exactPath && other.kind == exactPath:
		return p.expr == nil || p.expr.MatchString(other.value)
	}
	return false
}

// overlaps says whether a request may have both paths. Of a regular expression and a prefix that is known only where the
// expression begins with other text.
func (p path) overlaps(other path) bool {
	if p.takes(other) || other.takes(p) {
		return true
	}
	return p.mayBegin(other) && other.mayBegin(p) && p.kind != exactPath && other.kind != exactPath && (p.kind != prefixPath || other.kind != prefixPath)
}

// mayBegin says whether a regular expression may match paths of a prefix.
func (p path) mayBegin(prefix path) bool {
	rest, anchored := strings.CutPrefix(p.value, "^")
	if p.kind == prefixPath || prefix.kind != prefixPath || !anchored || strings.Contains(rest, "|") {
		return true
	}
	expr, err := regexp.Compile(rest)
	if err != nil {
		return true
	}
	text, _ := expr.LiteralPrefix()
	return strings.HasPrefix(text, prefix.value) || strings.HasPrefix(prefix.value, text)
}

// covers says whether a hostname, which may be empty for any or begin with a wildcard, takes all requests for another.
func covers(own, host string) bool {
	suffix, wild := strings.CutPrefix(own, "*")
	return own == "" || own == host || wild && strings.HasSuffix(host, suffix)
}

// shared are the hostnames that both have, the more special one where one covers the other. Where none is known, that is one.
func shared(a, b []string) []string {
	if len(a) == 0 || len(b) == 0 {
		return []string{""}
	}
	var out []string
	for _, one := range a {
		for _, other := range b {
			switch {
			case covers(one, other):
				out = append(out, other)
			case covers(other, one):
				out = append(out, one)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
