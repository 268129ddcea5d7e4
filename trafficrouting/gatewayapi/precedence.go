package gatewayapi

import (
	"slices"
	"strings"

	"crossfade.io/crossfade/trafficrouting/rules"
)

// Precedence of matches whose path is the same: HTTP method, most headers, most query parameters, then the
// order in the route (HTTPRouteRule.matches). Matches with other paths are told apart by the path before
// anything that we add counts, but by Traefik, and rules of other routes may have the same: what copies would take by
// that is refused before a Release may start (takeover.go). Of calls, characters of the service, of the method, most headers, then the
// order (GRPCRouteRule.matches); but there are gateways that count what we add first: Traefik takes the
// longest rule, as text.

// point is a kind of request: all that it is known to meet.
type point struct {
	path   string
	method string
	exact  map[string]string // by field and name
	regex  map[string]bool   // by field, name and expression
	// read holds the expressions that were compiled already.
	read map[string]rules.Expression
}

func (p point) matched(expr, value string) bool {
	e, ok := p.read[expr]
	if !ok {
		e = rules.ExpressionOf(expr)
		p.read[expr] = e
	}
	return e.Matched(value)
}

// Usurped finds a request that one of the user's rules takes and that would go to the copy of another
// one, as a copy has more conditions than its original. It tries every request that meets just two of
// the written matches. The rules are given by their indexes.
func (g grammar) Usurped(user []rules.Rule, written []rules.Written, shielded map[int]bool) (loser, winner int, found bool) {
	if !slices.ContainsFunc(written, func(w rules.Written) bool { return w.Owner != "" }) {
		return 0, 0, false
	}
	before, after := g.rankedRules(user), make([]ranked, 0, len(written))
	route := rules.Route{Dialect: g}
	for _, w := range written {
		after = append(after, ranked{matches: route.Matches(w.Rule), source: w.Source, copied: w.Owner != ""})
	}
	read := map[string]rules.Expression{}
	for _, matches := range byPath(after) {
		for i := range matches {
			for j := i; j < len(matches); j++ {
				p, ok := meeting(matches[i], matches[j], read)
				was := first(before, p, false)
				if !ok || was < 0 {
					continue
				}
				if is := first(after, p, false); was != is {
					return was, is, true
				}
				if is := first(after, p, true); g.calls && was != is && !shielded[was] {
					return was, is, true
				}
			}
		}
	}
	return 0, 0, false
}

// byPath groups the matches of rules, in their order.
func byPath(ranks []ranked) [][]rules.Object {
	at := map[string]int{}
	var groups [][]rules.Object
	for _, r := range ranks {
		for _, match := range r.matches {
			path := pathOf(match)
			if _, ok := at[path]; !ok {
				at[path] = len(groups)
				groups = append(groups, nil)
			}
			groups[at[path]] = append(groups[at[path]], match)
		}
	}
	return groups
}

// ranked is a rule in a contest for requests.
type ranked struct {
	matches []rules.Object
	source  int
	// copied: it is one of our copies.
	copied bool
}

func (g grammar) rankedRules(user []rules.Rule) []ranked {
	route := rules.Route{Dialect: g}
	out := make([]ranked, len(user))
	for i, rule := range user {
		out[i] = ranked{matches: route.Matches(rule), source: i}
	}
	return out
}

// first returns the source of the rule that takes a request; -1 if none does. copiesFirst has every copy
// come before all that is the user's.
func first(ranks []ranked, p point, copiesFirst bool) int {
	source, best := -1, [5]int{-1}
	for _, r := range ranks {
		for _, match := range r.matches {
			rank := rankOf(match)
			if r.copied && copiesFirst {
				rank[0] = 1
			}
			if p.meets(match) && above(rank, best) {
				source, best = r.source, rank
			}
		}
	}
	return source
}

// rankOf leaves the first place to others.
func rankOf(match rules.Object) [5]int {
	service, method := 0, 0
	switch named := match["method"].(type) {
	case string:
		method = 1
	case rules.Object:
		service, method = len(text(named, "service")), len(text(named, "method"))
	}
	return [5]int{0, service, method, len(rules.Objects(match["headers"])), len(rules.Objects(match["queryParams"]))}
}

func text(o rules.Object, field string) string {
	value, _ := o[field].(string)
	return value
}

func above(a, b [5]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

func pathOf(match rules.Object) string {
	path, _ := match["path"].(rules.Object)
	kind, ok := path["type"].(string)
	if !ok {
		kind = "PathPrefix"
	}
	value, ok := path["value"].(string)
	if !ok {
		value = "/"
	}
	return kind + " " + value
}

// meeting returns the request that meets just these two matches of one path, and whether there is one.
func meeting(a, b rules.Object, read map[string]rules.Expression) (point, bool) {
	p := point{path: pathOf(a), exact: map[string]string{}, regex: map[string]bool{}, read: read}
	for _, match := range []rules.Object{a, b} {
		if method, ok := match["method"].(string); ok {
			if p.method != "" && p.method != method {
				return point{}, false
			}
			p.method = method
		}
		for _, t := range termsOf(match) {
			if t.regex {
				p.regex[t.key+" "+t.value] = true
				continue
			}
			if other, ok := p.exact[t.key]; ok && other != t.value {
				return point{}, false
			}
			p.exact[t.key] = t.value
		}
	}
	return p, p.consistent()
}

// consistent says whether every value meets the expressions on the same name.
func (p point) consistent() bool {
	for expression := range p.regex {
		key, expr, _ := strings.Cut(expression, " ")
		if value, ok := p.exact[key]; ok {
			if !p.matched(expr, value) {
				return false
			}
		}
	}
	return true
}

// meets says whether the request meets a match.
func (p point) meets(match rules.Object) bool { return pathOf(match) == p.path && p.asked(match) }

// asked says whether the request has all that a match asks for beside its path.
func (p point) asked(match rules.Object) bool { return p.has(match, termsOf(match)) }

// has says so of a match whose terms are known.
func (p point) has(match rules.Object, terms []term) bool {
	if method, ok := match["method"].(string); ok && method != p.method {
		return false
	}
	for _, t := range terms {
		exact, known := p.exact[t.key]
		switch {
		case !t.regex && (!known || exact != t.value):
			return false
		case t.regex && !p.regex[t.key+" "+t.value] && (!known || !p.matched(t.value, exact)):
			return false
		}
	}
	return true
}

// term is one thing that a match asks of a request by its value.
type term struct {
	key, value string
	regex      bool
}

// termsOf returns what a match asks of headers, of query parameters, and of a call's service and method.
func termsOf(match rules.Object) []term {
	var out []term
	for _, field := range []string{"headers", "queryParams"} {
		for _, item := range rules.Objects(match[field]) {
			name, _ := item["name"].(string)
			value, _ := item["value"].(string)
			if field == "headers" {
				name = strings.ToLower(name)
			}
			out = append(out, term{field + "/" + name, value, item["type"] == "RegularExpression"})
		}
	}
	call, _ := match["method"].(rules.Object)
	for _, part := range []string{"service", "method"} {
		if value := text(call, part); value != "" {
			out = append(out, term{"call/" + part, value, call["type"] == "RegularExpression"})
		}
	}
	return out
}
